"""What a session records and compares, in the process that reports to the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cascade.levels import shown_path
from pytest_cascade.loop_watch import LoopWatch
from pytest_cascade.options import SETTINGS
from pytest_cascade.words import first_few, plural

from .baseline import BASELINE
from .counts import told_counts
from .file import Counts, NoRecordingError, Recording, read_recording, write_recording
from .names import plain_name

if TYPE_CHECKING:
    from pytest_cascade.options import Settings

TESTS_TOLD: Final = 5
"""So many tests are named in a line of the summary."""

UNFINISHED: Final = frozenset(
    {
        pytest.ExitCode.INTERRUPTED,
        pytest.ExitCode.INTERNAL_ERROR,
        pytest.ExitCode.USAGE_ERROR,
    }
)
"""How sessions end whose work is not the work of the suite."""


class Keeper(LoopWatch):
    """A plugin of its own, so that only sessions that record or compare pay for it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._settings: Settings = config.stash[SETTINGS]
        self._baseline = config.stash.get(BASELINE, None)
        self._rootdir = str(config.rootpath)
        self._work: dict[str, Mapping[str, Counts]] = {}
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the counts of a test; of several attempts at it those of the last."""
        if report.when == "call":
            self._work[plain_name(report.nodeid, self._config)] = told_counts(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(
        self, session: pytest.Session, exitstatus: int | pytest.ExitCode
    ) -> None:
        """Write the file, if the whole suite that was asked for has run."""
        options = session.config.option
        runs_tests = self.loops_begun or exitstatus != pytest.ExitCode.OK  # no `--fixtures`
        if options.collectonly or options.setuponly or not runs_tests:
            return
        if self._baseline is not None:
            self._lines += self._compared(self._baseline.path, self._baseline.recording)
        if self._settings.record is not None:
            why_not = ""
            if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
                why_not = "no test ran"
            elif not self.loops_ended or exitstatus in UNFINISHED:
                why_not = "the session did not run to its end"
            try:
                self._lines += self._record(self._settings.record, why_not)
            except OSError as error:
                self._lines.append(f"cascade: --cascade-record: {error}")
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell of the files."""
        for line in self._lines:
            terminalreporter.write_line(line)

    def _recording(self) -> Recording:
        engines = {engine for counts in self._work.values() for engine in counts}
        return {
            engine: {test: each[engine] for test, each in self._work.items() if engine in each}
            for engine in engines
        }

    def _record(self, path: str, why_not: str) -> Iterator[str]:
        shown = shown_path(path, self._rootdir)
        if why_not:
            yield f"cascade: {shown} was not written, for {why_not}"
            return
        now = self._recording()
        try:
            before: Recording | None = read_recording(path)
        except NoRecordingError:
            before = None
        write_recording(path, now)
        tests = len(_tests(now))
        told = f"cascade: recorded the work of {tests} {plural(tests, 'test')} in {shown}"
        gone = set() if before is None else _tests(before) - _tests(now)
        yield told + (f"; it has no more {_named(gone)}" if gone else "")

    def _compared(self, shown: str, before: Recording) -> Iterator[str]:
        now = _tests(self._recording())
        known = _tests(before)
        both = len(now & known)
        yield f"cascade: compared the work of {both} {plural(both, 'test')} with {shown}"
        if now - known:
            yield f"cascade: new, not in {shown}: {_named(now - known)}"
        idle = (known - now) & self._work.keys()
        if idle:
            yield f"cascade: in {shown}, but ran no engine here: {_named(idle)}"
        absent = known - now - self._work.keys()
        if absent:
            yield f"cascade: in {shown}, but not run here: {_named(absent)}"


def _tests(recording: Recording) -> set[str]:
    return {test for tests in recording.values() for test in tests}


def _named(tests: set[str]) -> str:
    return first_few(sorted(tests), TESTS_TOLD)
