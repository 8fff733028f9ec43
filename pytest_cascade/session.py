"""What a block of a test knows of the session it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pytest

from .claims import check_capability
from .concern import recorder_of
from .errors import MarkerError
from .expectations import Expectation, Violation
from .probes.known import ENGINES
from .verdict import failure_text, why_unwatched
from .work.record import WorkRecord
from .work.window import Window


class SessionContext:
    """The session of a configuration: a ``work.blocks.Context``."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @property
    def rootdir(self) -> str:
        """Paths below it are shown relative to it."""
        return str(self._config.rootpath)

    def settle(self, window: Window, engine: str) -> str:
        """Wait for the events of ``engine`` so far; say why its work was not counted, if so."""
        recorder = recorder_of(self._config)
        recorder.settle(window, engine)
        return why_unwatched(engine, window, recorder)

    def known_tasks(self, engine: str) -> Iterable[str]:
        """Name the tasks of ``engine`` that are alive."""
        return recorder_of(self._config).known_tasks(engine)

    def failure_text(self, found: Sequence[Violation], records: Mapping[str, WorkRecord]) -> str:
        """Say what does not hold, in as many words as the user wants."""
        return failure_text(self._config, found, records)

    def check(self, expected: Iterable[Expectation]) -> None:
        """See that what is expected can be counted.

        Raises:
            ValueError: it cannot.
        """
        engines = self._config.stash[ENGINES]
        for each in expected:
            try:
                bounded = each.bound.most is not None
                check_capability("expect", each.counter, each.engine, bounded, engines)
            except MarkerError as error:
                raise ValueError(str(error)) from None
