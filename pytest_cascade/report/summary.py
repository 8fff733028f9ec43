"""What the end of a session says: one line when all is well, and what was asked for beside it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pytest

from pytest_cascade.carrier import carried
from pytest_cascade.concern import RECORDER
from pytest_cascade.leftovers import lines as leftover_lines
from pytest_cascade.options import SETTINGS, VERBOSITY
from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.recording.counts import told_counts, told_verdict
from pytest_cascade.words import plural
from pytest_cascade.work.plain import of_plain_data

from .annotations import annotation
from .terminal import EVERY_LINE, detail_of, timeline

SUMMED: Final = ("iterations", "resolves", "hits")
"""The counts of all tests together that are told."""

HELD_BACK: Final = (
    "cascade: benchmarks were not measured: --benchmark-disable is on, "
    "and --benchmark-enable overrides it"
)

COLOURS: Final[Mapping[Any, dict[str, bool]]] = {
    "pass": {"green": True},
    "fail": {"red": True},
    "inconclusive": {"yellow": True},
}
"""How a verdict is coloured; the word stands beside it."""

UNLIMITED: Final = 1_000

QUIET: Final = -1
"""At this verbosity and below, nothing is told that is not asked for."""


def tell(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write all there is to tell."""
    settings = config.stash[SETTINGS]
    reports = [each for each in _reports(reporter) if getattr(each, "when", None) == "call"]
    if settings.bench_held_back:
        reporter.write_line(HELD_BACK)
    if settings.bench:
        _tell_benches(reporter)
    if settings.explain:
        _tell_timelines(reporter, config)
    lines = [*_work(reports)] if config.get_verbosity() > QUIET else []
    if RECORDER in config.stash:
        lines += leftover_lines(config)
    for line in lines:
        reporter.write_line(line)
    if "GITHUB_ACTIONS" in os.environ:
        for line in _annotations(reports, config):
            reporter.write_line(line)


def _reports(reporter: pytest.TerminalReporter) -> Iterator[Any]:
    for category, reports in reporter.stats.items():
        if category != "rerun":
            yield from reports


def _work(reports: Iterable[Any]) -> Iterator[str]:
    """A line for each engine that ran."""
    by_engine: dict[str, list[Any]] = {}
    unexpected = 0
    for report in reports:
        unexpected += told_verdict(report) is not None
        for engine, counts in told_counts(report).items():
            by_engine.setdefault(engine, []).append(counts)
    for engine, tests in sorted(by_engine.items()):
        total: Counter[str] = Counter()
        for counts in tests:
            total.update(counts)
        who = "an engine" if engine == DEFAULT_ENGINE else repr(engine)
        counted = [_times(total[name], name[:-1]) for name in SUMMED if name in total]
        yield f"cascade: {_times(len(tests), 'test')} ran {who}: {', '.join(counted)}"
    if unexpected:
        yield f"cascade: {_times(unexpected, 'test')} did unexpected work"


def _times(count: int, what: str) -> str:
    return f"{count:,} {plural(count, what)}"


def _tell_benches(reporter: pytest.TerminalReporter) -> None:
    measured = [*carried(reporter, "benches")]
    if measured:
        from .benchmark import table, unclear

        reporter.write_sep("=", "cascade benchmarks")
        for line, verdict in table(measured, _width(reporter)):
            reporter.write_line(line, **COLOURS.get(verdict, {}))
        for line in unclear(measured):
            reporter.write_line(f"cascade: inconclusive: {line}", yellow=True)


def _width(reporter: pytest.TerminalReporter) -> int:
    """Columns there are; a file or a log has as many as it takes."""
    return reporter.config.get_terminal_writer().fullwidth if reporter.isatty else UNLIMITED


def _tell_timelines(reporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reporter.write_sep("=", "cascade plans")
    verbosity = config.get_verbosity(VERBOSITY)
    detail = EVERY_LINE if verbosity < 1 else detail_of(verbosity)
    for test, data in carried(reporter, "work"):
        record = of_plain_data(data)
        whose = "" if record.engine == DEFAULT_ENGINE else f", {record.engine}"
        counts = f"{_times(record.resolves, 'resolve')}, {_times(record.hits, 'hit')}"
        reporter.write_line(f"{test}{whose}: {counts}")
        for line in timeline(record, str(config.rootpath), detail):
            reporter.write_line(line)


def _annotations(reports: Iterable[Any], config: pytest.Config) -> Iterator[str]:
    for report in reports:
        verdict = told_verdict(report)
        if verdict is not None and report.failed:
            path, line, _ = report.location
            yield annotation(
                os.path.realpath(config.rootpath / path),
                (line or 0) + 1,
                report.nodeid,
                verdict,
                os.environ.get("GITHUB_WORKSPACE"),
            )
