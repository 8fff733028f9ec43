"""The markers: one table, from which registration, help, validation and parsing come.

Imported with every pytest run: the words for ``--markers`` are not, until they are registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import pytest

COUNT_MARKERS: Final[Mapping[str, str]] = {
    "expect_resolves": "resolves",
    "expect_cache_hits": "hits",
    "expect_cache_misses": "misses",
    "expect_builds": "builds",
    "expect_runs": "runs",
    "expect_iterations": "iterations",
    "expect_evictions": "evictions",
    "expect_executions": "executions",
    "expect_attempts": "attempts",
    "expect_reuses": "reuses",
}
"""Marker -> the counter it is about."""

OPTION_MARKERS: Final = ("cascade_engine", "cascade_bench")
"""Markers that take options by keyword."""

MARKERS: Final = frozenset({*COUNT_MARKERS, *OPTION_MARKERS})

COUNT_ARGUMENTS: Final = "count, *, exactly, at_least, at_most, engine"
TASK_ARGUMENTS: Final = f"[task], {COUNT_ARGUMENTS}, **task_counts"


def register(config: pytest.Config) -> None:
    """Tell pytest the names, for ``--strict-markers`` and ``--markers``."""
    for line in help_lines():
        config.addinivalue_line("markers", line)


def help_lines() -> Iterable[str]:
    """What ``--markers`` says: signature and meaning of each marker."""
    from .counted import COUNTED
    from .keyword_marks import BENCH_OPTIONS, ENGINE_OPTIONS

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
