"""Counters: the exact words of "How counting works", at every moment."""

from __future__ import annotations

import asyncio

import pytest
from fakes import EventLog

import cascade_core as cs


@cs.task
def noop(dep=None):
    return "ok"


@cs.task
def f(*args):
    return args


@cs.task
def countdown(n, dep=None):
    if n == 0:
        return "done"
    return countdown(n - 1, noop())


@cs.task
def boom(*args):
    raise ValueError("boom")


def counts(engine, *names):
    return tuple(getattr(engine.stats, name) for name in names)


async def test_fresh_engine_has_counted_nothing(engine):
    assert set(engine.stats.as_dict().values()) == {0}


def test_counters_are_those_of_the_design(engine):
    assert list(engine.stats.as_dict()) == [
        "runs",
        "iterations",
        "lookups",
        "hits",
        "misses",
        "evictions",
        "resolves",
        "builds",
        "executions",
        "attempts",
        "reuses",
    ]


def test_counters_cannot_be_set(engine):
    with pytest.raises(AttributeError):
        engine.stats.runs = 1


async def test_each_run_counts_once(engine):
    for _ in range(3):
        await engine.run(noop())

    assert engine.stats.runs == 3


async def test_run_has_an_iteration_plus_one_for_each_tail_call(engine):
    await engine.run(countdown(1_000, noop()))

    assert counts(engine, "runs", "iterations", "lookups", "hits", "misses") == (
        1,
        1_001,
        1_001,
        1_000,
        1,
    )


async def test_sub_graph_is_a_lookup_and_no_iteration(engine):
    expand = cs.task(lambda: noop())

    await engine.run(f(expand()))

    assert counts(engine, "iterations", "lookups", "executions") == (1, 2, 3)


async def test_tail_calls_of_a_sub_graph_are_lookups_and_no_iterations(engine):
    await engine.run(f(countdown(10, noop())))

    assert counts(engine, "iterations", "lookups", "hits", "misses") == (1, 11, 9, 2)


async def test_resolves_and_builds_equal_misses_cold_and_warm(engine):
    for _ in range(3):
        await engine.run(f(noop(), noop(noop())))

    assert counts(engine, "misses", "resolves", "builds", "hits") == (1, 1, 1, 2)


async def test_building_a_graph_outside_a_run_counts_nothing(engine):
    cs.build_graph(noop())

    assert engine.stats.builds == 0


async def test_node_is_executed_once_however_often_it_is_used(engine):
    shared = noop()
    await engine.run(f(shared, [shared], shared))

    assert engine.stats.executions == 2


async def test_executions_are_told_by_task_name(engine):
    await engine.run(countdown(5, noop()))

    assert engine.stats.tasks == {"countdown": 6, "noop": 6}
    assert engine.stats.task_attempts == {"countdown": 6, "noop": 6}


async def test_attempts_equal_executions_without_retries(engine):
    await engine.run(countdown(5, noop()))

    assert engine.stats.attempts == engine.stats.executions == 12


async def test_two_tasks_of_one_name_are_counted_together(engine):
    same = cs.task(lambda x: x, name="noop")

    await engine.run(same(noop()))

    assert engine.stats.tasks == {"noop": 2}


async def test_task_counter_is_a_copy(engine):
    await engine.run(noop())
    engine.stats.tasks["noop"] = 99

    assert engine.stats.tasks == {"noop": 1}


async def test_stats_are_live_not_a_snapshot(engine):
    stats = engine.stats
    await engine.run(noop())

    assert stats.runs == 1


def test_stats_show_all_counters(engine):
    assert repr(engine.stats).startswith("<Stats runs=0 iterations=0 lookups=0 ")


# -- refused targets ------------------------------------------------------------------------------

REFUSED = {
    "no lazy result": lambda: 1,
    "a task": lambda: noop,
    "a tail call": lambda: noop.tail(),
    "a key": lambda: noop({1.5: noop()}),
    "a place": lambda: cs.task(noop.fn, run_on="thread")(),
    "a dependency's place": lambda: noop(cs.task(noop.fn, run_on="cluster")()),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
async def test_refused_target_is_no_run(engine, make):
    log = EventLog(engine)

    with pytest.raises((TypeError, cs.GraphError)):
        await engine.run(make())
    assert set(engine.stats.as_dict().values()) == {0}
    assert log.events == []


async def test_refused_params_are_no_run(engine):
    with pytest.raises(TypeError, match="params must be a mapping"):
        await engine.run(noop(), params=[1])
    assert engine.stats.runs == 0


# -- failing and cancelled runs -------------------------------------------------------------------


@pytest.mark.parametrize("listens", [False, True], ids=["straight", "scheduler"])
async def test_failing_run_counts_what_had_begun(engine, listens):
    log = EventLog(engine) if listens else None

    with pytest.raises(ValueError, match="boom"):
        await engine.run(f(noop(), boom(noop()), noop(), f(boom())))  # the inner ones come first

    assert engine.stats.tasks == {"noop": 3, "boom": 1}
    assert counts(engine, "runs", "iterations", "lookups") == (1, 1, 1)
    assert log is None or engine.stats.executions == len(log.started())


@pytest.mark.parametrize("listens", [False, True], ids=["straight", "scheduler"])
async def test_failed_node_counts_and_later_ones_do_not(engine, listens):
    if listens:
        EventLog(engine)

    with pytest.raises(ValueError, match="boom"):
        await engine.run(f(noop(), boom(), countdown(3)))

    assert engine.stats.tasks == {"noop": 1, "boom": 1}


@pytest.mark.parametrize("use_vm", [False, True])
async def test_exception_in_the_middle_of_a_loop_leaves_counters_exact(engine, use_vm):
    @cs.task
    def loop(n):
        if n == 3:
            raise ValueError("three")
        return loop.tail(n - 1)

    with pytest.raises(ValueError, match="three"):
        await engine.run(loop(10), use_vm=use_vm)

    assert counts(engine, "iterations", "executions", "misses") == (8, 8, 1)


async def test_engine_is_usable_after_a_failure(engine):
    with pytest.raises(ValueError, match="boom"):
        await engine.run(boom())

    assert await engine.run(noop()) == "ok"
    assert counts(engine, "runs", "executions") == (2, 2)


async def test_cancelled_run_counts_what_had_begun(engine):
    entered = asyncio.Event()

    @cs.task
    async def wait():
        entered.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(engine.run(f(noop(wait()), noop())))
    await entered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert engine.stats.tasks == {"wait": 1, "noop": 1}
    assert counts(engine, "runs", "iterations", "lookups") == (1, 1, 1)


async def test_cancelled_loop_counts_each_iteration_that_began():
    engine = cs.Engine(slice_ms=0)
    seen = []

    @cs.task
    def forever(n):
        seen.append(n)
        return forever(n + 1)

    running = asyncio.create_task(engine.run(forever(0)))
    while len(seen) < 10:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert engine.stats.iterations == engine.stats.executions == len(seen)


async def test_refused_tail_call_leaves_counters_that_add_up(engine):
    bad = cs.task(lambda: noop({1.5: noop()}))

    with pytest.raises(cs.GraphError):
        await engine.run(bad())
    assert counts(engine, "runs", "lookups", "hits", "misses", "executions") == (1, 1, 0, 1, 1)


# -- live -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("listens", [False, True], ids=["straight", "scheduler"])
@pytest.mark.parametrize("use_vm", [False, True])
async def test_counters_are_exact_when_read_inside_a_task(engine, listens, use_vm):
    if listens:
        EventLog(engine)
    seen = []

    @cs.task
    def note(dep=None):
        seen.append((engine.stats.iterations, engine.stats.executions))

    @cs.task
    def loop(n, *deps):
        note.fn()
        return n if n == 0 else loop(n - 1, note(), note())

    await engine.run(loop(2, note(), note()), use_vm=use_vm)

    assert seen == [(i + 1, 3 * i + node) for i in range(3) for node in (1, 2, 3)]


@pytest.mark.parametrize("slice_ms", [0, 1.0])
async def test_counters_are_exact_when_read_inside_a_long_chain(slice_ms):
    """More nodes than the clock is looked at after."""
    engine = cs.Engine(slice_ms=slice_ms)
    seen = []
    note = cs.task(lambda dep: seen.append(engine.stats.executions))
    chain = None
    for _ in range(100):
        chain = note(chain)

    await engine.run(chain)

    assert seen == list(range(1, 101))


async def test_counters_are_exact_inside_async_tasks(engine):
    seen = []

    @cs.task
    async def note():
        seen.append(engine.stats.executions)
        await asyncio.sleep(0)
        seen.append(engine.stats.executions)

    await engine.run(f(note(), note()))

    assert seen == [1, 2, 2, 2]


async def test_counters_are_exact_while_a_run_gives_way():
    """Between two nodes none is under way."""
    engine = cs.Engine(slice_ms=0)
    ran = []
    step = cs.task(lambda dep: ran.append(1))
    chain = None
    for _ in range(100):
        chain = step(chain)

    running = asyncio.create_task(engine.run(chain))
    compared = []
    while not running.done():
        await asyncio.sleep(0)
        compared.append((engine.stats.executions, len(ran)))

    assert len(compared) > 3
    assert all(counted == done for counted, done in compared)


async def test_lookup_is_not_counted_before_its_outcome_is_known(engine):
    seen = []

    class Solver(cs.NativeSolver):
        def resolve(self, graph):
            seen.append(counts(engine, "lookups", "hits", "misses", "resolves"))
            return super().resolve(graph)

    engine.solver = Solver()
    await engine.run(noop())

    assert seen == [(1, 0, 1, 1)]


async def test_no_counter_is_negative_while_a_miss_is_told(engine):
    lows = []
    engine.bus.subscribe(
        cs.PlanResolved, lambda event: lows.append(min(event.run.totals.as_dict().values()))
    )

    class Observer:
        def plan_resolved(self, run, *rest):
            lows.append(min(run.totals.as_dict().values()))

    with cs.observe(Observer()):
        await engine.run(noop())

    assert lows == [0, 0]


async def test_run_in_a_task_of_a_run_counts_as_its_own(engine):
    @cs.task
    async def inner():
        return await engine.run(f(noop(), noop()))

    await engine.run(f(inner(), noop()))

    assert counts(engine, "runs", "iterations", "executions") == (2, 2, 6)


async def test_totals_of_two_runs_at_once_are_apart(engine):
    totals = []

    class Observer:
        def run_finished(self, run):
            totals.append((run.totals.iterations, run.totals.executions))

    with cs.observe(Observer()):
        await asyncio.gather(engine.run(countdown(3)), engine.run(f(countdown(1), noop())))

    assert sorted(totals) == [(1, 5), (4, 7)]
    assert engine.stats.executions == 12


async def test_many_structures_in_one_run_stay_counted():
    """More plans than a run keeps apart."""
    engine = cs.Engine(plan_cache=cs.PlanCache(max_plans=300))

    @cs.task
    def grow(n, *deps):
        return n if n == 200 else grow(n + 1, *deps, 1)

    await engine.run(grow(0))
    await engine.run(grow(0))

    assert counts(engine, "iterations", "hits", "misses", "executions") == (402, 201, 201, 402)
    assert sum(entry.hits for entry in engine.plan_cache.entries()) == 201


async def test_two_runs_that_miss_one_structure_at_once_are_two_misses():
    engine = cs.Engine(slice_ms=0, plan_cache=cs.PlanCache(0))

    await asyncio.gather(engine.run(countdown(2)), engine.run(countdown(2)))

    assert counts(engine, "misses", "resolves", "builds") == (6, 6, 6)
