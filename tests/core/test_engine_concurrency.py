"""Concurrency: what starts when, who may progress meanwhile, and who may use an engine."""

from __future__ import annotations

import asyncio
import threading

import pytest
from fakes import EventLog, RecordingExecutor

import cascade_core as cs


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args):
    return args


@cs.task
def countdown(n):
    return "done" if n == 0 else countdown(n - 1)


# -- no barrier -----------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [cs.LocalExecutor, RecordingExecutor])
async def test_ready_siblings_run_concurrently(executor):
    """Each waits for the other: one after the other they would never end."""
    first, second = asyncio.Event(), asyncio.Event()

    @cs.task
    async def meet(mine, other):
        mine.set()
        await other.wait()
        return "met"

    engine = cs.Engine(executor=executor())
    async with asyncio.timeout(5):
        value = await engine.run(f(meet(first, second), meet(second, first)))

    assert value == ("met", "met")


async def test_node_starts_when_its_own_dependencies_are_done(engine):
    """A barrier between the stages would wait for ever.

    f <- slow
      <- second <- quick
    """
    reached = asyncio.Event()

    @cs.task
    async def slow():
        await reached.wait()
        return "slow"

    @cs.task
    async def quick():
        return "quick"

    @cs.task
    async def second(dep):
        reached.set()
        return dep

    async with asyncio.timeout(5):
        assert await engine.run(f(slow(), second(quick()))) == ("slow", "quick")


async def test_sync_node_starts_while_an_async_one_of_an_earlier_stage_runs(engine):
    reached = asyncio.Event()

    @cs.task
    async def slow():
        await reached.wait()

    reach = cs.task(lambda dep: reached.set())

    async with asyncio.timeout(5):
        await engine.run(f(slow(), reach(noop())))


async def test_sub_graph_runs_while_siblings_wait(engine):
    reached = asyncio.Event()

    @cs.task
    async def slow():
        await reached.wait()
        return "slow"

    @cs.task
    async def inner():
        await asyncio.sleep(0)
        reached.set()
        return "inner"

    expand = cs.task(lambda: noop(inner()))

    async with asyncio.timeout(5):
        assert await engine.run(f(slow(), expand())) == ("slow", "inner")


async def test_two_sub_graphs_run_concurrently(engine):
    first, second = asyncio.Event(), asyncio.Event()

    @cs.task
    async def meet(mine, other):
        mine.set()
        await other.wait()
        return "met"

    expand = cs.task(lambda mine, other: noop(meet(mine, other)))

    async with asyncio.timeout(5):
        value = await engine.run(f(expand(first, second), expand(second, first)))

    assert value == ("met", "met")


async def test_coroutines_made_by_sync_functions_run_concurrently(engine):
    first, second = asyncio.Event(), asyncio.Event()

    async def meet(mine, other):
        mine.set()
        await other.wait()
        return "met"

    begin = cs.task(lambda mine, other: meet(mine, other))

    async with asyncio.timeout(5):
        value = await engine.run(f(begin(first, second), begin(second, first)))

    assert value == ("met", "met")


# -- order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [cs.LocalExecutor, RecordingExecutor])
@pytest.mark.parametrize("pattern", ["ssss", "aaaa", "assa", "saas", "asas", "wsaw"])
async def test_siblings_start_in_declaration_order(pattern, executor):
    """s: sync, a: async, w: a sync function around an async one."""
    started = []

    def note(n):
        started.append(n)
        return n

    async def note_later(n):
        started.append(n)
        await asyncio.sleep(0)
        return n

    def begin(n):
        started.append(n)
        return asyncio.sleep(0, n)

    kinds = {"s": cs.task(note), "a": cs.task(note_later), "w": cs.task(begin)}
    siblings = [kinds[kind](n) for n, kind in enumerate(pattern)]

    value = await cs.Engine(executor=executor()).run(f(*siblings))

    assert value == (0, 1, 2, 3)
    assert started == [0, 1, 2, 3]


async def test_events_of_mixed_siblings_start_in_declaration_order(engine, log):
    @cs.task
    async def later():
        await asyncio.sleep(0)

    await engine.run(f(later(), noop(), later(), noop()))

    assert log.started() == ["later", "noop", "later", "noop", "f"]


async def test_values_arrive_by_position_whatever_ends_first(engine):
    @cs.task
    async def wait(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await engine.run(f(wait(9), wait(0), wait(5))) == (9, 0, 5)


# -- others progress ------------------------------------------------------------------------------


@pytest.mark.parametrize("use_vm", [False, True])
async def test_other_coroutines_progress_while_a_loop_runs(use_vm):
    engine = cs.Engine(slice_ms=0)
    turns = []

    async def other():
        while True:
            turns.append(engine.stats.iterations)
            await asyncio.sleep(0)

    watching = asyncio.create_task(other())
    loop = cs.task(lambda n: "done" if n == 0 else loop.tail(n - 1))
    await engine.run(loop(100), use_vm=use_vm)
    watching.cancel()

    assert len(turns) >= 100


async def test_other_coroutines_progress_while_a_long_chain_runs():
    engine = cs.Engine(slice_ms=0)
    chain = noop()
    for _ in range(319):
        chain = noop(chain)
    turns = 0

    running = asyncio.create_task(engine.run(chain))
    while not running.done():
        turns += 1
        await asyncio.sleep(0)
    await running

    assert turns >= 10


async def test_scheduler_gives_way_every_32_nodes_too():
    engine = cs.Engine(slice_ms=0)
    EventLog(engine)
    target = f(*[noop() for _ in range(320)])
    turns = 0

    running = asyncio.create_task(engine.run(target))
    while not running.done():
        turns += 1
        await asyncio.sleep(0)
    await running

    assert turns >= 10


async def test_infinite_slice_never_gives_way():
    engine = cs.Engine(slice_ms=float("inf"))
    turns = []

    async def other():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    watching = asyncio.create_task(other())
    await engine.run(countdown(1_000))
    watching.cancel()

    assert turns == []


# -- several runs ---------------------------------------------------------------------------------


async def test_two_runs_at_once_on_one_engine_are_independent():
    engine = cs.Engine(slice_ms=0)
    collect = cs.task(lambda n, seen: seen if n == 0 else collect(n - 1, [*seen, n]))

    values = await asyncio.gather(engine.run(collect(3, [])), engine.run(collect(4, ["x"])))

    assert values == [[3, 2, 1], ["x", 4, 3, 2, 1]]
    assert (engine.stats.runs, engine.stats.iterations, engine.stats.resolves) == (2, 9, 1)


async def test_failure_of_one_run_leaves_the_other_alone():
    engine = cs.Engine(slice_ms=0)

    @cs.task
    def fail(n):
        if n == 0:
            raise ValueError("boom")
        return fail(n - 1)

    results = await asyncio.gather(
        engine.run(fail(3)), engine.run(countdown(20)), return_exceptions=True
    )

    assert (type(results[0]), results[1]) == (ValueError, "done")


async def test_run_inside_a_task_of_a_run_works(engine):
    @cs.task
    async def inner(n):
        return await engine.run(countdown(n))

    assert await engine.run(f(inner(3), inner(4), noop(1))) == ("done", "done", 1)
    assert engine.stats.runs == 3


async def test_sync_task_may_run_another_engine_in_another_thread(engine):
    """Its own thread, its own loop, its own engine."""

    @cs.task
    def inner():
        result = []
        thread = threading.Thread(target=lambda: result.append(cs.run(countdown(3))))
        thread.start()
        thread.join()
        return result

    assert await engine.run(inner()) == ["done"]


def test_one_engine_serves_two_event_loops_in_turn():
    engine = cs.Engine()

    @cs.task
    async def later(x):
        await asyncio.sleep(0)
        return x

    values = [asyncio.run(engine.run(f(later(n), later(n + 1)))) for n in (1, 2)]

    assert values == [(1, 2), (2, 3)]
    assert engine.stats.resolves == 1


async def test_engine_that_runs_in_another_thread_refuses(engine):
    errors = []

    @cs.task
    def use_elsewhere():
        def elsewhere():
            try:
                asyncio.run(engine.run(noop()))
            except cs.CascadeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    await engine.run(use_elsewhere())

    assert errors == ["the engine is running in another thread; make an engine for each thread"]
    assert engine.stats.runs == 1


def test_engine_may_move_to_another_thread_between_runs():
    engine = cs.Engine()
    values = [asyncio.run(engine.run(noop(1)))]

    thread = threading.Thread(target=lambda: values.append(asyncio.run(engine.run(noop(2)))))
    thread.start()
    thread.join()

    assert values == [1, 2]


# -- task factories -------------------------------------------------------------------------------


def plain_factory(loop, coroutine, **options):
    return asyncio.Task(coroutine, loop=loop, **options)


FACTORIES = [plain_factory]
if hasattr(asyncio, "eager_task_factory"):
    FACTORIES.append(asyncio.eager_task_factory)


@cs.task
async def at_once(x):
    return x


@cs.task
async def soon(x):
    await asyncio.sleep(0)
    return x


@cs.task
async def asyncio_name():
    return asyncio.current_task().get_name()


@pytest.mark.parametrize("factory", FACTORIES)
async def test_a_loops_own_task_factory_makes_the_tasks_of_nodes(engine, factory):
    made = []

    def noting(loop, coroutine, **options):
        made.append(options.get("name"))
        return factory(loop, coroutine, **options)

    asyncio.get_running_loop().set_task_factory(noting)
    try:
        async with asyncio.timeout(30):
            value = await engine.run(f(at_once(1), soon(2), noop(3), at_once(at_once(4))))
    finally:
        asyncio.get_running_loop().set_task_factory(None)

    assert value == (1, 2, 3, 4)
    assert len(made) >= 2
    assert engine.stats.executions == 6


async def test_asyncio_task_of_a_node_has_its_name(engine):
    assert await engine.run(f(asyncio_name(), soon(1))) == ("asyncio_name", 1)
