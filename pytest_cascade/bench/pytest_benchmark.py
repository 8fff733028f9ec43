"""Results for pytest-benchmark: the one file that knows its inside.

Its public interface is a fixture that measures one function by itself, so measured rounds can only
be handed over by what it keeps for its own reports: ``config._benchmarksession.benchmarks``, a
list of ``pytest_benchmark.stats.Metadata``. Metadata is made from an object that has the
attributes of ``Handover``. Held to the lowest and the newest supported version by
``tests/plugin/test_pytest_benchmark.py``.
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_cascade.carrier import PlainData

from .measure import LONG_ENOUGH_NS, Schedule
from .profiles import file_name
from .results import Contender

FIXTURE = "cascade_bench"


@dataclass(slots=True)
class Handover:
    """What ``Metadata`` reads of pytest-benchmark's own fixture."""

    name: str
    fullname: str
    group: str | None
    param: str | None
    params: dict[str, Any] | None
    extra_info: dict[str, Any] = field(default_factory=dict)
    cprofile_stats: pstats.Stats | None = None
    has_error: bool = False


class Selection:
    """A plugin of its own, so that only sessions pay for it that select benchmarks."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Have our benchmarks taken for some while ``--benchmark-only`` or ``-skip`` select.

        A test is one to pytest-benchmark if it requests the fixture ``benchmark``.
        """
        found = {id(names): names for item in items if FIXTURE in (names := _fixtures(item))}
        ours = [names for names in found.values() if "benchmark" not in names]
        for names in ours:
            names.append("benchmark")
        try:
            return (yield)
        finally:
            for names in ours:
                names.remove("benchmark")


def _fixtures(item: pytest.Item) -> list[str]:
    names: list[str] = getattr(item, "fixturenames", [])
    return names


def wants_results(config: pytest.Config) -> bool:
    """Tell whether pytest-benchmark is here and measures; under xdist it does not."""
    session = getattr(config, "_benchmarksession", None)
    is_worker = hasattr(config, "workerinput")
    return session is not None and not session.disabled and not is_worker


def wants_profiles(config: pytest.Config) -> bool:
    """Tell whether pytest-benchmark is to show profiles: ``--benchmark-cprofile``."""
    return wants_results(config) and config._benchmarksession.cprofile_sort_by is not None  # type: ignore[attr-defined]


def disables_gc(item: pytest.Item) -> bool:
    """Tell whether the garbage collector is to be off: ``--benchmark-disable-gc``, or by a mark."""
    mark = item.get_closest_marker("benchmark")
    option = item.config.getoption("benchmark_disable_gc", False)
    return bool(option if mark is None else mark.kwargs.get("disable_gc", option))


def hand_over(
    item: pytest.Item,
    contenders: Collection[Contender],
    schedule: Schedule,
    *,
    label: str,
    extra: Mapping[str, PlainData],
    profiles: Mapping[str, cProfile.Profile],
) -> None:
    """Put measured contenders beside pytest-benchmark's own, in seconds for each iteration.

    Args:
        item: The test.
        contenders: What was measured.
        schedule: How.
        label: Tells further benchmarks of one test apart; empty for the first.
        extra: What goes into ``extra_info``, by contender.
        profiles: What ``--benchmark-cprofile`` is to show, by contender.
    """
    from pytest_benchmark import stats

    new: Any = stats.Metadata
    session: Any = item.config._benchmarksession  # type: ignore[attr-defined]
    options = {
        "disable_gc": schedule.disable_gc,
        "timer": "perf_counter_ns",
        "min_rounds": schedule.rounds,
        "max_time": schedule.max_time_s,
        "min_time": LONG_ENOUGH_NS / 1e9,
        "warmup": schedule.warmup,
    }
    for each in contenders:
        parts = [label, each.name] if len(contenders) > 1 else [label]
        handover = _handover(item, each.name, parts, extra[each.name])
        made: Any = new(handover, iterations=each.rounds[0].iterations, options=options)
        for measured in each.rounds:
            made.stats.update(measured.ns_per_iteration / 1e9)
        if each.name in profiles:
            made.cprofile_stats = pstats.Stats(profiles[each.name])
            _dump(made.cprofile_stats, session.cprofile_dump, handover.name)
        session.benchmarks.append(made)


def _handover(
    item: pytest.Item, contender: str, parts: Sequence[str], extra: PlainData
) -> Handover:
    """Name a contender as if it were one of the test's parameters."""
    callspec, mark = getattr(item, "callspec", None), item.get_closest_marker("benchmark")
    param = "-".join(filter(None, (callspec.id if callspec else "", *parts)))
    suffix = f"[{param}]" if param else ""
    name = getattr(item, "originalname", None) or item.name
    return Handover(
        f"{name}{suffix}",
        f"{item.nodeid.removesuffix(item.name)}{name}{suffix}",
        mark.kwargs.get("group") if mark else None,
        param or None,
        {**(callspec.params if callspec else {}), "contender": contender},
        dict(extra),
    )


def _dump(stats: pstats.Stats, prefix: str | bool, name: str) -> None:
    """Write a profile where ``--benchmark-cprofile-dump`` says."""
    if prefix:
        path = Path(f"{prefix}-{file_name(name)}.prof")
        path.parent.mkdir(parents=True, exist_ok=True)
        stats.dump_stats(path)
