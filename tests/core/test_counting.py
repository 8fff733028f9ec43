"""What each feature counts, cold and warm, on the graph path and on the VM.

Read a row of ``CASES`` as: the iterations, lookups, distinct structures, executions, attempts and
reuses of one run. All else follows: a cold run misses each structure once, a warm run hits always.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from fakes import EventLog, RecordingExecutor

import cascade_core as cs


@cs.task
def g(x=None):
    return x


@cs.task
def f(*args):
    return args


@cs.task
async def later(x=None):
    await asyncio.sleep(0)
    return x


@cs.task(pure=True)
def double(x):
    return 2 * x


@cs.task
def expand(x):
    return g(g(x))


@cs.task
def countdown(n, dep=None):
    return n if n == 0 else countdown(n - 1, g())


@cs.task
def jump(n):
    return n if n == 0 else jump.tail(n - 1)


def failing(times: int) -> cs.LazyResult[str]:
    """A call that fails so often before it succeeds."""
    calls = itertools.count()

    @cs.task
    def flaky():
        if next(calls) % (times + 1) < times:
            raise ValueError("not yet")
        return "ok"

    return flaky()


def shared_double():
    x = double(1)
    return f(x, x, double(g(1)))


class Case(NamedTuple):
    target: Callable[[], cs.LazyResult[Any]]
    iterations: int
    lookups: int
    structures: int
    executions: int
    attempts: int
    reuses: int = 0


CASES = {
    "one call": Case(lambda: g(), 1, 1, 1, 1, 1),
    "condition that holds": Case(lambda: f(g().after(g()), g().run_if(g(1))), 1, 1, 1, 5, 5),
    "skipped node": Case(lambda: f().after(g().run_if(False)), 1, 1, 1, 1, 1),
    "dependencies of a skipped node": Case(
        lambda: f().after(f(g(), g()).run_if(False)), 1, 1, 1, 3, 3
    ),
    "retries": Case(lambda: f(failing(2).with_retry(3)), 1, 1, 1, 2, 4),
    "retries of the target": Case(lambda: failing(3).with_retry(4), 1, 1, 1, 1, 4),
    "map": Case(lambda: g.map(x=[1, 2, 3]), 1, 4, 2, 3, 3),
    "map of nothing": Case(lambda: g.map(x=[]), 1, 1, 1, 0, 0),
    "map with sub-graphs": Case(lambda: f(expand.map(x=[1, 2])), 1, 5, 3, 7, 7),
    "map with tail calls": Case(lambda: jump.map(n=[1, 2]), 1, 6, 2, 5, 5),
    "pure map": Case(lambda: double.map(x=[1, 1, 2, 1]), 1, 5, 2, 2, 2, 2),
    "select": Case(lambda: f(cs.select("a", {"a": g(g()), "b": g()})), 1, 1, 1, 3, 3),
    "select as target": Case(lambda: cs.select(g("a"), {"a": g()}, default=later()), 1, 1, 1, 2, 2),
    "inputs": Case(lambda: f(cs.Param("p", 1), cs.Env("NO_SUCH", "e")), 1, 1, 1, 1, 1),
    "input as target": Case(lambda: cs.Param("p", 1), 1, 1, 1, 0, 0),
    "equal pure calls": Case(lambda: f(double(1), double(1), double(2)), 1, 1, 1, 3, 3, 1),
    "equal pure calls, one shared": Case(shared_double, 1, 1, 1, 3, 3, 1),
    "sub-graph": Case(lambda: f(expand(1)), 1, 2, 2, 4, 4),
    "loop": Case(lambda: countdown(5, g()), 6, 6, 1, 12, 12),
    "loop of options": Case(lambda: f(countdown(3, g()).with_retry(2)), 1, 4, 2, 9, 9),
    "async map limited": Case(
        lambda: later.map(x=[1, 2]).with_constraints(gpu=1).with_timeout(60), 1, 3, 2, 2, 2
    ),
}

WAYS = {
    "graph": {},
    "vm": {"use_vm": True},
}


def counts(stats: cs.Stats) -> dict[str, int]:
    return stats.as_dict()


def new_engine(listens: bool, executor: Any) -> cs.Engine:
    engine = cs.Engine(executor=executor and executor(), resources={"gpu": 1})
    if listens:
        EventLog(engine)
    return engine


@pytest.mark.parametrize("executor", [None, RecordingExecutor], ids=["local", "executor"])
@pytest.mark.parametrize("listens", [False, True], ids=["unheard", "heard"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
async def test_cold_run_counts(name, way, listens, executor):
    case = CASES[name]
    engine = new_engine(listens, executor)

    await engine.run(case.target(), **WAYS[way])

    lookups = case.lookups
    assert counts(engine.stats) == {
        "runs": 1,
        "iterations": case.iterations,
        "lookups": lookups,
        "hits": lookups - case.structures,
        "misses": case.structures,
        "evictions": 0,
        "resolves": case.structures,
        "builds": case.structures,
        "executions": case.executions,
        "attempts": case.attempts,
        "reuses": case.reuses,
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
async def test_warm_run_counts(name, way):
    case = CASES[name]
    target = case.target()
    engine = new_engine(False, None)
    await engine.run(target, **WAYS[way])
    before = counts(engine.stats)

    await engine.run(target, **WAYS[way])

    after = counts(engine.stats)
    assert {counter: after[counter] - before[counter] for counter in after} == {
        "runs": 1,
        "iterations": case.iterations,
        "lookups": case.lookups,
        "hits": case.lookups,
        "misses": 0,
        "evictions": 0,
        "resolves": 0,
        "builds": 0,
        "executions": case.executions,
        "attempts": case.attempts,
        "reuses": case.reuses,
    }


async def test_reuse_from_a_result_cache_is_no_execution():
    cache = cs.MemoryCache()
    engine = cs.Engine()
    await engine.run(f(g(1).with_cache(cache)))

    await engine.run(f(g(1).with_cache(cache)))

    assert (engine.stats.executions, engine.stats.attempts, engine.stats.reuses) == (3, 3, 1)


async def test_vm_loop_with_options_looks_up_each_structure_once():
    @cs.task
    def step(n, dep=None):
        return n if n == 0 else step.tail(n - 1)

    engine = cs.Engine()

    await engine.run(step(9, g().with_retry(2)), use_vm=True)

    assert (engine.stats.iterations, engine.stats.lookups, engine.stats.misses) == (10, 2, 2)


async def test_two_runs_at_once_count_their_own_reuses_and_attempts():
    engine = cs.Engine(slice_ms=0)
    one, other = f(double(1), double(1)), f(failing(1).with_retry(2), later())
    totals = []

    class Totals:
        def run_started(self, run):
            totals.append(run.totals)

    with cs.observe(Totals()):
        await asyncio.gather(engine.run(one), engine.run(other))

    assert [(t.executions, t.attempts, t.reuses) for t in totals] == [(2, 2, 1), (3, 4, 0)]


async def test_nested_run_counts_apart_from_the_run_around_it():
    inner = cs.Engine()

    @cs.task
    async def nested():
        return await inner.run(f(double(1), double(1)))

    outer = cs.Engine()

    await outer.run(f(nested()))

    assert (outer.stats.executions, outer.stats.reuses) == (2, 0)
    assert (inner.stats.executions, inner.stats.reuses) == (2, 1)


async def test_attempts_of_a_failing_run_are_counted_as_they_begin():
    engine = cs.Engine()

    with pytest.raises(ValueError, match="not yet"):
        await engine.run(f(failing(9).with_retry(4)))

    assert (engine.stats.executions, engine.stats.attempts) == (1, 4)


async def test_attempts_are_told_by_task_name():
    engine = cs.Engine()

    await engine.run(f(failing(2).with_retry(3)))

    assert engine.stats.tasks == {"f": 1, "flaky": 1}
    assert engine.stats.task_attempts == {"f": 1, "flaky": 3}


async def test_refused_amount_in_a_tail_call_counts_its_lookup():
    @cs.task
    def step(n):
        return step(n + 1).with_constraints(gpu=n)

    engine = cs.Engine(resources={"gpu": 1})

    with pytest.raises(cs.ConstraintError):
        await engine.run(step(0))

    stats = engine.stats
    assert (stats.iterations, stats.executions, stats.lookups) == (4, 3, 4)
    assert stats.lookups == stats.hits + stats.misses
    assert engine.plan_cache.stats.hits == stats.hits
