"""Bad marks fail the collection of their file, through its report: clean under xdist too."""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType

import pytest

from . import markers
from .claims import NO_COUNT
from .errors import MarkerError
from .levels import location


def checked_report(
    collector: pytest.Collector, report: pytest.CollectReport
) -> pytest.CollectReport:
    """Turn ``report`` into a failed one if a mark of what it collected makes no sense."""
    if report.passed:
        errors = dict.fromkeys([*_bad_marks(report), *_misused_functions(collector)])
        if errors:
            report.outcome = "failed"
            report.longrepr = "\n".join(errors)
            report.result = []
    return report


def _bad_marks(report: pytest.CollectReport) -> Iterator[str]:
    for node in report.result or ():
        if isinstance(node, pytest.Item) and markers.is_marked(node):
            try:
                markers.validate(node)
            except MarkerError as error:
                yield str(error)


def _misused_functions(collector: pytest.Collector) -> Iterator[str]:
    """Find ``mark(function)``: it marks the function, and the test it should mark is lost."""
    # No subclass of Module: those of pytest's doctest plugin hold no tests in their module.
    if not isinstance(collector, pytest.Class) and type(collector) is not pytest.Module:
        return
    # The exact type: asking isinstance wakes lazy objects up.
    functions = [each for each in vars(collector.obj).values() if type(each) is FunctionType]
    for function in functions:
        for mark in getattr(function, "pytestmark", ()):
            if mark.name in markers.COUNT_MARKERS and not mark.args and not mark.kwargs:
                path = location(collector).rpartition(":")[0]
                yield f"{path}:{function.__code__.co_firstlineno}: {mark.name}: {NO_COUNT}"
