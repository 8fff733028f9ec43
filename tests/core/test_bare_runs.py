"""``cascade_core.testing.bare_runs``: engines tell nobody and never yield by the clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fakes import EventLog, ObserverLog

import cascade_core as cs
from cascade_core.testing import bare_runs

HEARD = ["run_started", "plan_missed", "plan_resolved", "run_finished"]


@cs.task
def noop(dep=None):
    return "ok"


@cs.task
def loop(n):
    return loop(n - 1) if n else "done"


@cs.task
def vm(n):
    return vm.tail(n - 1) if n else "done"


@cs.task
def retried(n, dep=None):
    return retried(n - 1, noop().with_retry(1)) if n else "done"


@cs.task
def total(*values):
    return len(values)


class Guard:
    def plan_missed(self, run, target):
        raise PermissionError(target.task.name)


@pytest.fixture
def seen():
    with cs.observe(observer := ObserverLog()):
        yield observer


# -- observers ------------------------------------------------------------------------------------


async def test_observers_hear_nothing_inside(engine, seen):
    with bare_runs():
        await engine.run(loop(3))

    assert seen.told == []


async def test_observers_hear_everything_after(engine, seen):
    with bare_runs():
        pass

    await engine.run(noop())

    assert seen.told == HEARD


async def test_observers_that_begin_inside_hear_nothing_until_it_ends(engine):
    with bare_runs():
        block = cs.observe(observer := ObserverLog())
        block.__enter__()
        await engine.run(noop())
    heard_inside = list(observer.told)

    await engine.run(loop(0))
    block.__exit__(None, None, None)

    assert (heard_inside, observer.told) == ([], HEARD)


async def test_guards_do_not_fire_inside(engine):
    with cs.observe(Guard()), bare_runs():
        assert await engine.run(noop()) == "ok"


async def test_guards_fire_after(engine):
    with cs.observe(Guard()):
        with bare_runs():
            pass
        with pytest.raises(PermissionError, match="noop"):
            await engine.run(noop())


def test_runs_in_other_threads_are_bare_too(seen):
    with bare_runs():
        thread = threading.Thread(target=cs.run, args=(noop(),))
        thread.start()
        thread.join()

    assert seen.told == []


async def test_everything_is_restored_when_the_block_raises(engine, seen):
    with pytest.raises(KeyError), bare_runs():
        raise KeyError

    await engine.run(noop())

    assert seen.told == HEARD


async def test_events_on_the_bus_stay_as_they_are(engine):
    log = EventLog(engine)

    with bare_runs():
        await engine.run(noop())

    assert log.kinds() == [
        "RunStarted",
        "PlanResolved",
        "TaskStarted",
        "TaskFinished",
        "RunFinished",
    ]


async def test_counters_go_on(engine):
    with bare_runs():
        await engine.run(loop(5))

    stats = engine.stats
    assert (stats.runs, stats.iterations, stats.misses, stats.hits) == (1, 6, 1, 5)
    assert stats.tasks == {"loop": 6}


# -- the clock ------------------------------------------------------------------------------------


WAYS: dict[str, Callable[[cs.Engine], Awaitable[Any]]] = {
    "graph path": lambda engine: engine.run(loop(100)),
    "VM": lambda engine: engine.run(vm(100), use_vm=True),
    "one wide graph": lambda engine: engine.run(total(*[noop(n) for n in range(200)])),
    "scheduler": lambda engine: engine.run(retried(100)),
}


async def turns_of_others(run: Callable[[cs.Engine], Awaitable[Any]]) -> int:
    """How often another asyncio task gets its turn while an engine runs that yields at once."""
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await run(cs.Engine(slice_ms=0))
    task.cancel()
    return turns


@pytest.mark.parametrize("way", WAYS)
async def test_a_run_that_begins_inside_never_yields_by_the_clock(way):
    with bare_runs():
        assert await turns_of_others(WAYS[way]) == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_run_that_begins_after_yields_again(way):
    with bare_runs():
        pass

    assert await turns_of_others(WAYS[way]) > 3


async def test_a_run_that_began_outside_goes_on_as_it_did():
    run = asyncio.create_task(cs.Engine(slice_ms=0).run(loop(100)))
    await asyncio.sleep(0)
    turns = 0

    with bare_runs():
        while not run.done():
            turns += 1
            await asyncio.sleep(0)

    assert (run.result(), turns > 50) == ("done", True)


async def test_a_run_that_began_outside_counts_all_it_does():
    engine = cs.Engine(slice_ms=0)
    run = asyncio.create_task(engine.run(loop(100)))
    await asyncio.sleep(0)

    with bare_runs():
        await run

    assert (engine.stats.iterations, engine.stats.tasks) == (101, {"loop": 101})


async def test_a_run_inside_still_waits_for_what_its_tasks_await(engine):
    @cs.task
    async def patient():
        await asyncio.sleep(0)
        return "came"

    with bare_runs():
        assert await engine.run(patient()) == "came"
        assert await turns_of_others(lambda engine: engine.run(patient())) > 0
