"""What benchmarks found, on its way from a test to the table, through xdist too."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final, TypeAlias

import pytest

PlainData: TypeAlias = dict[str, Any]
"""Dicts, lists, strings and numbers only: what xdist carries on a report."""

BENCHES: Final = pytest.StashKey[list[PlainData]]()
"""Where an item keeps what it measured."""

REPORT_KEY: Final = "cascade_benches"
"""The attribute of a report that carries it."""


class Carrier:
    """A plugin of its own, so that only sessions that measure pay for it."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Hand what a test measured to the report of its call."""
        report = yield
        if call.when == "call" and BENCHES in item.stash:
            setattr(report, REPORT_KEY, item.stash[BENCHES])
            del item.stash[BENCHES]
        return report


def tell(reporter: pytest.TerminalReporter) -> None:
    """Draw the table if anything was measured."""
    reports = [report for reports in reporter.stats.values() for report in reports]
    measured = [bench for report in reports for bench in getattr(report, REPORT_KEY, ())]
    if measured:
        from .report.benchmark import table

        reporter.section("cascade benchmarks")
        reporter.write_line(table(measured))
