"""The markers: one table, from which registration, help, validation and parsing come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import pytest

from .claims import Claim, check_parameters, parse_claims
from .errors import MarkerError
from .expectations import COUNTED, Expectation
from .keyword_marks import BENCH_OPTIONS, ENGINE_OPTIONS, Option, OptionRule, parse_options
from .levels import location, nearest

T = TypeVar("T")

COUNT_MARKERS: Final[Mapping[str, str]] = {
    "expect_resolves": "resolves",
    "expect_cache_hits": "hits",
    "expect_cache_misses": "misses",
    "expect_builds": "builds",
    "expect_iterations": "iterations",
    "expect_evictions": "evictions",
    "expect_executions": "executions",
    "expect_attempts": "attempts",
    "expect_reuses": "reuses",
}
"""Marker -> the counter it is about."""

OPTION_MARKERS: Final[Mapping[str, Mapping[str, OptionRule]]] = {
    "cascade_engine": ENGINE_OPTIONS,
    "cascade_bench": BENCH_OPTIONS,
}
"""Marker -> the keywords it takes."""

MARKERS: Final = frozenset({*COUNT_MARKERS, *OPTION_MARKERS})

COUNT_ARGUMENTS: Final = "count, *, exactly, at_least, at_most, engine"
TASK_ARGUMENTS: Final = f"[task], {COUNT_ARGUMENTS}, **task_counts"


def register(config: pytest.Config) -> None:
    """Tell pytest the names, for ``--strict-markers`` and ``--markers``."""
    for line in help_lines():
        config.addinivalue_line("markers", line)


def help_lines() -> Iterable[str]:
    """What ``--markers`` says: signature and meaning of each marker."""
    for name, counter in COUNT_MARKERS.items():
        counted = COUNTED[counter]
        arguments, tasks = COUNT_ARGUMENTS, ""
        if counted.by_task:
            arguments, tasks = TASK_ARGUMENTS, ", of all tasks or of those named"
        yield (
            f"{name}({arguments}): fail unless the number of {counted.meaning}{tasks} in the "
            "test's call phase is as stated; a count may be a function of the test's parameters, "
            "and None lifts an inherited mark."
        )
    yield (
        f"cascade_engine(*, {', '.join(ENGINE_OPTIONS)}): options of the engine that the fixture "
        "`engine` makes; solver is a callable that makes one."
    )
    yield (
        f"cascade_bench(*, {', '.join(BENCH_OPTIONS)}): how the fixture `cascade_bench` measures "
        "(rounds is a minimum; ratios maps a label to two contenders)."
    )


def is_marked(item: pytest.Item) -> bool:
    """Tell whether a mark of ours is anywhere above ``item``.

    Written as plain loops because every test pays for it.
    """
    node: Any = item
    while node is not None:
        for mark in node.own_markers:
            if mark.name in MARKERS:
                return True
        node = node.parent
    return False


def claims(item: pytest.Item) -> list[Claim]:
    """Read the count marks in force for ``item``.

    Raises:
        MarkerError: a mark makes no sense; the text begins with file and line.
    """

    def parse(mark: pytest.Mark) -> list[Claim]:
        return parse_claims(mark, COUNT_MARKERS[mark.name])

    found = nearest(item, COUNT_MARKERS, parse, lambda claim: claim.subject)
    return [claim for claim in found.values() if not claim.is_lifted]


def expectations(item: pytest.Item) -> list[Expectation]:
    """Read the count marks in force for ``item``, with its parameters and fixtures put in.

    Raises:
        MarkerError: a mark makes no sense, or a function gave no count.
    """
    values: Mapping[str, object] = getattr(item, "funcargs", {})
    in_force = claims(item)
    return _located(item, lambda: [_checked(item, claim).expectation(values) for claim in in_force])


def options(item: pytest.Item, marker: str) -> dict[str, Any]:
    """Read the keywords of one of ``OPTION_MARKERS``, merged over all places.

    Returns:
        The options that were given and not lifted by None.
    """
    rules = OPTION_MARKERS[marker]

    def parse(mark: pytest.Mark) -> list[Option]:
        return parse_options(mark, rules)

    found = nearest(item, (marker,), parse, lambda option: option.name)
    return {name: option.value for name, option in found.items() if option.value is not None}


def validate(item: pytest.Item) -> None:
    """See that all marks of ``item`` make sense.

    Raises:
        MarkerError: one does not; the text begins with file and line.
    """
    in_force = claims(item)
    _located(item, lambda: [_checked(item, claim) for claim in in_force])
    for marker in OPTION_MARKERS:
        options(item, marker)


def _checked(item: pytest.Item, claim: Claim) -> Claim:
    check_parameters(claim, getattr(item, "fixturenames", ()))
    return claim


def _located(item: pytest.Item, read: Callable[[], T]) -> T:
    try:
        return read()
    except MarkerError as error:
        raise MarkerError(f"{location(item)}: {error}") from error.__cause__
