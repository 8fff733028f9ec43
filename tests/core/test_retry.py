"""Retry: how often a failing call is made again, after how long, and what is told and counted."""

from __future__ import annotations

import asyncio

import pytest
from fakes import EventLog
from ways import engine_of, run

import cascade_core as cs
from cascade_core.run import calls


def retries(log: EventLog) -> list[tuple[str, int, float]]:
    return [(event.task, event.attempt, event.delay) for event in log.of(cs.TaskRetrying)]


def attempts(log: EventLog) -> list[tuple[str, str, int]]:
    return [(event.task, event.status, event.attempts) for event in log.of(cs.TaskFinished)]


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args):
    return args


def failing(times: int, *, is_async: bool = False, error: type[BaseException] = ValueError):
    """A task that fails so many times, then gives the number of its calls; and these calls."""
    made = []

    def fail(*args):
        made.append(args)
        if len(made) <= times:
            raise error(len(made))
        return len(made)

    async def fail_later(*args):
        await asyncio.sleep(0)
        return fail(*args)

    return cs.task(fail_later if is_async else fail, name="flaky"), made


BOTH = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    """The delays between attempts, which take no time."""
    delays = []

    class NoTime:
        def __getattr__(self, name):
            return getattr(asyncio, name)

        async def sleep(self, delay):
            delays.append(delay)
            await asyncio.sleep(0)

    monkeypatch.setattr(calls, "asyncio", NoTime())
    return delays


# -- how often ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("times", [0, 1, 2])
async def test_call_that_succeeds_in_time_gives_its_value(way, times, is_async):
    flaky, made = failing(times, is_async=is_async)

    assert await run(way, flaky().with_retry(3)) == times + 1
    assert len(made) == times + 1


@BOTH
@pytest.mark.parametrize("max_attempts", [1, 2, 3])
async def test_max_attempts_counts_all_calls_the_first_too(way, max_attempts, is_async):
    flaky, made = failing(99, is_async=is_async)

    with pytest.raises(ValueError, match=rf"^{max_attempts}\b"):
        await run(way, flaky().with_retry(max_attempts))
    assert len(made) == max_attempts


async def test_default_is_three_calls_without_delay(way, slept):
    flaky, made = failing(99)

    with pytest.raises(ValueError, match="3"):
        await run(way, flaky().with_retry())
    assert (len(made), slept) == (3, [0.0, 0.0])


async def test_call_without_retry_is_made_once(way):
    flaky, made = failing(1)

    with pytest.raises(ValueError, match="1"):
        await run(way, flaky())
    assert len(made) == 1


async def test_each_attempt_gets_the_same_arguments(way):
    flaky, made = failing(2)
    value = []

    await run(way, flaky(noop(value), 1).with_retry())

    assert made == [(value, 1)] * 3
    assert all(args[0] is value for args in made)


async def test_dependencies_of_a_retried_call_run_once(way):
    flaky, _ = failing(2)
    engine = engine_of(way)

    await engine.run(flaky(noop()).with_retry(), use_vm=way == "vm")

    assert engine.stats.tasks == {"noop": 1, "flaky": 1}


async def test_second_retry_option_replaces_the_first(way):
    flaky, made = failing(99)

    with pytest.raises(ValueError, match="2"):
        await run(way, flaky().with_retry(5).with_retry(2))
    assert len(made) == 2


async def test_counts_are_read_from_this_run_never_from_a_cached_plan(way):
    engine = engine_of(way)
    flaky, made = failing(99)
    calls_made = []

    for max_attempts in (3, 1, 2):
        made.clear()
        with pytest.raises(ValueError, match=r"\d"):
            await engine.run(flaky().with_retry(max_attempts), use_vm=way == "vm")
        calls_made.append(len(made))

    assert calls_made == [3, 1, 2]
    assert engine.stats.resolves == 1


async def test_sync_function_around_an_async_one_is_retried(way):
    flaky, made = failing(2, is_async=True)
    begin = cs.task(lambda: flaky.fn(), name="begin")

    assert await run(way, begin().with_retry()) == 3
    assert len(made) == 3


async def test_method_is_retried(way):
    class Client:
        calls = 0

        @cs.task
        def fetch(self):
            self.calls += 1
            if self.calls < 3:
                raise OSError("down")
            return self.calls

    assert await run(way, Client().fetch().with_retry()) == 3


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, True, "3", None, float("nan")])
def test_max_attempts_that_are_no_int_above_0_are_refused_when_written(value):
    with pytest.raises(cs.GraphError) as caught:
        noop().with_retry(value)
    assert str(caught.value) == f"max_attempts must be an int >= 1, got {value!r}"


@pytest.mark.parametrize("what", ["delay", "backoff"])
@pytest.mark.parametrize("value", [-1, -0.5, True, "1", None, float("nan"), float("inf")])
def test_delay_and_backoff_that_are_no_finite_numbers_are_refused_when_written(what, value):
    with pytest.raises(cs.GraphError) as caught:
        noop().with_retry(**{what: value})
    assert str(caught.value) == f"{what} must be a number >= 0, got {value!r}"


def test_refused_number_is_a_value_error_too():
    with pytest.raises(ValueError, match="max_attempts"):
        noop().with_retry(0)


@pytest.mark.parametrize(
    "make", [lambda: cs.Param("p"), lambda: cs.Env("e"), lambda: cs.inject("r")]
)
def test_retry_of_an_input_is_refused_when_written(make):
    with pytest.raises(cs.GraphError, match=r"^with_retry needs the call of a task or a map, got "):
        make().with_retry()


def test_retry_of_a_select_is_refused_when_written():
    with pytest.raises(cs.GraphError, match=r"^with_retry needs the call of a task or a map, got "):
        cs.select(1, {1: noop()}).with_retry()


# -- what is raised -------------------------------------------------------------------------------


@BOTH
async def test_last_exception_is_raised_as_the_same_object(way, is_async):
    errors = [KeyError(n) for n in range(3)]
    left = iter(errors)

    def fail():
        raise next(left)

    async def fail_later():
        fail()

    flaky = cs.task(fail_later if is_async else fail)

    with pytest.raises(KeyError) as caught:
        await run(way, flaky().with_retry())
    assert caught.value is errors[2]
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


async def test_error_that_every_attempt_raises_has_its_note_once(way):
    error = ValueError("same")

    @cs.task
    def fail():
        raise error

    with pytest.raises(ValueError, match="same") as caught:
        await run(way, noop(fail().with_retry()))
    assert caught.value is error
    assert error.__notes__ == ["in task 'fail' at noop(x=)"]


async def test_errors_of_attempts_that_were_followed_by_others_have_no_note(way):
    errors = []

    @cs.task
    def fail():
        errors.append(ValueError(len(errors)))
        raise errors[-1]

    with pytest.raises(ValueError, match="2"):
        await run(way, fail().with_retry())
    assert [len(getattr(error, "__notes__", ())) for error in errors] == [0, 0, 1]


@BOTH
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_exit_is_not_retried(way, error, is_async):
    flaky, made = failing(1, is_async=is_async, error=error)

    with pytest.raises(error):
        await run(way, flaky().with_retry())
    assert len(made) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_exit_beside_siblings_is_not_retried(way, error):
    flaky, made = failing(1, is_async=True, error=error)

    with pytest.raises(error):
        await run(way, f(flaky().with_retry(), flaky().with_retry(), noop()))
    assert len(made) in (1, 2)


async def test_cancelled_error_of_the_task_itself_is_not_retried(way):
    flaky, made = failing(1, is_async=True, error=asyncio.CancelledError)

    with pytest.raises(asyncio.CancelledError):
        await run(way, flaky().with_retry())
    assert len(made) == 1


# -- what is told and counted ---------------------------------------------------------------------


@BOTH
async def test_retried_node_is_one_execution_with_several_attempts(way, is_async):
    flaky, _ = failing(2, is_async=is_async)
    engine = engine_of(way)

    await engine.run(f(flaky().with_retry(5), noop()), use_vm=way == "vm")

    assert engine.stats.tasks == {"flaky": 1, "noop": 1, "f": 1}
    assert engine.stats.task_attempts == {"flaky": 3, "noop": 1, "f": 1}
    assert (engine.stats.executions, engine.stats.attempts) == (3, 5)


async def test_attempts_are_counted_when_the_node_fails_for_good(way):
    flaky, _ = failing(99)
    engine = engine_of(way)

    for _ in range(2):  # cold and warm
        with pytest.raises(ValueError, match=r"\d"):
            await engine.run(flaky().with_retry(4), use_vm=way == "vm")

    assert (engine.stats.executions, engine.stats.attempts) == (2, 8)


@BOTH
async def test_events_tell_the_attempts_between_start_and_end(engine, log, slept, is_async):
    flaky, _ = failing(2, is_async=is_async)

    await engine.run(flaky().with_retry(3, delay=2.0, backoff=3.0))

    assert log.kinds()[2:-1] == ["TaskStarted", "TaskRetrying", "TaskRetrying", "TaskFinished"]
    assert retries(log) == [("flaky", 1, 2.0), ("flaky", 2, 6.0)]
    assert attempts(log) == [("flaky", "ok", 3)]


async def test_last_failing_attempt_tells_of_no_other_one(engine, log):
    flaky, _ = failing(99)

    with pytest.raises(ValueError, match="3"):
        await engine.run(flaky().with_retry(3))

    assert [attempt for _, attempt, _ in retries(log)] == [1, 2]
    assert attempts(log) == [("flaky", "failed", 3)]


async def test_only_attempt_tells_of_no_other_one(engine, log):
    flaky, _ = failing(99)

    with pytest.raises(ValueError, match="1"):
        await engine.run(flaky().with_retry(1))
    assert retries(log) == []


async def test_attempts_are_counted_as_they_begin(engine):
    seen = []

    @cs.task
    def look():
        seen.append((engine.stats.executions, engine.stats.attempts))
        raise ValueError("look")

    with pytest.raises(ValueError, match="look"):
        await engine.run(look().with_retry())
    assert seen == [(1, 1), (1, 2), (1, 3)]


# -- how long after -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delay", "backoff", "delays"),
    [
        (0, 1, [0, 0, 0]),
        (0, 5, [0, 0, 0]),
        (2, 1, [2, 2, 2]),
        (1, 2, [1, 2, 4]),
        (0.5, 3.0, [0.5, 1.5, 4.5]),
        (4, 0.5, [4, 2, 1]),
        (3, 0, [3, 0, 0]),
    ],
)
async def test_backoff_multiplies_the_delay(way, slept, delay, backoff, delays):
    flaky, _ = failing(99)

    with pytest.raises(ValueError, match="4"):
        await run(way, flaky().with_retry(4, delay=delay, backoff=backoff))
    assert slept == delays


async def test_delay_that_grows_without_end_stays_a_number(slept):
    flaky, _ = failing(99)

    with pytest.raises(ValueError, match="50"):
        await cs.Engine().run(flaky().with_retry(50, delay=1e200, backoff=1e200))
    assert len(slept) == 49
    assert all(delay <= 1e200 for delay in slept)


@BOTH
async def test_delay_does_not_block_siblings(monkeypatch, is_async):
    """The delay ends when the sibling has run; if it blocked it, neither ever would."""
    reached = asyncio.Event()

    class UntilReached:
        def __getattr__(self, name):
            return getattr(asyncio, name)

        async def sleep(self, delay):
            await reached.wait()

    monkeypatch.setattr(calls, "asyncio", UntilReached())
    flaky, _ = failing(1, is_async=is_async)
    reach = cs.task(lambda x: reached.set(), name="reach")

    async with asyncio.timeout(5):
        value = await cs.Engine().run(f(flaky().with_retry(2, delay=60), reach(noop())))

    assert value == (2, None)


async def test_other_runs_progress_during_a_delay(way):
    engine = engine_of(way)
    flaky, made = failing(1)
    waiting = asyncio.create_task(engine.run(flaky().with_retry(2, delay=3600)))
    while not made:
        await asyncio.sleep(0)

    assert await engine.run(noop(1)) == 1

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# -- what it covers -------------------------------------------------------------------------------


async def test_retry_covers_the_call_not_the_graph_it_returns(way):
    inner, made = failing(1)
    expanded = []

    @cs.task
    def expand():
        expanded.append(1)
        return inner()

    with pytest.raises(ValueError, match="1"):
        await run(way, f(expand().with_retry(5)))
    assert (len(expanded), len(made)) == (1, 1)


@pytest.mark.parametrize("tail", [False, True])
async def test_retry_of_the_target_does_not_cover_its_tail_calls(way, tail):
    made = []

    @cs.task
    def loop(n):
        made.append(n)
        if n == 0:
            raise ValueError("end")
        return loop.tail(n - 1) if tail else loop(n - 1)

    with pytest.raises(ValueError, match="end"):
        await run(way, loop(2).with_retry(5))
    assert made == [2, 1, 0]


async def test_call_that_fails_once_and_then_returns_a_call_goes_on_with_it(way):
    made = []

    @cs.task
    def expand():
        made.append(1)
        if len(made) == 1:
            raise ValueError("once")
        return noop("inner")

    assert await run(way, f(expand().with_retry())) == ("inner",)
    assert len(made) == 2


async def test_retry_in_each_iteration_is_its_own(way):
    engine = engine_of(way)
    failed = set()

    @cs.task
    def loop(n):
        if n not in failed:
            failed.add(n)
            raise ValueError(n)
        return "done" if n == 0 else loop(n - 1).with_retry(2)

    assert await engine.run(loop(3).with_retry(2), use_vm=way == "vm") == "done"
    assert (engine.stats.executions, engine.stats.attempts) == (4, 8)


async def test_retry_on_a_map_holds_for_each_item(engine, log):
    failed = set()

    @cs.task
    def item(x):
        if x not in failed:
            failed.add(x)
            raise ValueError(x)
        return x

    assert await engine.run(item.map(x=[1, 2, 3]).with_retry(2)) == [1, 2, 3]
    assert sorted(attempts(log)) == [("item", "ok", 2)] * 3
    assert (engine.stats.executions, engine.stats.attempts) == (3, 6)


async def test_exhausted_item_of_a_map_fails_the_run(way):
    flaky, made = failing(99)

    with pytest.raises(ValueError, match="2"):
        await run(way, cs.task(lambda x: flaky.fn(x), name="item").map(x=[1]).with_retry(2))
    assert len(made) == 2


async def test_argument_that_cannot_be_made_is_tried_again_like_any_failure(way):
    """Making the arguments is part of the attempt; no function is called."""
    engine = engine_of(way)
    give_list = cs.task(list)

    with pytest.raises(TypeError, match="unhashable"):
        await engine.run(noop({give_list()}).with_retry(2), use_vm=way == "vm")
    assert engine.stats.tasks == {"list": 1, "noop": 1}


# -- cancellation ---------------------------------------------------------------------------------


async def test_cancellation_during_an_attempt_ends_the_retries(engine, log):
    entered = asyncio.Event()
    made = []

    @cs.task
    async def wait():
        made.append(1)
        entered.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(engine.run(wait().with_retry(5)))
    await entered.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(made) == 1
    assert attempts(log) == [("wait", "cancelled", 1)]
    assert log.events[-1].status == "cancelled"


@pytest.mark.parametrize("beside", [False, True])
async def test_cancellation_during_a_delay_ends_the_retries(engine, log, beside):
    flaky, made = failing(99)
    node = flaky().with_retry(5, delay=3600)
    running = asyncio.create_task(engine.run(f(node, noop()) if beside else node))
    while not log.of(cs.TaskRetrying):
        await asyncio.sleep(0)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(made) == 1
    assert ("flaky", "cancelled", 1) in attempts(log)
    assert engine.stats.task_attempts["flaky"] == 1


async def test_failure_of_a_sibling_ends_a_delay(engine, log):
    flaky, made = failing(99)

    @cs.task
    async def fail():
        while not log.of(cs.TaskRetrying):
            await asyncio.sleep(0)
        raise KeyError("sibling")

    with pytest.raises(KeyError):
        await engine.run(f(flaky().with_retry(5, delay=3600), fail()))
    assert len(made) == 1
    assert ("flaky", "cancelled", 1) in attempts(log)


@pytest.mark.parametrize("beside", [False, True])
async def test_attempt_that_makes_an_error_of_its_cancellation_is_not_retried(way, beside):
    """Else a run that is to end would go on calling."""
    made = []
    entered = asyncio.Event()

    @cs.task
    async def convert():
        made.append(1)
        if len(made) > 1:
            return  # a broken engine is to fail here, not to hang
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("converted") from None

    node = convert().with_retry(5)
    running = asyncio.create_task(run(way, f(node, noop()) if beside else node))
    await entered.wait()
    running.cancel()

    await asyncio.wait([running])
    assert len(made) == 1
    assert running.cancelled() or type(running.exception()) is ValueError
