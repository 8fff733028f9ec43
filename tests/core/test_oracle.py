"""The oracle: random programs by plain Python, and by every path through the engine."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, NamedTuple

import pytest
from fakes import EventLog, RecordingExecutor
from hypothesis import assume, event, example, given, settings
from strategies import (
    ASYNC,
    FAILING,
    TASKS,
    Box,
    Evaluator,
    Literal,
    Ref,
    Step,
    build,
    programs,
    reachable_tasks,
)

import cascade_core as cs

pytestmark = pytest.mark.slow

SYNC = tuple(name for name in TASKS if name not in ASYNC)
WORKING = tuple(name for name in TASKS if name not in FAILING)
SYNC_WORKING = tuple(name for name in SYNC if name not in FAILING)


class Outcome(NamedTuple):
    """What came of a run, and what it counted."""

    value: Any
    error: tuple[type, str] | None
    tasks: Counter[str]
    counts: dict[str, int]


class Path(NamedTuple):
    """One way to run a target."""

    use_vm: bool = False
    listens: bool = False
    max_plans: int = 1024
    slice_ms: float = 1.0
    executor: Any = None
    warm: bool = False


PATHS = {
    "cold": Path(),
    "warm": Path(warm=True),
    "off": Path(max_plans=0),
    "one plan": Path(max_plans=1),
    "yielding": Path(slice_ms=0),
    "heard": Path(listens=True),
    "heard off": Path(listens=True, max_plans=0),
    "executor": Path(executor=RecordingExecutor),
    "vm": Path(use_vm=True),
    "vm warm": Path(use_vm=True, warm=True),
    "vm off": Path(use_vm=True, max_plans=0),
    "vm yielding": Path(use_vm=True, slice_ms=0),
    "vm heard": Path(use_vm=True, listens=True),
}


async def outcome(program: Any, path: Path) -> Outcome:
    engine = cs.Engine(
        executor=path.executor and path.executor(),
        plan_cache=cs.PlanCache(path.max_plans),
        slice_ms=path.slice_ms,
    )
    log = EventLog(engine) if path.listens else None
    if path.warm:
        await one_run(engine, program, path)
    result = await one_run(engine, program, path)
    if log is not None:
        check_events(log, result)
    counts = result.counts
    assert counts["lookups"] == counts["hits"] + counts["misses"]
    assert counts["resolves"] == counts["builds"] == counts["misses"]
    return result


async def one_run(engine: cs.Engine, program: Any, path: Path) -> Outcome:
    value = error = None
    with cs.observe(last := LastRun()):
        try:
            value = await engine.run(build(program), use_vm=path.use_vm)
        except (ValueError, LookupError) as raised:
            error = type(raised), str(raised)
    return Outcome(value, error, last.run.totals.tasks, last.run.totals.as_dict())


class LastRun:
    def run_started(self, run):
        self.run = run


def check_events(log: EventLog, result: Outcome) -> None:
    """Events say what the counters say."""
    assert Counter(log.started()) == result.tasks
    assert Counter(log.started()) == Counter(task for task, _ in log.finished())
    counts = result.counts
    assert len(log.of(cs.PlanReused)) + len(log.of(cs.PlanResolved)) == counts["lookups"]
    assert len(log.of(cs.PlanResolved)) == counts["resolves"]
    assert (log.kinds()[0], log.kinds()[-1]) == ("RunStarted", "RunFinished")
    assert log.events[-1].status == ("ok" if result.error is None else "failed")


def outcomes(program: Any) -> dict[str, Outcome]:
    async def all_of_them():
        return {name: await outcome(program, path) for name, path in PATHS.items()}

    return asyncio.run(all_of_them())


@given(programs(WORKING))
@settings(max_examples=200)
@example((Step("mix", (Box("dict", (Literal(1),), (True,)),)),))
def test_every_path_gives_what_plain_python_gives(program):
    oracle = Evaluator()
    expected = oracle.run(program)
    event(f"iterations: {min(oracle.iterations, 5)}")

    for name, result in outcomes(program).items():
        assert (result.value, result.error) == (expected, None), name
        assert result.tasks == oracle.tasks, name


@given(programs(WORKING))
@settings(max_examples=60)
def test_every_path_counts_what_plain_python_counts(program):
    oracle = Evaluator()
    oracle.run(program)

    for name, result in outcomes(program).items():
        assert result.counts["iterations"] == oracle.iterations, name
        assert result.counts["executions"] == oracle.tasks.total(), name
        if not PATHS[name].use_vm:
            assert result.counts["lookups"] == oracle.lookups, name


@given(programs(SYNC))
@settings(max_examples=150)
@example(
    (Step("boom", ()), Step("boom", ()), Step("mix", (Ref(0), Ref(1)))),
)
def test_every_path_that_runs_node_by_node_fails_alike(program):
    results = one_by_one(program)
    event(f"fails: {results['cold'].error is not None}")

    assert len({repr((r.value, r.error)) for r in results.values()}) == 1
    assert all(r.tasks == results["cold"].tasks for r in results.values())
    assert len({r.counts["iterations"] for r in results.values()}) == 1


@given(programs(SYNC))
@settings(max_examples=50)
def test_graph_paths_of_a_failing_program_look_up_alike(program):
    results = [r for name, r in one_by_one(program).items() if not PATHS[name].use_vm]

    assert len({r.counts["lookups"] for r in results}) == 1


def one_by_one(program: Any) -> dict[str, Outcome]:
    """Without the executor's path: it starts all that is ready before any of it can fail."""
    return {name: r for name, r in outcomes(program).items() if name != "executor"}


@given(programs())
@settings(max_examples=60)
def test_a_program_fails_exactly_where_plain_python_does(program):
    assume(reachable_tasks(program).intersection(FAILING))
    try:
        Evaluator().run(program)
        fails = False
    except (ValueError, LookupError):
        fails = True

    assert {
        name for name, r in outcomes(program).items() if (r.error is not None) != fails
    } == set()


@given(programs(SYNC_WORKING))
@settings(max_examples=50)
def test_warm_run_hits_at_each_lookup_unless_nothing_can_be_kept(program):
    warm = outcomes(program)["warm"].counts

    assert (warm["resolves"], warm["hits"]) == (0, warm["lookups"])


@given(programs(WORKING, max_steps=4), programs(WORKING, max_steps=4))
@settings(max_examples=50)
def test_two_runs_at_once_do_not_see_each_other(one, two):
    async def both():
        engine = cs.Engine(slice_ms=0)
        return await asyncio.gather(engine.run(build(one)), engine.run(build(two)))

    assert asyncio.run(both()) == [Evaluator().run(one), Evaluator().run(two)]


@pytest.mark.parametrize("name", PATHS)
def test_the_oracle_itself_sees_a_loop_through_every_path(name):
    inner = (Step("mix", (Literal(1),)), Step("twin", (Ref(0), Ref(0)), ()))
    program = (Step("loop_tail", (Literal(6), Literal("v")), (), (inner, inner[:1])),)
    oracle = Evaluator()

    result = asyncio.run(outcome(program, PATHS[name]))

    assert result.value == oracle.run(program)
    assert result.counts["iterations"] == 7
