"""Observers: they hear every engine in the process, per run and per miss."""

from __future__ import annotations

import asyncio
import logging

import pytest
from fakes import ObserverLog

import cascade_core as cs


@cs.task
def noop(x=None):
    return x


@cs.task
def loop(n):
    return n if n == 0 else loop(n - 1)


@pytest.fixture
def seen():
    with cs.observe(observer := ObserverLog()):
        yield observer


async def test_observer_hears_a_run_and_its_misses_in_order(engine, seen):
    await engine.run(noop())

    assert seen.told == ["run_started", "plan_missed", "plan_resolved", "run_finished"]


async def test_observer_is_not_told_of_iterations_or_hits(engine, seen):
    await engine.run(loop(100))
    await engine.run(loop(100))

    assert seen.told == [
        *["run_started", "plan_missed", "plan_resolved", "run_finished"],
        *["run_started", "run_finished"],
    ]


async def test_observer_hears_engines_whoever_made_them(seen):
    engines = [cs.Engine(), cs.Engine()]
    for engine in engines:
        await engine.run(noop())

    assert [run.engine for run in seen.runs[::4]] == engines


def test_observer_hears_cs_run(seen):
    cs.run(noop())

    assert seen.told[-1] == "run_finished"


async def test_observer_hears_nothing_after_its_block(engine):
    with cs.observe(observer := ObserverLog()):
        pass

    await engine.run(noop())

    assert observer.told == []


async def test_observers_are_dropped_when_their_block_raises(engine):
    observer = ObserverLog()
    with pytest.raises(KeyError), cs.observe(observer):
        raise KeyError

    await engine.run(noop())

    assert observer.told == []


async def test_two_observers_both_hear(engine, seen):
    with cs.observe(second := ObserverLog()):
        await engine.run(noop())

    assert seen.told == second.told


async def test_observer_may_have_any_of_the_methods(engine):
    class OnlyFinished:
        count = 0

        def run_finished(self, run):
            self.count += 1

    with cs.observe(observer := OnlyFinished()):
        await engine.run(noop())

    assert observer.count == 1


async def test_totals_are_live_and_final_at_the_end(engine, seen):
    await engine.run(loop(4))

    iterations = [totals["iterations"] for totals in seen.totals]
    assert (iterations[0], iterations[-1]) == (0, 5)
    assert seen.runs[-1].totals.tasks == {"loop": 5}


async def test_totals_stay_readable_after_the_run(engine, seen):
    await engine.run(loop(4))
    await engine.run(loop(9))

    assert [seen.runs[0].totals.iterations, seen.runs[-1].totals.iterations] == [5, 10]


async def test_run_knows_its_engine_and_params(engine, seen):
    await engine.run(noop(), params={"a": 1})

    run = seen.runs[0]
    assert (run.engine, dict(run.params)) == (engine, {"a": 1})
    assert repr(run) == f"<Run {run.id}>"


async def test_miss_that_is_told_names_the_target(engine):
    targets = []

    class Observer:
        def plan_missed(self, run, target):
            targets.append(target)

    target = noop(1)
    with cs.observe(Observer()):
        await engine.run(target)

    assert targets == [target]


async def test_plan_and_graph_of_a_miss_are_told(engine):
    told = []

    class Observer:
        def plan_resolved(self, run, graph, plan, miss, duration_ns):
            told.append((graph.nodes[0].name, plan.stages, miss.reason, duration_ns >= 0))

    with cs.observe(Observer()):
        await engine.run(noop(loop(0)))

    assert told == [("noop", ((1,), (0,)), "first_seen", True)]


class Forbid:
    def plan_missed(self, run, target):
        raise AssertionError("no planning here")


@pytest.mark.parametrize("use_vm", [False, True])
async def test_exception_from_plan_missed_fails_the_run(engine, use_vm):
    with cs.observe(Forbid()), pytest.raises(AssertionError, match="no planning here"):
        await engine.run(noop(), use_vm=use_vm)

    stats = engine.stats
    assert (stats.runs, stats.iterations, stats.lookups, stats.executions) == (1, 1, 0, 0)


async def test_engine_is_usable_after_plan_missed_raised(engine):
    with cs.observe(Forbid()), pytest.raises(AssertionError):
        await engine.run(noop())

    assert await engine.run(noop(1)) == 1
    assert engine.stats.resolves == 1


async def test_exception_from_plan_missed_in_a_sub_graph_fails_the_run(engine):
    expand = cs.task(lambda: loop(0))
    await engine.run(noop(expand()))
    engine.plan_cache.invalidate(loop)

    with cs.observe(Forbid()), pytest.raises(AssertionError, match="no planning here"):
        await engine.run(noop(expand()))


async def test_exception_from_plan_missed_in_a_loop_counts_the_iteration_that_began(engine):
    @cs.task
    def start():
        return loop(0)

    await engine.run(start())
    engine.plan_cache.invalidate(loop)
    with cs.observe(seen := ObserverLog()), cs.observe(Forbid()), pytest.raises(AssertionError):
        await engine.run(start())

    assert seen.totals[-1]["iterations"] == 2
    assert seen.totals[-1]["lookups"] == 1


@pytest.mark.parametrize("method", ["run_started", "plan_resolved", "run_finished"])
async def test_exception_from_any_other_method_is_logged_and_fails_nothing(engine, caplog, method):
    def refuse(*args):
        raise RuntimeError("observer")

    observer = type("Observer", (), {method: staticmethod(refuse)})()
    with cs.observe(observer), caplog.at_level(logging.ERROR, "cascade_core.observe"):
        assert await engine.run(noop(1)) == 1

    assert [record.exc_info[0] for record in caplog.records] == [RuntimeError]


async def test_failing_and_cancelled_runs_are_told_to_finish(engine, seen):
    @cs.task
    async def give_up(error):
        raise error

    for error in (ValueError(), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            await engine.run(give_up(error))

    assert seen.told.count("run_started") == seen.told.count("run_finished") == 2


async def test_refused_target_is_not_told(engine, seen):
    with pytest.raises(TypeError):
        await engine.run(1)

    assert seen.told == []


async def test_runs_have_different_ids(engine, seen):
    await engine.run(noop())
    await engine.run(noop())

    assert seen.runs[0].id < seen.runs[-1].id
