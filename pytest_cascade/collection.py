"""Bad marks fail the collection of their file, through its report: clean under xdist too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import FunctionType
from typing import Final

import pytest

from .concern import concerns_us, is_marked, recorder_of
from .errors import MarkerError
from .markers import COUNT_MARKERS, MARKERS

BEGINNINGS: Final = ("expect_", "cascade_")
"""How our markers begin."""

NEEDED_BY_TESTS: Final = (".judging", ".making", ".session", ".work.inspector")
"""Modules that tests which concern us need while they run."""


def checked_report(
    collector: pytest.Collector, report: pytest.CollectReport
) -> pytest.CollectReport:
    """Turn ``report`` into a failed one if a mark of what it collected makes no sense."""
    if report.passed:
        items = [node for node in report.result or () if isinstance(node, pytest.Item)]
        if any(concerns_us(item) for item in items):
            _get_ready(collector.config)
        errors = dict.fromkeys(
            [*_bad_marks(items), *_mistyped_marks(items), *_misused_functions(collector)]
        )
        if errors:
            report.outcome = "failed"
            report.longrepr = "\n".join(errors)
            report.result = []
    return report


def _get_ready(config: pytest.Config) -> None:
    """Import what tests will need before the first one runs: in a test, files may be fakes."""
    recorder_of(config)
    for module in NEEDED_BY_TESTS:
        import_module(module, __package__)


def _bad_marks(items: Iterable[pytest.Item]) -> Iterator[str]:
    for item in filter(is_marked, items):
        from .reading import validate

        try:
            recorder_of(item.config).wanted |= validate(item)
        except MarkerError as error:
            yield str(error)


def _mistyped_marks(items: Iterable[pytest.Item]) -> Iterator[str]:
    """Find marks that are nearly one of ours, and nobody's: they would claim nothing."""
    for item in items:
        for mark in item.iter_markers():
            if mark.name.startswith(BEGINNINGS) and mark.name not in MARKERS:
                yield from _mistyped(item, mark.name)


def _mistyped(item: pytest.Item, name: str) -> Iterator[str]:
    from difflib import get_close_matches

    from .levels import location

    lines = item.config.getini("markers")
    nearest = get_close_matches(name, MARKERS, n=1, cutoff=0.8)
    if nearest and name not in {re.split("[:(]", line)[0].strip() for line in lines}:
        yield f"{location(item)}: there is no marker {name!r}, did you mean {nearest[0]!r}?"


def _misused_functions(collector: pytest.Collector) -> Iterator[str]:
    """Find ``mark(function)``: it marks the function, and the test it should mark is lost."""
    # No subclass of Module: those of pytest's doctest plugin hold no tests in their module.
    if not isinstance(collector, pytest.Class) and type(collector) is not pytest.Module:
        return
    # The exact type: asking isinstance wakes lazy objects up.
    functions = [each for each in vars(collector.obj).values() if type(each) is FunctionType]
    for function in functions:
        for mark in getattr(function, "pytestmark", ()):
            if mark.name in COUNT_MARKERS and not mark.args and not mark.kwargs:
                from .claims import NO_COUNT
                from .levels import location

                path = location(collector).rpartition(":")[0]
                yield f"{path}:{function.__code__.co_firstlineno}: {mark.name}: {NO_COUNT}"
