"""Loops: tail calls in constant memory, planned once, whatever changes from turn to turn."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tracemalloc

import pytest
from fakes import EventLog

import cascade_core as cs

MODES = pytest.mark.parametrize("use_vm", [False, True], ids=["graph", "vm"])


@cs.task
def noop(dep=None):
    return "ok"


@cs.task
def countdown(n):
    return "done" if n == 0 else countdown(n - 1)


@cs.task
def countdown_tail(n):
    return "done" if n == 0 else countdown_tail.tail(n - 1)


async def loop_counts(engine, target):
    async with asyncio.timeout(20):  # a broken engine might never end
        value = await engine.run(target)
    stats = engine.stats
    return value, stats.iterations, stats.resolves, stats.hits


# -- what changes from turn to turn (case 30) -----------------------------------------------------


async def test_loop_without_arguments_resolves_once(engine):
    left = iter(range(1_000))

    @cs.task
    def again():
        return "done" if next(left, None) is None else again()

    assert await loop_counts(engine, again()) == ("done", 1_001, 1, 1_000)


async def test_loop_with_a_changing_literal_resolves_once(engine):
    assert await loop_counts(engine, countdown(1_000)) == ("done", 1_001, 1, 1_000)


async def test_loop_with_a_rebuilt_dependency_resolves_once(engine):
    @cs.task
    def loop(n, dep):
        return dep if n == 0 else loop(n - 1, dep=noop())

    assert await loop_counts(engine, loop(1_000, noop())) == ("ok", 1_001, 1, 1_000)


async def test_loop_that_passes_on_the_value_resolves_twice(engine):
    @cs.task
    def loop(n, dep):
        return dep if n == 0 else loop(n - 1, dep)

    assert await loop_counts(engine, loop(1_000, noop())) == ("ok", 1_001, 2, 999)


async def test_mutual_recursion_resolves_once_for_each_task(engine):
    @cs.task
    def even(n):
        return True if n == 0 else odd(n - 1)

    @cs.task
    def odd(n):
        return False if n == 0 else even(n - 1)

    assert await loop_counts(engine, even(1_000)) == (True, 1_001, 2, 999)


async def test_loop_between_two_shapes_resolves_twice_then_hits(engine):
    @cs.task
    def loop(n, dep):
        if n == 0:
            return "done"
        return loop(n - 1, noop() if n % 2 else 0)

    assert await loop_counts(engine, loop(1_000, noop())) == ("done", 1_001, 2, 999)


async def test_loop_with_a_mutable_argument_resolves_once(engine):
    @cs.task
    def loop(box):
        box["n"] -= 1
        return "done" if box["n"] < 0 else loop(box)

    assert await loop_counts(engine, loop({"n": 1_000})) == ("done", 1_001, 1, 1_000)


async def test_loop_that_grows_its_graph_misses_each_time(engine):
    @cs.task
    def loop(n, *deps):
        return len(deps) if n == 0 else loop(n - 1, *deps, 1)

    assert await loop_counts(engine, loop(20)) == (20, 21, 21, 0)


async def test_task_redefined_inside_the_loop_misses_each_time(engine):
    def make(n):
        @cs.task
        def step():
            return "done" if n == 0 else make(n - 1)

        return step()

    assert await loop_counts(engine, make(20)) == ("done", 21, 21, 0)


async def test_async_loop_resolves_once(engine):
    @cs.task
    async def loop(n):
        return "done" if n == 0 else loop(n - 1)

    assert await loop_counts(engine, loop(1_000)) == ("done", 1_001, 1, 1_000)


async def test_loop_of_tail_calls_on_the_graph_path_counts_like_lazy_results(engine):
    assert await loop_counts(engine, countdown_tail(1_000)) == ("done", 1_001, 1, 1_000)


async def test_tail_call_with_lazy_arguments_runs_them(engine):
    @cs.task
    def loop(n, dep=None):
        return dep if n == 0 else loop.tail(n - 1, noop())

    assert await loop_counts(engine, loop(100, noop())) == ("ok", 101, 1, 100)


async def test_loop_inside_a_sub_graph_runs_to_its_value(engine):
    value, iterations, resolves, _ = await loop_counts(engine, noop_of(countdown(1_000)))

    assert (value, iterations, resolves) == ("done", 1, 2)


@cs.task
def noop_of(value):
    return value


async def test_values_of_one_turn_are_not_seen_by_the_next(engine):
    """What an iteration left in its plan would show."""

    @cs.task
    def give(n):
        return [n]

    @cs.task
    def loop(n, value, seen):
        seen = [*seen, value]
        return seen if n == 0 else loop(n - 1, give(n - 1), seen)

    assert await engine.run(loop(4, give(4), [])) == [[4], [3], [2], [1], [0]]


# -- depth ----------------------------------------------------------------------------------------

AT_LIMIT_200 = """
import asyncio, sys
import cascade_core as cs

@cs.task
def countdown(n): return "done" if n == 0 else countdown(n - 1)
@cs.task
def tail(n): return "done" if n == 0 else tail.tail(n - 1)
@cs.task
def deep(n): return n if n == 0 else add(deep(n - 1))
@cs.task
def add(x): return x + 1
@cs.task
async def later(n): return "done" if n == 0 else later(n - 1)

async def main():
    engine = cs.Engine()
    sys.setrecursionlimit(200)
    print(await engine.run(countdown(100_000)))
    print(await engine.run(tail(100_000), use_vm=True))
    print(await engine.run(add(countdown_then_one(100_000))))
    print(await engine.run(later(20_000)))
    print(await engine.run(add(deep(5_000))))
    engine.bus.subscribe(cs.Event, lambda event: None)
    print(await engine.run(countdown(20_000)))
    chain = add(0)
    for _ in range(20_000):
        chain = add(chain)
    print(await engine.run(chain))

@cs.task
def countdown_then_one(n): return 1 if n == 0 else countdown_then_one(n - 1)

asyncio.run(main())
"""


@pytest.mark.slow
def test_depth_is_not_bounded_by_the_recursion_limit():
    done = subprocess.run(
        [sys.executable, "-c", AT_LIMIT_200], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.stdout.split() == ["done", "done", "2", "done", "5001", "done", "20001"]


@pytest.mark.slow
async def test_chain_of_100_000_nodes_runs(engine):
    add = cs.task(lambda x: x + 1)
    chain = add(0)
    for _ in range(99_999):
        chain = add(chain)

    assert await engine.run(chain) == 100_000
    assert engine.stats.executions == 100_000


@pytest.mark.slow
async def test_chain_of_100_000_nodes_runs_through_the_scheduler(engine):
    log = EventLog(engine)
    add = cs.task(lambda x: x + 1)
    chain = add(0)
    for _ in range(99_999):
        chain = add(chain)

    assert await engine.run(chain) == 100_000
    assert len(log.started()) == len(log.finished()) == 100_000


@pytest.mark.slow
@pytest.mark.parametrize("listens", [False, True], ids=["straight", "scheduler"])
@pytest.mark.parametrize("in_a_list", [False, True])
async def test_fan_in_of_100_000_nodes_runs(engine, listens, in_a_list):
    if listens:
        EventLog(engine)
    one = cs.task(lambda: 1)
    total = cs.task(lambda *xs: sum(xs[0]) if in_a_list else sum(xs))
    ones = [one() for _ in range(100_000)]

    assert await engine.run(total(ones) if in_a_list else total(*ones)) == 100_000


async def test_fan_in_of_20_000_async_nodes_runs(engine):
    @cs.task
    async def one():
        return 1

    total = cs.task(lambda *xs: sum(xs))

    assert await engine.run(total(*[one() for _ in range(20_000)])) == 20_000


async def test_failure_deep_in_a_chain_has_a_short_note(engine):
    @cs.task
    def boom():
        raise ValueError("deep")

    chain = noop(boom())
    for _ in range(5_000):
        chain = noop(chain)

    with pytest.raises(ValueError, match="deep") as caught:
        await engine.run(chain)
    assert len(caught.value.__notes__[0]) < 300


# -- memory ---------------------------------------------------------------------------------------


@pytest.mark.slow
@MODES
async def test_a_million_iterations_leave_memory_flat_and_resolve_once(use_vm):
    engine = cs.Engine()
    target = countdown_tail if use_vm else countdown
    await engine.run(target(1_000), use_vm=use_vm)
    gc.collect()
    before = sys.getallocatedblocks()

    assert await engine.run(target(1_000_000), use_vm=use_vm) == "done"

    gc.collect()
    assert sys.getallocatedblocks() - before < 500
    assert (engine.stats.iterations, engine.stats.resolves) == (1_001_002, 1)


@pytest.mark.slow
async def test_peak_memory_does_not_grow_with_the_number_of_iterations():
    async def peak(n):
        gc.collect()
        tracemalloc.start()
        await cs.Engine().run(countdown(n))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    await peak(100)

    assert await peak(20_000) < 2 * await peak(200) + 50_000


@pytest.mark.slow
@pytest.mark.parametrize("max_plans", [0, 8])
async def test_memory_stays_flat_while_every_iteration_misses(max_plans):
    engine = cs.Engine(plan_cache=cs.PlanCache(max_plans))

    @cs.task
    def loop(n, extra):
        return "done" if n == 0 else loop(n - 1, [noop(), *[0] * (n % 50)])

    await engine.run(loop(1_100, 0))  # whoever keeps the first thousand misses has them now
    gc.collect()
    before = sys.getallocatedblocks()
    await engine.run(loop(1_500, 0))
    gc.collect()

    assert sys.getallocatedblocks() - before < 2_000
    assert engine.stats.resolves == engine.stats.iterations


async def test_a_hundred_runs_with_big_arguments_retain_nothing(engine):
    await engine.run(noop(b"x"))
    gc.collect()
    tracemalloc.start()
    for n in range(100):
        await engine.run(noop([bytes(100_000), n]))
    gc.collect()
    retained, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert retained < 100_000
