"""What ``--cascade-compare`` holds the work of a test against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from pytest_cascade.expectations import Violation
from pytest_cascade.levels import shown_path
from pytest_cascade.options import SETTINGS
from pytest_cascade.work.record import WorkRecord

from .compare import grown, shrunk
from .counts import counts_of
from .file import NoRecordingError, Recording, read_recording

BASELINE: Final = pytest.StashKey["Baseline"]()
"""Where a configuration keeps what it compares with."""


class Baseline:
    """A recording to compare with.

    Args:
        path: How the file is called in texts.
        recording: What it holds.
        ratchet: Whether less work is wrong, too.
    """

    def __init__(self, path: str, recording: Recording, *, ratchet: bool) -> None:
        self.path = path
        self.recording = recording
        self._ratchet = ratchet

    def violations(self, test: str, records: Mapping[str, WorkRecord]) -> Iterator[Violation]:
        """Name what ``test`` did more than recorded; under the ratchet, what it did less, too.

        A test that is not in the file is new, and nothing is wrong with it.
        """
        for engine, tests in self.recording.items():
            if test not in tests:
                continue
            now = counts_of(records.get(engine) or WorkRecord(engine=engine))
            more, less = grown(tests[test], now), shrunk(tests[test], now)
            whose = "work" if len(self.recording) == 1 else f"work of {engine}"
            if more:
                yield Violation(f"{self.path}: {whose} grew", more, engine)
            if less and self._ratchet:
                renew = f"renew the file: run all tests with --cascade-record {self.path}"
                yield Violation(f"{self.path}: {whose} shrank", f"{less}; {renew}", engine)


def read_baseline(config: pytest.Config) -> Baseline:
    """Read the file that ``--cascade-compare`` names.

    Raises:
        pytest.UsageError: there is none, or it is no recording.
    """
    settings = config.stash[SETTINGS]
    path = settings.compare
    assert path is not None
    shown = shown_path(path, str(config.rootpath))
    try:
        return Baseline(shown, read_recording(path), ratchet=settings.ratchet)
    except NoRecordingError as error:
        raise pytest.UsageError(
            f"--cascade-compare: {shown}: {error} (make one with --cascade-record {shown})"
        ) from None
