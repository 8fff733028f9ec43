"""Pure calls: equal content runs once in an iteration, by value and never by look."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from ways import engine_of, run

import cascade_core as cs


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args, **kwargs):
    return args or kwargs


@cs.task
async def later(x=None):
    await asyncio.sleep(0)
    return x


class Ran(list):
    """Makes pure tasks that note with what they ran."""

    def task(self, is_async: bool = False) -> cs.Task:
        async def note_later(*args, **kwargs):
            self.append((*args, *kwargs.items()))
            await asyncio.sleep(0)
            return len(self), *args

        def note(*args, **kwargs):
            self.append((*args, *kwargs.items()))
            return len(self), *args

        return cs.task(note_later if is_async else note, name="note", pure=True)


@pytest.fixture
def ran() -> Ran:
    return Ran()


both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


# -- what is merged -------------------------------------------------------------------------------


@both_kinds
async def test_two_calls_with_equal_arguments_run_once(way, ran, is_async):
    engine = engine_of(way)
    note = ran.task(is_async)

    value = await engine.run(f(note(1, [2]), note(1, [2])), use_vm=way == "vm")

    assert value == ((1, 1, [2]), (1, 1, [2]))
    assert (engine.stats.executions, engine.stats.reuses) == (2, 1)


async def test_the_very_object_is_shared(way):
    make = cs.task(lambda: object(), pure=True)

    one, two = await run(way, f(make(), make()))

    assert one is two


@both_kinds
async def test_calls_are_merged_by_the_values_of_their_dependencies(way, ran, is_async):
    note = ran.task(is_async)

    await run(way, f(note(noop(1)), note(later(1)), note(1), note(cs.Param("a", 1))))

    assert ran == [(1,)]


async def test_calls_that_look_alike_with_other_values_are_two(way, ran):
    """``note(roll())`` twice: two rolls, two values."""
    roll = cs.task(itertools.count().__next__)
    note = ran.task()

    await run(way, f(note(roll()), note(roll())))

    assert sorted(ran) == [(0,), (1,)]


async def test_calls_that_are_not_pure_are_never_merged(way, ran):
    note = cs.task(ran.task().fn)

    await run(way, f(note(1), note(1)))

    assert ran == [(1,), (1,)]


DIFFERENT = [1, True, 1.0, "1", b"1", [1], (1,), {1}, {1: 1}, {1: True}, None, [], (), -1, 1j]


async def test_arguments_of_different_types_differ(way, ran):
    note = ran.task()

    await run(way, f(*[note(value) for value in DIFFERENT]))

    assert len(ran) == len(DIFFERENT)


async def test_position_keyword_and_default_are_one_call(way):
    count = itertools.count(1)
    add = cs.task(lambda a, b=2: next(count), pure=True)

    assert await run(way, f(add(1), add(1, 2), add(b=2, a=1), add(1, b=later(2)))) == (1, 1, 1, 1)


async def test_extra_keywords_tell_calls_apart(way, ran):
    note = ran.task()

    await run(way, f(note(x=1), note(y=1), note(x=1), note(("x", 1))))

    assert len(ran) == 3


async def test_two_pure_tasks_of_one_name_are_never_merged(way):
    def make(value):
        @cs.task(pure=True)
        def same():
            return value

        return same

    assert await run(way, f(make(1)(), make(2)())) == (1, 2)


async def test_pure_call_of_pure_calls(way, ran):
    note = ran.task()

    await run(way, f(note(noop(note(1))), note(noop(note(1)))))

    assert ran == [(1,), ((1, 1),)]


async def test_one_object_passed_twice_is_no_reuse(way, ran):
    engine = engine_of(way)
    x = ran.task()(1)

    await engine.run(f(x, x), use_vm=way == "vm")

    assert (engine.stats.executions, engine.stats.reuses) == (2, 0)


async def test_value_that_cannot_be_encoded_is_not_merged(way, ran, caplog):
    """Nobody asked for a result cache: no warning."""
    thing = object()
    note = ran.task()

    await run(way, f(note(thing), note(thing)))

    assert len(ran) == 2
    assert [record.levelname for record in caplog.records if record.levelno > 10] == []


async def test_reason_why_a_call_was_not_merged_is_told_for_debugging(way, ran, caplog):
    caplog.set_level("DEBUG", "cascade_core.cache")

    await run(way, f(ran.task()([object()])))

    (record,) = caplog.records
    assert record.levelname == "DEBUG"
    assert "call of 'note' cannot be reused" in record.getMessage()


# -- in flight ------------------------------------------------------------------------------------


async def test_call_that_equals_one_in_flight_waits_for_it(way):
    go = asyncio.Event()
    ran = []

    @cs.task(pure=True)
    async def slow(x):
        ran.append(x)
        await go.wait()
        return x

    @cs.task
    async def release():
        await asyncio.sleep(0)
        go.set()

    async with asyncio.timeout(5):
        assert await run(way, f(slow(1), slow(1), slow(1), release())) == (1, 1, 1, None)
    assert ran == [1]


async def test_waiting_call_is_told_blocked_then_reused(engine, log, ran):
    note = ran.task(is_async=True)

    await engine.run(f(note(1), note(1)))

    assert [event.reason for event in log.of(cs.TaskBlocked)] == ["equal call"]
    assert [event.task for event in log.of(cs.TaskReused)] == ["note"]
    assert log.started() == ["note", "f"]
    assert log.finished() == [("note", "ok"), ("f", "ok")]
    assert log.kinds().index("TaskBlocked") < log.kinds().index("TaskReused")


async def test_call_after_an_equal_one_is_told_reused_without_being_blocked(engine, log, ran):
    note = ran.task()

    await engine.run(f(note(1), note(1)))

    assert log.of(cs.TaskBlocked) == []
    assert len(log.of(cs.TaskReused)) == 1


async def test_event_of_a_reuse_names_the_node_that_was_not_run(engine, log, ran):
    note = ran.task()

    await engine.run(f(note(1), note(1)))

    (started, _), (reused,) = log.of(cs.TaskStarted), log.of(cs.TaskReused)
    assert started.node is not reused.node


async def test_failure_of_the_one_that_runs_fails_the_run_once(way):
    ran = []

    @cs.task(pure=True)
    async def fail(x):
        ran.append(x)
        await asyncio.sleep(0)
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        await run(way, f(fail(1), fail(1)))

    assert ran == [1]


async def test_retried_pure_call_is_waited_for_until_it_succeeds(way):
    ran = []

    @cs.task(pure=True)
    async def flaky(x):
        ran.append(x)
        await asyncio.sleep(0)
        if len(ran) < 3:
            raise ValueError("boom")
        return "ok"

    assert await run(way, f(flaky(1).with_retry(3), flaky(1).with_retry(3))) == ("ok", "ok")
    assert len(ran) == 3


async def test_waiting_call_holds_no_amounts(way):
    """Did it, the call it waits for could never take its own."""

    @cs.task(pure=True)
    async def slow(x):
        await asyncio.sleep(0)
        return x

    limited = [slow(1).with_constraints(slots=1) for _ in range(3)]

    async with asyncio.timeout(5):
        assert await run(way, f(*limited), resources={"slots": 1}) == (1, 1, 1)


async def test_cancelled_while_calls_wait(engine):
    entered = asyncio.Event()

    @cs.task(pure=True)
    async def stuck(x):
        entered.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(engine.run(f(stuck(1), stuck(1))))
    await entered.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert (engine.stats.executions, engine.stats.reuses) == (1, 0)


# -- sub-graphs, maps, iterations -----------------------------------------------------------------


async def test_value_is_what_the_call_came_to(way):
    """Its sub-graph is run out once, for both."""
    engine = engine_of(way)
    inner = []
    note = cs.task(lambda x: inner.append(x) or x)
    expand = cs.task(lambda x: note(later(x)), pure=True)

    value = await engine.run(f(expand(5), expand(5), noop(expand(5))), use_vm=way == "vm")

    assert (value, inner) == ((5, 5, 5), [5])
    assert (engine.stats.lookups, engine.stats.reuses) == (2, 2)


async def test_pure_call_that_loops_is_run_out_once(way):
    engine = engine_of(way)
    loop = cs.task(lambda n, acc=0: acc if n == 0 else loop(n - 1, acc + n), pure=True)

    assert await engine.run(f(loop(3), loop(3)), use_vm=way == "vm") == (6, 6)
    assert (engine.stats.executions, engine.stats.reuses) == (1 + 4, 1)


async def test_calls_in_different_sub_graphs_are_merged(way, ran):
    note = ran.task(is_async=True)
    expand = cs.task(lambda: noop(note(1)))

    await run(way, f(expand(), expand(), note(1)))

    assert ran == [(1,)]


async def test_equal_items_of_maps_are_merged(way, ran):
    one = cs.task(lambda x: ran.append(x) or x, pure=True)

    assert await run(way, f(one.map(x=[1, 2, 1]), one.map(x=[2, 3]), one(3))) == (
        [1, 2, 1],
        [2, 3],
        3,
    )
    assert sorted(ran) == [1, 2, 3]


async def test_merging_ends_with_the_iteration(way, ran):
    engine = engine_of(way)
    note = ran.task()
    loop = cs.task(lambda n, *x: "done" if n == 0 else loop(n - 1, note(1), note(1)))

    await engine.run(loop(3), use_vm=way == "vm")

    assert ran == [(1,)] * 3
    assert engine.stats.reuses == 3


async def test_pure_target_of_a_loop_runs_in_each_iteration(way):
    """Equal arguments from iteration to iteration: merged, it would never end."""
    left = [3]

    @cs.task(pure=True)
    def loop():
        left[0] -= 1
        return loop() if left[0] else "done"

    engine = engine_of(way)
    assert await engine.run(loop(), use_vm=way == "vm") == "done"
    assert (engine.stats.executions, engine.stats.reuses) == (3, 0)


async def test_two_runs_share_nothing(way, ran):
    engine = engine_of(way)
    target = noop(ran.task()(1))

    await engine.run(target)
    await engine.run(target)

    assert len(ran) == 2


async def test_two_runs_at_once_share_nothing(ran):
    engine = cs.Engine()
    note = ran.task(is_async=True)

    await asyncio.gather(*[engine.run(f(note(1), note(1))) for _ in range(2)])

    assert len(ran) == 2


# -- calls that would wait for each other ---------------------------------------------------------


def mutual(depth: int = 1) -> tuple[cs.Task, cs.Task, list[str]]:
    """Two pure tasks, each of whose sub-graphs calls the other once: plain recursion ends."""
    ran: list[str] = []

    def made(name, other):
        @cs.task(name=name, pure=True)
        async def call():
            ran.append(name)
            await asyncio.sleep(0)
            return noop(other()()) if ran.count(name) <= depth else name

        return call

    a = made("a", lambda: b)
    b = made("b", lambda: a)
    return a, b, ran


async def test_calls_that_would_wait_for_each_other_go_on_by_themselves(way):
    a, b, ran = mutual()

    async with asyncio.timeout(5):
        value = await run(way, f(a(), b()))

    assert set(value) <= {"a", "b"}
    assert 2 < len(ran) <= 4


async def test_call_that_would_wait_for_itself_goes_on_by_itself(way):
    ran = []

    @cs.task(pure=True)
    async def again():
        ran.append(1)
        await asyncio.sleep(0)
        return noop(again()) if len(ran) < 3 else "done"

    async with asyncio.timeout(5):
        assert await run(way, f(again(), again())) == ("done", "done")
    assert len(ran) == 3


async def test_ring_of_calls_goes_on(way):
    """Each of five calls needs the next one's value; the last one needs the first's."""
    ran = []

    @cs.task(pure=True)
    async def ring(n):
        ran.append(n)
        await asyncio.sleep(0)
        return noop(ring((n + 1) % 5)) if ran.count(n) == 1 else n

    async with asyncio.timeout(5):
        values = await run(way, f(*[ring(n) for n in range(5)]))

    assert len(set(values)) == 1
    assert len(ran) == 6


async def test_ring_through_maps_and_deeper_sub_graphs_goes_on(way):
    ran = []

    @cs.task(pure=True)
    async def ring(n):
        ran.append(n)
        await asyncio.sleep(0)
        return deeper((n + 1) % 3) if ran.count(n) == 1 else n

    deeper = cs.task(lambda n: first(ring.map(n=[n])))
    first = cs.task(lambda values: values[0])

    async with asyncio.timeout(5):
        values = await run(way, f(ring.map(n=range(3)), ring(0)))

    assert len({*values[0], values[1]}) == 1


# -- with other options ---------------------------------------------------------------------------


@both_kinds
async def test_skipped_call_is_not_merged_with_one_that_runs(way, ran, is_async):
    note = ran.task(is_async)
    skipped = note(1).run_if(False)

    assert await run(way, f(f().after(skipped), note(1))) == ({}, (1, 1))
    assert ran == [(1,)]


async def test_skipped_equal_call_reuses_nothing(engine, log, ran):
    note = ran.task()

    await engine.run(f(note(1), f().after(note(1).run_if(False))))

    assert log.of(cs.TaskReused) == []
    assert engine.stats.reuses == 0


async def test_reused_node_releases_what_comes_after_it(way, ran):
    note = ran.task(is_async=True)
    order = []
    then = cs.task(lambda: order.append("then"))

    await run(way, f(note(1), then().after(note(1))))

    assert order == ["then"]


async def test_reused_value_decides_as_a_condition(way):
    yes = cs.task(lambda x: x, pure=True)

    assert await run(way, f(yes(1), noop(2).run_if(yes(1)))) == (1, 2)


async def test_pure_call_as_the_target_is_run(way, ran):
    note = ran.task()

    assert await run(way, note(noop(1))) == (1, 1)


async def test_pure_target_equal_to_one_of_its_dependencies_is_reused(way):
    engine = engine_of(way)
    same = cs.task(lambda x: "same", pure=True)

    assert await engine.run(same(same(same("same"))), use_vm=way == "vm") == "same"
    assert (engine.stats.executions, engine.stats.reuses) == (1, 2)


async def test_a_thousand_equal_calls_run_once(way, ran):
    engine = engine_of(way)
    note = ran.task(is_async=True)

    await engine.run(f(*[note(1) for _ in range(1_000)]), use_vm=way == "vm")

    assert (len(ran), engine.stats.reuses) == (1, 999)


async def test_purity_is_structure_and_merging_is_not(engine, ran):
    note = ran.task()

    await engine.run(f(note(1), note(1)))
    await engine.run(f(note(1), note(2)))

    assert (engine.stats.resolves, engine.stats.reuses) == (1, 1)


async def test_pure_call_behind_an_async_sibling_does_not_wait_for_itself(way):
    """The sibling has to take its first step before; the call is looked at once all the same."""
    same = cs.task(lambda x: x, pure=True)

    @cs.task
    async def later():
        await asyncio.sleep(0)
        return "later"

    async with asyncio.timeout(5):
        assert await run(way, f(later(), same(1), same(1))) == ("later", 1, 1)
