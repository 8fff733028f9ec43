"""Timeouts: how long an attempt may take, and what ends it then."""

from __future__ import annotations

import asyncio

import pytest
from fakes import EventLog, RecordingExecutor
from ways import engine_of, run

import cascade_core as cs

SOON = 0.001  # seconds: for what never ends by itself
LATE = 3600.0  # seconds: for what ends by itself


def attempts(log: EventLog) -> list[tuple[str, str, int]]:
    return [(event.task, event.status, event.attempts) for event in log.of(cs.TaskFinished)]


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args):
    return args


@cs.task
async def later(x=None):
    await asyncio.sleep(0)
    return x


@cs.task
async def at_once(x=None):
    """Ends before any timeout can: it never gives way."""
    return x


@cs.task
async def forever(*args):
    await asyncio.Event().wait()


# -- what ends and how ----------------------------------------------------------------------------


@pytest.mark.parametrize("beside", [False, True])
async def test_attempt_that_lasts_too_long_is_a_timeout_error(way, beside):
    node = forever().with_timeout(SOON)

    with pytest.raises(TimeoutError) as caught:
        await run(way, f(node, noop()) if beside else f(node))
    assert str(caught.value) == "task 'forever' did not end within 0.001 s"
    assert caught.value.__notes__ == ["in task 'forever' at f(args[0]=)"]


async def test_attempt_that_ends_in_time_gives_its_value(way):
    assert await run(way, f(later(1).with_timeout(LATE), later(2).with_timeout(LATE))) == (1, 2)


async def test_timed_out_attempt_is_cancelled(way):
    ended = []

    @cs.task
    async def wait():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with pytest.raises(TimeoutError):
        await run(way, wait().with_timeout(SOON))
    assert ended == ["cancelled"]


async def test_timeout_fails_the_node_and_the_run(engine, log):
    with pytest.raises(TimeoutError):
        await engine.run(f(forever().with_timeout(SOON), noop()))

    assert ("forever", "failed", 1) in attempts(log)
    assert log.events[-1].status == "failed"


async def test_timeout_cancels_siblings(engine, log):
    with pytest.raises(TimeoutError):
        await engine.run(f(forever(), forever().with_timeout(SOON)))

    assert sorted(log.finished()) == [("forever", "cancelled"), ("forever", "failed")]


async def test_timeout_leaves_the_asyncio_task_of_the_run_uncancelled(way):
    with pytest.raises(TimeoutError):
        await run(way, forever().with_timeout(SOON))

    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)  # no cancellation comes later


async def test_timeout_error_of_the_task_itself_is_raised_as_the_same_object(way):
    error = TimeoutError("own")

    @cs.task
    async def fail():
        raise error

    with pytest.raises(TimeoutError) as caught:
        await run(way, fail().with_timeout(LATE))
    assert caught.value is error


async def test_other_error_of_the_task_is_raised_as_the_same_object(way):
    error = KeyError("own")

    @cs.task
    async def fail():
        raise error

    with pytest.raises(KeyError) as caught:
        await run(way, fail().with_timeout(LATE))
    assert caught.value is error


async def test_error_that_a_timed_out_attempt_raises_itself_stands(way):
    @cs.task
    async def convert():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("cleaning up") from None

    with pytest.raises(KeyError, match="cleaning up"):
        await run(way, convert().with_timeout(SOON))


async def test_engine_is_usable_after_a_timeout(way):
    engine = engine_of(way)

    with pytest.raises(TimeoutError):
        await engine.run(forever().with_timeout(SOON), use_vm=way == "vm")
    assert await engine.run(later(1).with_timeout(LATE), use_vm=way == "vm") == 1


async def test_cancellation_from_outside_is_no_timeout(engine, log):
    running = asyncio.create_task(engine.run(forever().with_timeout(LATE)))
    while not log.started():
        await asyncio.sleep(0)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert attempts(log) == [("forever", "cancelled", 1)]


async def test_timeout_around_the_run_is_not_taken_for_the_nodes(engine, log):
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(SOON):
            await engine.run(f(forever().with_timeout(LATE), noop()))

    assert "forever" not in str(caught.value)
    assert log.events[-1].status == "cancelled"


# -- with retry -----------------------------------------------------------------------------------


async def test_timeout_holds_for_each_attempt(engine, log):
    made = []

    @cs.task
    async def slow_at_first():
        made.append(1)
        if len(made) < 3:
            await asyncio.Event().wait()
        return len(made)

    node = slow_at_first().with_timeout(SOON).with_retry(3)

    assert await engine.run(f(node, noop())) == (3, None)
    assert [event.attempt for event in log.of(cs.TaskRetrying)] == [1, 2]
    assert ("slow_at_first", "ok", 3) in attempts(log)


async def test_last_attempt_that_times_out_raises_the_timeout_error(way):
    engine = engine_of(way)

    with pytest.raises(TimeoutError, match=r"^task 'forever' did not end within 0\.001 s\b"):
        await engine.run(forever().with_retry(3).with_timeout(SOON), use_vm=way == "vm")
    assert (engine.stats.executions, engine.stats.attempts) == (1, 3)


async def test_delay_between_attempts_is_outside_the_timeout(way):
    made = []

    @cs.task
    async def flaky():
        made.append(1)
        if len(made) == 1:
            raise ValueError("once")
        return "done"

    node = flaky().with_timeout(SOON).with_retry(2, delay=SOON * 5)

    assert await run(way, node) == "done"


# -- what it covers -------------------------------------------------------------------------------


async def test_timeout_does_not_cover_the_graph_that_a_call_returns(way):
    @cs.task
    async def inner():
        await asyncio.sleep(SOON * 5)
        return "inner"

    @cs.task
    async def expand():
        return inner()

    assert await run(way, f(expand().with_timeout(SOON * 2))) == ("inner",)


async def test_waiting_for_a_constraint_is_outside_the_timeout(engine):
    """The holder goes on for longer than the waiter may take."""
    engine = cs.Engine(resources={"gpu": 1})

    @cs.task
    async def hold():
        await asyncio.sleep(SOON * 5)
        return "held"

    holder = hold().with_constraints(gpu=1)
    waiter = at_once("waited").with_constraints(gpu=1).with_timeout(SOON * 2)

    assert await engine.run(f(holder, waiter)) == ("held", "waited")


async def test_dependencies_are_outside_the_timeout(way):
    @cs.task
    async def slow():
        await asyncio.sleep(SOON * 5)

    assert await run(way, at_once(slow()).with_timeout(SOON * 2)) is None


async def test_timeout_on_a_map_holds_for_each_item(engine, log):
    @cs.task
    async def item(x):
        if x == 2:
            await asyncio.Event().wait()
        return x

    assert await engine.run(item.map(x=[0, 1]).with_timeout(LATE)) == [0, 1]
    with pytest.raises(TimeoutError, match=r"^task 'item' did not end within 0\.001 s\b"):
        await engine.run(item.map(x=[0, 1, 2]).with_timeout(SOON))


async def test_timeout_on_a_map_is_none_of_the_whole_map(way):
    """Each item takes longer than the timeout, for the delay between its attempts."""
    made = []

    @cs.task
    async def item(x):
        made.append(x)
        if made.count(x) == 1:
            raise ValueError("once")
        return x

    target = item.map(x=[0, 1, 2]).with_timeout(SOON).with_retry(2, delay=SOON * 5)

    assert await run(way, target) == [0, 1, 2]


async def test_timeout_is_read_from_this_run_never_from_a_cached_plan(way):
    engine = engine_of(way)

    @cs.task
    async def wait(turns):
        for _ in range(turns):
            await asyncio.sleep(SOON)

    with pytest.raises(TimeoutError):
        await engine.run(wait(100_000).with_timeout(SOON * 5), use_vm=way == "vm")
    await engine.run(wait(10).with_timeout(LATE), use_vm=way == "vm")

    assert engine.stats.resolves == 1


async def test_second_timeout_replaces_the_first(way):
    with pytest.raises(TimeoutError, match=r"within 0\.001 s"):
        await run(way, forever().with_timeout(LATE).with_timeout(SOON))


async def test_attempt_that_swallows_its_timeout_gives_its_value(way):
    @cs.task
    async def stubborn():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "late"

    assert await run(way, stubborn().with_timeout(SOON)) == "late"


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: noop(), lambda: noop.map(x=[1])], ids=["call", "map"])
def test_timeout_of_a_sync_task_in_this_thread_is_refused_when_written(make):
    call = make()
    with pytest.raises(cs.GraphError) as caught:
        call.with_timeout(1)
    assert str(caught.value) == (
        f"with_timeout cannot stop the sync task {call.task.name!r} in this thread: make it async, "
        "or give it another run_on"
    )


async def test_timeout_of_a_sync_task_elsewhere_is_kept():
    @cs.task(run_on="thread")
    def work(x):
        return x

    class Elsewhere(RecordingExecutor):
        async def execute(self, node, args, kwargs):
            if tuple(args) == ("forever",):
                await asyncio.Event().wait()
            return await super().execute(node, args, kwargs)

    engine = cs.Engine(executor=Elsewhere(frozenset({"thread"})))

    assert await engine.run(work(1).with_timeout(LATE)) == 1
    with pytest.raises(TimeoutError, match="task 'work'"):
        await engine.run(work("forever").with_timeout(SOON))


@pytest.mark.parametrize("value", [-1, True, "1", None, float("nan"), float("inf")])
def test_timeout_that_is_no_finite_number_is_refused_when_written(value):
    with pytest.raises(cs.GraphError) as caught:
        later().with_timeout(value)
    assert str(caught.value) == f"timeout must be a number >= 0, got {value!r}"


@pytest.mark.parametrize("value", [0, 0.0, -0.0])
def test_timeout_of_no_time_is_refused_when_written(value):
    with pytest.raises(cs.GraphError) as caught:
        later().with_timeout(value)
    assert str(caught.value) == f"timeout must be a number of seconds > 0, got {value!r}"


@pytest.mark.parametrize(
    "make",
    [
        lambda: cs.Param("p"),
        lambda: cs.Env("e"),
        lambda: cs.inject("r"),
        lambda: cs.select(1, {1: later()}),
    ],
)
def test_timeout_of_an_input_is_refused_when_written(make):
    with pytest.raises(cs.GraphError, match=r"^with_timeout needs the call of a task or a map"):
        make().with_timeout(1)


def test_timeout_too_large_for_a_clock_is_refused_when_written():
    with pytest.raises(cs.GraphError, match="timeout must be a number"):
        later().with_timeout(10**400)
