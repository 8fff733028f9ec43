"""``with_cache``: values that outlive a run, found by the content of a call."""

from __future__ import annotations

import asyncio
import itertools
import logging

import pytest
from fakes import EventLog
from ways import engine_of, run

import cascade_core as cs


class Recorded:
    """A policy that notes what it is asked."""

    def __init__(self) -> None:
        self.values: dict[bytes, object] = {}
        self.asked: list[str] = []
        self.kept: list[object] = []

    async def get(self, key):
        self.asked.append("get")
        await asyncio.sleep(0)
        return self.values.get(key, cs.MISSING)

    async def set(self, key, value):
        self.asked.append("set")
        await asyncio.sleep(0)
        self.kept.append(value)
        self.values[key] = value


@pytest.fixture
def policy() -> Recorded:
    return Recorded()


@cs.task
def noop(x=None):
    return x


@cs.task
def square(n):
    return n * n


@cs.task
def f(*args, **kwargs):
    return args or kwargs


@cs.task
async def later(x=None):
    await asyncio.sleep(0)
    return x


def counted(is_async: bool = False) -> cs.Task:
    """A task whose value tells how often it has run."""
    count = itertools.count(1)

    async def count_later(*args, **kwargs):
        await asyncio.sleep(0)
        return next(count)

    return cs.task(count_later if is_async else lambda *args, **kwargs: next(count), name="count")


both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


# -- hits -----------------------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("is_target", [False, True])
async def test_second_run_takes_the_value_from_the_cache(way, policy, is_async, is_target):
    engine = engine_of(way)
    call = counted(is_async)(1).with_cache(policy)
    target = call if is_target else noop(call)

    values = [await engine.run(target, use_vm=way == "vm") for _ in range(3)]

    assert values == [1, 1, 1]
    assert policy.asked == ["get", "set", "get", "get"]
    assert (engine.stats.reuses, engine.stats.attempts) == (2, 1 if is_target else 4)


async def test_hit_is_told_as_a_reuse_and_no_execution(engine, log, policy):
    target = noop(square(2).with_cache(policy))
    await engine.run(target)
    log.events.clear()

    await engine.run(target)

    assert [event.task for event in log.of(cs.TaskReused)] == ["square"]
    assert log.started() == ["noop"]


async def test_miss_tells_of_no_reuse(engine, log, policy):
    await engine.run(noop(square(2).with_cache(policy)))

    assert log.of(cs.TaskReused) == []
    assert engine.stats.reuses == 0


@pytest.mark.parametrize("value", [None, 0, False, "", [], cs.MemoryCache()], ids=repr)
async def test_stored_value_is_a_hit_however_false_it_is(way, policy, value):
    engine = engine_of(way)
    count = counted()
    make = cs.task(lambda n: value)

    target = f(make(1).with_cache(policy), count())
    values = [await engine.run(target, use_vm=way == "vm") for _ in range(2)]

    assert [got[0] for got in values] == [value, value]
    assert engine.stats.reuses == 1


@pytest.mark.parametrize("bound", [(3,), {"n": 3}])
async def test_literals_are_part_of_the_key(way, policy, bound):
    engine = engine_of(way)
    call = square(*bound) if isinstance(bound, tuple) else square(**bound)

    values = [
        await engine.run(lazy.with_cache(policy), use_vm=way == "vm")
        for lazy in (square(2), call, square(2), square(3))
    ]

    assert values == [4, 9, 4, 9]
    assert (engine.stats.executions, engine.stats.reuses) == (2, 2)


async def test_values_of_dependencies_are_part_of_the_key(way, policy):
    engine = engine_of(way)
    roll = cs.task(itertools.count().__next__)

    values = [
        await engine.run(noop(square(lazy).with_cache(policy)), use_vm=way == "vm")
        for lazy in (roll(), roll(), later(1), cs.Param("a", 1))
    ]

    assert values == [0, 1, 1, 1]
    assert engine.stats.reuses == 2


async def test_dependencies_run_before_a_hit(way, policy):
    engine = engine_of(way)
    ran = []
    note = cs.task(lambda: ran.append(1))

    for _ in range(2):
        await engine.run(noop(noop(note()).with_cache(policy)), use_vm=way == "vm")

    assert ran == [1, 1]


async def test_types_of_arguments_are_part_of_the_key(way, policy):
    engine = engine_of(way)
    values = [1, True, 1.0, "1", [1], (1,), {1: 1}]

    got = [await engine.run(noop(value).with_cache(policy)) for value in values * 2]

    assert [type(value) for value in got] == [type(value) for value in values * 2]
    assert engine.stats.reuses == len(values)


async def test_different_functions_of_one_name_never_share_results(way, policy):
    def make(value):
        @cs.task
        def same(x):
            return value

        return same

    engine = engine_of(way)

    values = [await engine.run(make(n)(0).with_cache(policy)) for n in range(3)]

    assert values == [0, 1, 2]
    assert engine.stats.reuses == 0


async def test_function_of_one_task_keeps_its_results_however_often_it_is_wrapped(way, policy):
    engine = engine_of(way)
    fn = counted().fn

    for _ in range(2):
        assert await engine.run(cs.task(fn, name="again")(0).with_cache(policy)) == 1


async def test_hit_gives_what_was_stored_and_not_what_the_task_would_give_now(way, policy):
    engine = engine_of(way)
    target = counted()(1)

    assert await engine.run(target.with_cache(policy)) == 1
    assert await engine.run(target) == 2
    assert await engine.run(target.with_cache(policy)) == 1


async def test_policy_of_this_run_is_asked_and_not_that_of_the_cached_plan(way):
    engine = engine_of(way)
    first, second = Recorded(), Recorded()
    count = counted()

    values = [await engine.run(noop(count().with_cache(p))) for p in (first, second, first)]

    assert (values, engine.stats.resolves) == ([1, 2, 1], 1)
    assert (first.asked, second.asked) == (["get", "set", "get"], ["get", "set"])


async def test_one_call_with_two_policies_has_the_last(way, policy):
    other = Recorded()

    await run(way, square(2).with_cache(other).with_cache(policy))

    assert (other.asked, policy.asked) == ([], ["get", "set"])


async def test_two_engines_share_a_memory_cache(way):
    policy = cs.MemoryCache()
    count = counted()

    assert await run(way, count(1).with_cache(policy)) == 1
    assert await run(way, count(1).with_cache(policy)) == 1
    assert len(policy) == 1


async def test_two_loops_in_turn_share_a_memory_cache(policy):
    policy = cs.MemoryCache()
    count = counted(is_async=True)

    async def in_thread():
        return await asyncio.to_thread(lambda: cs.run(count(1).with_cache(policy)))

    assert [await in_thread(), await in_thread()] == [1, 1]


async def test_retention_of_a_memory_cache_holds_through_an_engine(engine):
    now = [0.0]
    policy = cs.MemoryCache(ttl=10, clock=lambda: now[0])
    target = counted()(1).with_cache(policy)

    values = []
    for now[0] in (0.0, 9.0, 10.0, 19.0, 20.0):
        values.append(await engine.run(target))

    assert values == [1, 1, 2, 2, 3]


async def test_eviction_of_a_memory_cache_holds_through_an_engine(engine):
    policy = cs.MemoryCache(max_entries=2)

    for n in (1, 2, 1, 3, 1, 2):
        await engine.run(square(n).with_cache(policy))

    assert (len(policy), engine.stats.executions, engine.stats.reuses) == (2, 4, 2)


# -- what is stored -------------------------------------------------------------------------------


async def test_nothing_is_stored_for_a_call_that_fails(way, policy):
    boom = cs.task(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        await run(way, f(boom().with_cache(policy)))

    assert policy.asked == ["get"]


async def test_nothing_is_asked_for_a_call_that_is_skipped(way, policy):
    await run(way, f().after(square(2).with_cache(policy).run_if(False)))

    assert policy.asked == []


async def test_value_of_a_call_that_others_fail_beside_stays_stored(way, policy):
    boom = cs.task(lambda x: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        await run(way, boom(square(2).with_cache(policy)))

    assert policy.kept == [4]


async def test_retried_call_is_looked_up_once_and_stored_once(way, policy):
    ran = []

    @cs.task
    def flaky():
        ran.append(1)
        if len(ran) < 3:
            raise ValueError("boom")
        return "ok"

    assert await run(way, noop(flaky().with_cache(policy).with_retry(3))) == "ok"
    assert policy.asked == ["get", "set"]


async def test_hit_takes_no_amounts(way, policy):
    engine = engine_of(way, resources={"slots": 1})
    target = square(2).with_cache(policy).with_constraints(slots=1)
    await engine.run(noop(target))
    go = asyncio.Event()

    @cs.task
    async def hold():
        await go.wait()

    @cs.task
    def release(x):
        go.set()

    async with asyncio.timeout(5):
        await engine.run(f(hold().with_constraints(slots=1), release(target)))

    assert engine.stats.reuses == 1


@pytest.mark.parametrize("is_tail", [False, True])
async def test_what_a_node_came_to_is_stored_its_sub_graph_run_out(way, policy, is_tail):
    engine = engine_of(way)
    loop = cs.task(
        lambda n, acc=0: acc if n == 0 else (loop.tail if is_tail else loop)(n - 1, acc + n)
    )
    target = noop(loop(3).with_cache(policy))

    values = [await engine.run(target, use_vm=way == "vm") for _ in range(2)]

    assert (values, policy.kept) == ([6, 6], [6])
    assert policy.asked == ["get", "set", "get"]


@pytest.mark.parametrize("is_tail", [False, True])
async def test_what_the_target_came_to_is_stored_its_tail_calls_run_out(way, policy, is_tail):
    engine = engine_of(way)
    loop = cs.task(
        lambda n, acc=0: acc if n == 0 else (loop.tail if is_tail else loop)(n - 1, acc + n)
    )
    target = loop(3).with_cache(policy)

    values = [await engine.run(target, use_vm=way == "vm") for _ in range(2)]

    assert (values, policy.kept) == ([6, 6], [6])
    assert policy.asked == ["get", "set", "get"]
    assert (engine.stats.iterations, engine.stats.executions) == (5, 4)


async def test_only_the_first_iterations_policy_applies_to_targets(way, policy):
    first = Recorded()
    loop = cs.task(lambda n: "done" if n == 0 else loop(n - 1).with_cache(policy))

    assert await run(way, loop(5).with_cache(first)) == "done"
    assert (first.asked, policy.asked) == (["get", "set"], [])


async def test_policy_of_a_later_target_is_ignored_even_if_the_first_has_none(way, policy):
    loop = cs.task(lambda n: "done" if n == 0 else loop(n - 1).with_cache(policy))

    assert await run(way, loop(3)) == "done"
    assert policy.asked == []


async def test_policies_of_dependencies_apply_in_each_iteration(way, policy):
    engine = engine_of(way)
    loop = cs.task(lambda n, x=None: x if n == 0 else loop(n - 1, square(7).with_cache(policy)))

    assert await engine.run(loop(3), use_vm=way == "vm") == 49
    assert policy.asked == ["get", "set", "get", "get"]
    assert engine.stats.reuses == 2


async def test_target_of_a_sub_graph_has_its_policy_applied_and_its_tail_calls_have_not(
    way, policy
):
    tails = Recorded()
    loop = cs.task(lambda n: "done" if n == 0 else loop(n - 1).with_cache(tails))
    expand = cs.task(lambda: loop(3).with_cache(policy))

    assert await run(way, f(expand())) == ("done",)
    assert (policy.asked, policy.kept, tails.asked) == (["get", "set"], ["done"], [])


async def test_node_and_its_sub_graph_each_keep_what_they_came_to(way, policy):
    inner = Recorded()
    expand = cs.task(lambda: square(noop(3)).with_cache(inner))

    assert await run(way, f(expand().with_cache(policy))) == (9,)
    assert (policy.kept, inner.kept) == ([9], [9])


async def test_hit_of_a_sub_graphs_target_ends_the_sub_graph(way, policy):
    engine = engine_of(way)
    loop = cs.task(lambda n: "done" if n == 0 else loop(n - 1))
    expand = cs.task(lambda: loop(3).with_cache(policy))

    for _ in range(2):
        assert await engine.run(f(expand()), use_vm=way == "vm") == ("done",)

    assert engine.stats.reuses == 1
    assert engine.stats.executions == (2 + 4) + 2


async def test_each_item_of_a_map_is_looked_up_and_stored(way, policy):
    expand = cs.task(lambda n: square(noop(n)))

    assert await run(way, expand.map(n=[2, 3]).with_cache(policy)) == [4, 9]
    assert sorted(policy.kept) == [4, 9]


# -- with pure calls ------------------------------------------------------------------------------


async def test_merged_calls_ask_the_cache_once(way, policy):
    """The memo comes first."""
    same = cs.task(lambda x: x, pure=True)
    calls = [same(1).with_cache(policy) for _ in range(3)]

    await run(way, f(*calls))

    assert policy.asked.count("get") == 1


async def test_value_that_the_memo_had_is_stored_too(way, policy):
    same = cs.task(lambda x: x, pure=True)
    plain = same(1)

    await run(way, f(plain, same(noop(1).after(plain)).with_cache(policy)))

    assert policy.asked == ["set"]
    assert policy.kept == [1]


async def test_value_of_an_equal_call_in_flight_is_stored_too(way, policy):
    @cs.task(pure=True)
    async def same(x):
        await asyncio.sleep(0)
        return x

    await run(way, f(same(1), same(1).with_cache(policy)))

    assert policy.asked == ["set"]


async def test_hit_serves_equal_calls_too(way, policy):
    engine = engine_of(way)
    count = itertools.count(1)
    same = cs.task(lambda x: next(count), pure=True)
    await engine.run(same(1).with_cache(policy))

    values = await engine.run(f(same(1).with_cache(policy), same(noop(1))), use_vm=way == "vm")

    assert values == (1, 1)
    assert engine.stats.reuses == 2


async def test_pure_task_with_a_cache_reuses_across_runs(way, policy):
    engine = engine_of(way)
    count = itertools.count(1)
    same = cs.task(lambda x: next(count), pure=True)

    for _ in range(2):
        assert await engine.run(noop(same(1).with_cache(policy)), use_vm=way == "vm") == 1


# -- what cannot be cached ------------------------------------------------------------------------

REASON = "a value of type object has no stable encoding"


@pytest.mark.parametrize("pure", [False, True])
async def test_call_without_a_content_runs_and_warns_once_with_the_reason(
    way, policy, caplog, pure
):
    look = cs.task(lambda x: 5, name="look", pure=pure)

    assert await run(way, f(look([1, object()]).with_cache(policy))) == (5,)

    (record,) = [r for r in caplog.records if r.levelno >= 30]
    assert (record.name, record.levelname) == ("cascade_core.cache", "WARNING")
    assert record.getMessage().startswith(
        f"call of 'look' cannot be reused: argument 'x'[1]: {REASON}"
    )
    assert policy.asked == []


async def test_value_that_has_no_content_is_stored_all_the_same(way, policy):
    """Only arguments are encoded; what a policy makes of values is its own affair."""
    engine = engine_of(way)
    make = cs.task(lambda n: object())

    values = [await engine.run(make(1).with_cache(policy)) for _ in range(2)]

    assert values[0] is values[1]


# -- policies that misbehave ----------------------------------------------------------------------


class Broken(Recorded):
    """Raises in ``get`` or ``set``."""

    def __init__(self, where: str, error: BaseException | None = None) -> None:
        super().__init__()
        self.where = where
        self.error = error or OSError("disk")

    async def get(self, key):
        await super().get(key)
        if self.where == "get":
            raise self.error
        return cs.MISSING

    async def set(self, key, value):
        await super().set(key, value)
        if self.where == "set":
            raise self.error

    def __repr__(self) -> str:
        return "<Broken>"


@pytest.mark.parametrize("is_target", [False, True])
@pytest.mark.parametrize(("where", "verb"), [("get", "load"), ("set", "save")])
async def test_policy_that_raises_is_logged_and_fails_nothing(way, caplog, where, verb, is_target):
    policy = Broken(where)
    count = counted()
    call = count().with_cache(policy)

    assert await run(way, call if is_target else noop(call)) == 1

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("cascade_core.cache", "WARNING")
    assert record.getMessage() == f"result cache <Broken> failed to {verb}"
    assert record.exc_info[1] is policy.error
    assert policy.asked == ["get", "set"]


async def test_policy_that_cannot_save_never_repeats_the_task(way):
    ran = []
    note = cs.task(lambda: ran.append(1))

    await run(way, noop(note().with_cache(Broken("set")).with_retry(3)))

    assert ran == [1]


async def test_policy_whose_repr_raises_fails_nothing(way, caplog):
    class Silent(Broken):
        def __repr__(self):
            raise RuntimeError("no")

    logging.raiseExceptions, before = False, logging.raiseExceptions
    try:
        assert await run(way, noop(square(2).with_cache(Silent("get")))) == 4
    finally:
        logging.raiseExceptions = before


@pytest.mark.parametrize("where", ["get", "set"])
async def test_exit_in_a_policy_ends_the_run(way, where):
    with pytest.raises(SystemExit):
        await run(way, f(later(), square(2).with_cache(Broken(where, SystemExit(3)))))


@pytest.mark.parametrize("where", ["get", "set"])
@pytest.mark.parametrize("is_target", [False, True])
async def test_cancellation_inside_a_policy_cancels_the_run(way, where, is_target):
    entered = asyncio.Event()

    class Stuck(Recorded):
        async def get(self, key):
            return await self.wait("get", cs.MISSING)

        async def set(self, key, value):
            await self.wait("set", None)

        async def wait(self, here, value):
            if here == where:
                entered.set()
                await asyncio.Event().wait()
            return value

    engine = engine_of(way)
    log = EventLog(engine)
    call = square(2).with_cache(Stuck())
    running = asyncio.create_task(engine.run(call if is_target else f(call, later())))
    async with asyncio.timeout(5):
        await entered.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert [event.status for event in log.of(cs.RunFinished)] == ["cancelled"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_slow_policies_are_asked_concurrently(way):
    """Each ``get`` waits for the other; one after the other they would never end."""
    first, second = asyncio.Event(), asyncio.Event()

    class Meeting(Recorded):
        def __init__(self, mine, other):
            super().__init__()
            self.mine, self.other = mine, other

        async def get(self, key):
            self.mine.set()
            await self.other.wait()
            return cs.MISSING

    one, two = Meeting(first, second), Meeting(second, first)

    async with asyncio.timeout(5):
        assert await run(way, f(square(2).with_cache(one), square(3).with_cache(two))) == (4, 9)


async def test_dependent_starts_only_when_the_value_is_stored(way):
    order = []

    class Slow(Recorded):
        async def set(self, key, value):
            await super().set(key, value)
            order.append("stored")

    note = cs.task(lambda x: order.append("used"))

    await run(way, note(square(2).with_cache(Slow())))

    assert order == ["stored", "used"]


class NoSet:
    async def get(self, key):
        return cs.MISSING


@pytest.mark.parametrize("bad", [None, 3, {}, "cache", NoSet(), cs.MemoryCache, noop(), noop])
def test_policy_that_is_none_is_refused_when_written(bad):
    with pytest.raises(TypeError, match="with_cache needs a policy with async get"):
        square(2).with_cache(bad)


async def test_policy_with_sync_methods_is_logged_and_fails_nothing(way, caplog):
    class Sync:
        def get(self, key):
            return cs.MISSING

        def set(self, key, value):
            pass

    assert await run(way, noop(square(2).with_cache(Sync()))) == 4
    assert [record.getMessage()[-14:] for record in caplog.records] == [
        "failed to load",
        "failed to save",
    ]


async def test_keys_are_bytes(way, policy):
    await run(way, square(2).with_cache(policy))

    (key,) = policy.values
    assert type(key) is bytes
