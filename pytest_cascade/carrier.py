"""Plain data on its way from a test to the process that reports, through xdist too."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any, Final, TypeAlias

import pytest

PlainData: TypeAlias = dict[str, Any]
"""Dicts, lists, strings and numbers only: what xdist carries on a report."""

CARRIED: Final = pytest.StashKey[dict[str, list[PlainData]]]()
"""Where an item keeps what is to be told of it."""

REPORT_ATTRIBUTE: Final = "cascade"
"""The attribute of a report that carries it."""


class Carrier:
    """A plugin of its own, so that only sessions that tell something pay for it."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Hand what a test told to the report of its call."""
        report = yield
        if call.when == "call" and CARRIED in item.stash:
            setattr(report, REPORT_ATTRIBUTE, item.stash[CARRIED])
            del item.stash[CARRIED]
        return report


def carry(item: pytest.Item, what: str, data: Iterable[PlainData]) -> None:
    """Have ``data`` told under the name ``what``."""
    item.stash.setdefault(CARRIED, {}).setdefault(what, []).extend(data)


def carried(reporter: pytest.TerminalReporter, what: str) -> Iterator[tuple[str, PlainData]]:
    """All data that tests told under the name ``what``, with their node ids, in their order."""
    every: list[Any] = [each for reports in reporter.stats.values() for each in reports]
    told = [report for report in every if hasattr(report, REPORT_ATTRIBUTE)]
    for report in sorted(told, key=lambda report: report.start):
        for data in getattr(report, REPORT_ATTRIBUTE).get(what, ()):
            yield report.nodeid, data
