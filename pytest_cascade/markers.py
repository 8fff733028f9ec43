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

BENCH_MARKERS: Final = ("expect_speedup", "expect_tps", "expect_cost")
"""Markers that claim something of the contenders of a benchmark."""

OPTION_MARKERS: Final = ("cascade_engine", "cascade_bench")
"""Markers that take options by keyword."""

MARKERS: Final = frozenset({*COUNT_MARKERS, *BENCH_MARKERS, *OPTION_MARKERS})

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
        elif counter == "resolves":
            arguments += ", allow_fallbacks"
        yield (
            f"{name}({arguments}): fail unless the number of {counted.meaning}{tasks} in the "
            "test's call phase is as stated; a count may be a function of the test's parameters, "
            "and None lifts an inherited mark."
        )
    yield (
        "expect_speedup(contender, *, over, at_least, at_most, between, confidence): under "
        "--cascade-bench, fail if the contender of `cascade_bench.compare` is not so many times as "
        "fast as the other one."
    )
    yield (
        "expect_tps([contender], *, at_least, at_most, between, confidence): under "
        "--cascade-bench, fail if iterations per second are not as stated; holds for one machine."
    )
    yield (
        "expect_cost([contender], *, at_least, at_most, between, unit): fail if an iteration does "
        'not take so many calls (unit="opcodes": opcodes) of Python; counted, with and without '
        "--cascade-bench."
    )
    yield (
        f"cascade_engine(*, {', '.join(ENGINE_OPTIONS)}): options of the engine that the fixture "
        "`engine` makes; solver is a callable that makes one."
    )
    yield (
        f"cascade_bench(*, {', '.join(BENCH_OPTIONS)}): how the fixture `cascade_bench` measures "
        "(rounds is a minimum; ratios maps a label to two contenders)."
    )
