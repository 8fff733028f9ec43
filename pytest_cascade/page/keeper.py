"""Hears what tests told, and writes the page when the session ends."""

from __future__ import annotations

from typing import Any, Final

import pytest

from pytest_cascade.carrier import REPORT_ATTRIBUTE, PlainData
from pytest_cascade.levels import shown_path
from pytest_cascade.loop_watch import LoopWatch
from pytest_cascade.options import SETTINGS
from pytest_cascade.recording.baseline import BASELINE
from pytest_cascade.recording.counts import told_counts, told_verdict
from pytest_cascade.recording.names import plain_name
from pytest_cascade.words import plural
from pytest_cascade.writing import write_whole

from .model import Entry, Failure, Outcome, Session
from .render import render


class PageKeeper(LoopWatch):
    """A plugin of its own, so that only sessions that write a page pay for it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._path: Final = str(config.stash[SETTINGS].report)
        self._tests: dict[str, Entry] = {}
        self._failures: dict[tuple[str, str], Failure] = {}
        self._line = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test told; of several attempts at it what the last did."""
        name = plain_name(report.nodeid, self._config)
        self._failures.pop((name, report.when), None)
        if report.when == "call":
            self._tests[name] = self._entry(name, report)
        message = _message(report) if report.failed else ""
        if report.failed and not _is_for_work(report, message):
            self._failures[name, report.when] = Failure(name, report.when, message)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Hear of a file that could not be collected: its tests do not run."""
        if report.failed:
            failure = Failure(report.nodeid, "collection", _message(report))
            self._failures[report.nodeid, "collection"] = failure

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the page, of a session that did not run to its end as well."""
        options = session.config.option
        if options.collectonly or options.setuponly or not (self.loops_begun or self._failures):
            return
        shown = shown_path(self._path, str(self._config.rootpath))
        try:
            write_whole(self._path, render(self._session()))
        except OSError as error:
            self._line = f"cascade: --cascade-report: {error}"
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        else:
            ran = sum(bool(test.counts) for test in self._tests.values())
            self._line = f"cascade: the work of {ran} {plural(ran, 'test')} is shown in {shown}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell of the page."""
        if self._line:
            terminalreporter.write_line(self._line)

    def _session(self) -> Session:
        baseline = self._config.stash.get(BASELINE, None)
        return Session(
            rootdir=str(self._config.rootpath),
            tests=[self._tests[name] for name in sorted(self._tests)],
            failures=[self._failures[key] for key in sorted(self._failures)],
            is_whole=self.loops_ended > 0,
            compared_with=None if baseline is None else baseline.path,
        )

    def _entry(self, name: str, report: pytest.TestReport) -> Entry:
        told: dict[str, Any] = getattr(report, REPORT_ATTRIBUTE, {})
        page: PlainData = next(iter(told.get("page", ())), {})
        baseline = self._config.stash.get(BASELINE, None)
        before = baseline.recording if baseline and page.get("is_compared", True) else {}
        return Entry(
            name=name,
            outcome=_outcome(report),
            verdict=told_verdict(report) or "",
            counts=told_counts(report),
            before={engine: tests[name] for engine, tests in before.items() if name in tests},
            bounds=page.get("bounds", []),
            work={work["engine"]: work for work in page.get("work", ())},
            benches=told.get("benches", []),
        )


def _outcome(report: pytest.TestReport) -> Outcome:
    if hasattr(report, "wasxfail") and not report.failed:
        return "xfailed" if report.skipped else "xpassed"
    if report.failed:
        return "failed" if told_verdict(report) is None else "unexpected"
    return "skipped" if report.skipped else "passed"


def _is_for_work(report: pytest.TestReport, message: str) -> bool:
    """Tell whether a test failed for its work alone; its own error stands before ours."""
    verdict = told_verdict(report) if report.when == "call" else None
    return verdict is not None and verdict.partition("\n")[0] in message


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The first line of what went wrong."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longrepr) if crash is None else str(crash.message)
    return next(iter(text.strip().splitlines()), "")
