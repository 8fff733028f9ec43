"""Fixtures and markers as a user types them: held to be clean by type checkers, and run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

import cascade_core as cs
from pytest_cascade import (
    CacheInspector,
    CascadeBench,
    Results,
    SpiedSolver,
    UnexpectedWork,
    WorkRecord,
    WorkView,
    at_least,
    at_most,
)


@cs.task
def noop(dep: object = None) -> str:
    return "ok"


@cs.task
def passing(n: int, dep: object = None) -> cs.LazyResult[str] | str:
    return passing(n - 1, dep) if n else "done"


@pytest.fixture
def warm(engine: cs.Engine) -> cs.Engine:
    cs.run(noop())
    return engine


pytestmark = pytest.mark.cascade_engine(max_plans=8, solver=cs.NativeSolver)


@pytest.mark.expect_resolves(1)
@pytest.mark.expect_executions(noop=1)
async def test_fixtures_have_types(warm: cs.Engine, spied_solver: SpiedSolver) -> None:
    value: str = await warm.run(noop())

    calls: int = spied_solver.call_count
    graph: cs.Graph = spied_solver.calls[0].graph
    plan: cs.Plan | None = spied_solver.calls[0].plan
    duration_ns: int = spied_solver.calls[0].duration_ns
    assert (value, calls, len(graph.nodes)) == ("ok", 1, 1)
    assert plan is not None
    assert duration_ns > 0


def one_more(n: int) -> int:
    return n + 1


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.expect_iterations(exactly=one_more)
@pytest.mark.expect_resolves(at_least=1, at_most=2)
@pytest.mark.expect_cache_misses(at_most(2))
@pytest.mark.expect_executions("noop", 1)
@pytest.mark.expect_evictions(None)
async def test_markers_take_what_they_take(engine: cs.Engine, n: int) -> None:
    await engine.run(passing(n, noop()))


async def test_block_has_counts(engine: cs.Engine, cache_inspector: CacheInspector) -> None:
    with cache_inspector.expect(resolves=2, hits=at_least(8), executions={"noop": 1}) as work:
        await engine.run(passing(9, noop()))
        hits: int = work.hits

    view: WorkView = work
    tasks: Counter[str] = view.executions
    record: WorkRecord = view.record
    roots: list[str] = [resolve.root for resolve in record.timeline]
    assert (hits, tasks["noop"], roots) == (8, 1, ["passing", "passing"])


async def test_inspector_has_counts(engine: cs.Engine, cache_inspector: CacheInspector) -> None:
    await engine.run(noop())
    resolves: int = cache_inspector.resolves
    missed: tuple[cs.Miss, ...] = cache_inspector.misses_seen
    entries: tuple[cs.PlanEntry, ...] = cache_inspector.entries()
    explained: str = cache_inspector.explain()
    cache_inspector.reset()

    assert (resolves, len(missed), len(entries)) == (1, 1, 1)
    assert explained.strip().startswith("1. noop")
    assert cache_inspector.resolves == 0


async def test_planning_is_refused(engine: cs.Engine, cache_inspector: CacheInspector) -> None:
    with pytest.raises(UnexpectedWork) as caught, cache_inspector.no_resolves():
        await engine.run(noop())

    error: AssertionError = caught.value
    assert "noop" in str(error)


def loop(n: int) -> cs.LazyResult[str]:
    return passing(n)


@pytest.mark.cascade_bench(iterations=3, rounds=2, baseline="plain", confidence=0.95)
@pytest.mark.expect_speedup("plain", over="loop", at_least=1)
@pytest.mark.expect_tps("loop", at_least=1)
@pytest.mark.expect_cost("loop", between=(1, 1_000), unit="opcodes")
def test_benchmark_has_results(cascade_bench: CascadeBench) -> None:
    results: Results = cascade_bench.compare(loop=loop, plain=lambda n: "done", result="done")

    low, middle, high = results.ratio("loop", "plain")
    rate: float = results["loop"].rate
    hits: int = results["loop"].total("hits")
    cost: Mapping[str, float] = results["loop"].cost
    claims: list[str] = [judged.claim.label for judged in results.judged]
    assert low <= middle <= high
    assert rate > 0
    assert hits >= 0
    assert list(cost) == ["opcodes"]
    assert claims
    assert list(results) == ["loop", "plain"]


async def test_benchmark_is_awaited(cascade_bench: CascadeBench) -> None:
    results: Results = await cascade_bench.compare(loop=loop)

    assert results["loop"].value == "done"


@pytest.mark.expect_resolves(1, engine="toy")
def test_another_engine_is_counted(toy: list[str], cache_inspector: CacheInspector) -> None:
    with cache_inspector.expect(resolves=at_least(1), engine="toy"):
        toy.append("a + b")
