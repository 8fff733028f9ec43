"""Failing: a task's own exception, what is cancelled, and what is left usable."""

from __future__ import annotations

import asyncio
import traceback

import pytest
from fakes import EventLog, RecordingExecutor

import cascade_core as cs


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args, **kwargs):
    return args


@cs.task
def boom(*args):
    raise ValueError("boom")


@cs.task
async def later_boom():
    await asyncio.sleep(0)
    raise ValueError("boom")


ENDLESS = 300_000  # iterations: takes longer than any timeout here, but ends for a broken engine

LISTENS = pytest.mark.parametrize("listens", [False, True], ids=["straight", "scheduler"])


# -- what is raised -------------------------------------------------------------------------------


@LISTENS
async def test_exception_of_a_task_is_raised_as_the_same_object(engine, listens):
    if listens:
        EventLog(engine)
    error = KeyError("own")

    @cs.task
    def fail():
        raise error

    with pytest.raises(KeyError) as caught:
        await engine.run(f(fail()))
    assert caught.value is error


@pytest.mark.parametrize(
    ("make", "note"),
    [
        (lambda: boom(), "in task 'boom' at target"),
        (lambda: f(boom()), "in task 'boom' at f(args[0]=)"),
        (lambda: f(1, k=noop(boom())), "in task 'boom' at f(k=noop(x=))"),
        (lambda: f({"a": [boom()]}), "in task 'boom' at f(args[0]['a'][0]=)"),
        (lambda: noop(later_boom()), "in task 'later_boom' at noop(x=)"),
    ],
)
@LISTENS
async def test_note_names_the_node_and_its_path(engine, make, note, listens):
    if listens:
        EventLog(engine)

    with pytest.raises(ValueError, match="boom") as caught:
        await engine.run(make())
    assert caught.value.__notes__ == [note]


async def test_note_names_the_task_by_its_own_name(engine):
    named = cs.task(boom.fn, name="fetch")

    with pytest.raises(ValueError, match="boom") as caught:
        await engine.run(named())
    assert caught.value.__notes__ == ["in task 'fetch' at target"]


async def test_exception_raised_again_has_its_note_once(engine):
    error = ValueError("same")

    @cs.task
    def fail():
        raise error

    for _ in range(3):
        with pytest.raises(ValueError, match="same"):
            await engine.run(fail())
    assert len(error.__notes__) == 1


async def test_exception_in_a_sub_graph_is_raised_as_itself(engine):
    expand = cs.task(lambda: noop(boom()))

    with pytest.raises(ValueError, match="boom") as caught:
        await engine.run(f(expand()))
    assert caught.value.__notes__ == ["in task 'boom' at noop(x=)"]


async def test_exception_that_a_task_returns_is_a_value(engine):
    error = ValueError("value")

    assert await engine.run(noop(cs.task(lambda: error)())) is error


async def test_argument_that_cannot_be_made_fails_the_node(engine):
    """A set cannot hold the list that its member comes to."""
    give_list = cs.task(list)

    with pytest.raises(TypeError, match="unhashable") as caught:
        await engine.run(noop({give_list()}))
    assert caught.value.__notes__ == ["in task 'noop' at target"]


@LISTENS
async def test_nothing_runs_after_the_failed_node(engine, listens):
    if listens:
        EventLog(engine)
    ran = []
    note = cs.task(lambda n: ran.append(n))

    with pytest.raises(ValueError, match="boom"):
        await engine.run(f(note(1), boom(), note(2), noop(note(3))))
    assert ran == [1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@LISTENS
async def test_exit_raised_by_a_sync_task_ends_the_run(error, listens):
    engine = cs.Engine()
    log = EventLog(engine) if listens else None

    @cs.task
    def leave():
        raise error

    with pytest.raises(error):
        await engine.run(f(noop(), leave()))

    assert engine.stats.tasks == {"noop": 1, "leave": 1}
    if log is not None:
        assert log.finished() == [("noop", "ok"), ("leave", "failed")]
        assert log.events[-1].status == "failed"


def test_keyboard_interrupt_comes_out_of_run():
    @cs.task
    def leave():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cs.run(leave())


@pytest.mark.parametrize("use_vm", [False, True])
async def test_engine_is_usable_after_an_exit(engine, use_vm):
    @cs.task
    def leave():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await engine.run(leave(), use_vm=use_vm)
    assert await engine.run(noop(1), use_vm=use_vm) == 1


# -- the traceback --------------------------------------------------------------------------------


def frames_below(error: BaseException, name: str) -> list[str]:
    """The names of a traceback's functions below the one that is named."""
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    return names[names.index(name) + 1 :]


@cs.task
def countdown_to_boom(n, dep):
    return countdown_to_boom(n - 1, noop(boom() if n == 1 else n))


@LISTENS
@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: f(noop(boom())), ["boom"]),
        (lambda: f(noop(), later_boom(), later_boom()), ["later_boom"]),
        (lambda: f(boom().with_retry(2)), ["boom"]),
        (lambda: countdown_to_boom(3, noop(3)), ["boom"]),
    ],
    ids=["sync", "async", "with options", "after iterations"],
)
async def test_traceback_leads_from_the_run_to_the_task_and_shows_no_engine(
    engine, make, names, listens
):
    if listens:
        EventLog(engine)

    with pytest.raises(ValueError, match="boom") as caught:
        await engine.run(make())
    assert frames_below(caught.value, "run") == names


async def test_traceback_of_a_plan_used_often_shows_its_code_under_its_name(engine):
    with pytest.raises(RecursionError) as caught:
        await engine.run(leave_after(100, noop(100)))
    assert frames_below(caught.value, "run") == ["plan of leave_after", "leave_after"]
    lines = [frame.line for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "result = f0(d0, r1)" in lines


@cs.task
def leave_after(n, dep):
    if n == 0:
        raise RecursionError("own")
    return leave_after(n - 1, noop(n - 1))


async def test_error_of_the_engine_itself_keeps_its_whole_traceback(engine):
    with pytest.raises(cs.UnknownNameError) as caught:
        await engine.run(f(cs.Param("missing")))
    assert len(frames_below(caught.value, "run")) > 2


# -- siblings -------------------------------------------------------------------------------------


async def test_failure_cancels_running_siblings_and_waits_for_them(engine):
    ended = []
    started = asyncio.Event()

    @cs.task
    async def slow():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            ended.append("slow")

    @cs.task
    async def fail():
        await started.wait()
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await engine.run(f(slow(), fail()))
    assert ended == ["slow"]


async def test_failure_waits_for_a_sibling_that_resists_cancellation(engine):
    ended = []
    started = asyncio.Event()

    @cs.task
    async def stubborn():
        started.set()
        for _ in range(3):
            try:
                await asyncio.sleep(0.002)
            except asyncio.CancelledError:
                continue
        ended.append("stubborn")

    @cs.task
    async def fail():
        await started.wait()
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await engine.run(f(stubborn(), fail()))
    assert ended == ["stubborn"]


async def test_first_failure_is_raised_and_later_ones_are_not(engine):
    started = asyncio.Event()

    @cs.task
    async def second():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise KeyError("second")

    @cs.task
    async def first():
        await started.wait()
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await engine.run(f(second(), first()))


async def test_failure_of_a_sync_node_cancels_async_siblings(engine, log):
    @cs.task
    async def slow():
        await asyncio.Event().wait()

    with pytest.raises(ValueError, match="boom"):
        await engine.run(f(slow(), boom()))
    assert sorted(log.finished()) == [("boom", "failed"), ("slow", "cancelled")]


async def test_failure_cancels_nodes_of_other_sub_graphs(engine, log):
    started = asyncio.Event()

    @cs.task
    async def slow():
        started.set()
        await asyncio.Event().wait()

    @cs.task
    async def fail():
        await started.wait()
        raise ValueError("boom")

    expand = cs.task(lambda make: make())

    with pytest.raises(ValueError, match="boom"):
        await engine.run(f(expand(lambda: noop(slow())), expand(lambda: noop(fail()))))
    assert ("slow", "cancelled") in log.finished()


async def test_nothing_of_a_failed_run_goes_on(engine):
    before = asyncio.all_tasks()

    @cs.task
    async def slow():
        await asyncio.Event().wait()

    with pytest.raises(ValueError, match="boom"):
        async with asyncio.timeout(5):
            await engine.run(f(slow(), slow(), noop(later_boom())))
    assert asyncio.all_tasks() == before


async def test_sibling_that_never_took_a_step_leaves_no_coroutine_behind(engine, log):
    """Its coroutine was made by a sync function; warnings are errors."""

    async def inner():
        raise AssertionError("never reached")

    begin = cs.task(lambda: inner(), name="begin")

    with pytest.raises(ValueError, match="boom"):
        await engine.run(f(begin(), boom()))
    assert log.finished() == [("boom", "failed"), ("begin", "cancelled")]


# -- cancellation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [cs.LocalExecutor, RecordingExecutor])
async def test_cancelled_run_ends_its_nodes_and_says_so(executor):
    engine = cs.Engine(executor=executor())
    log = EventLog(engine)
    entered = asyncio.Event()

    @cs.task
    async def wait():
        entered.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(engine.run(f(wait(), wait(), noop())))
    await entered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert log.events[-1] == cs.RunFinished(log.events[-1].run, "cancelled")
    assert sorted(log.started()) == sorted(task for task, _ in log.finished())


async def test_cancelled_run_waits_for_its_nodes(engine):
    ended = []
    entered = asyncio.Event()

    @cs.task
    async def wait(name):
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    running = asyncio.create_task(engine.run(f(wait("a"), wait("b"))))
    await entered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert sorted(ended) == ["a", "b"]


@pytest.mark.parametrize("use_vm", [False, True])
@LISTENS
async def test_endless_loop_is_cancelled_by_a_timeout(engine, use_vm, listens):
    if listens:
        statuses = []
        engine.bus.subscribe(cs.RunFinished, lambda event: statuses.append(event.status))
    forever = cs.task(lambda n: n if n == ENDLESS else forever.tail(n + 1))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await engine.run(forever(0), use_vm=use_vm)

    assert engine.stats.iterations == engine.stats.executions > 0
    if listens:
        assert statuses == ["cancelled"]


async def test_endless_loop_inside_a_sub_graph_is_cancelled_by_a_timeout(engine):
    forever = cs.task(lambda n: n if n == ENDLESS else forever(n + 1))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await engine.run(noop(forever(0)))
    assert engine.stats.iterations == 1


async def test_endless_async_loop_that_never_waits_is_cancelled_by_a_timeout(engine):
    @cs.task
    async def forever(n):
        return n if n == ENDLESS else forever(n + 1)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await engine.run(forever(0))


async def test_engine_is_usable_after_a_cancellation(engine):
    forever = cs.task(lambda n: n if n == ENDLESS else forever(n + 1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.002):
            await engine.run(forever(0))

    assert await engine.run(noop(1)) == 1


async def test_task_that_cancels_itself_cancels_the_run(engine, log):
    @cs.task
    async def give_up():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await engine.run(f(give_up(), noop()))
    assert log.events[-1].status == "cancelled"


async def test_run_cancelled_while_it_waits_for_siblings_still_waits_for_them(engine):
    ended = []
    resisting = asyncio.Event()

    @cs.task
    async def stubborn():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            resisting.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("stubborn")

    running = asyncio.create_task(engine.run(f(stubborn(), later_boom())))
    await resisting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert ended == ["stubborn"]


@LISTENS
async def test_exception_in_a_coroutine_made_by_a_sync_function_is_noted(engine, listens):
    if listens:
        EventLog(engine)

    async def inner():
        await asyncio.sleep(0)
        raise ValueError("inner")

    begin = cs.task(lambda: inner(), name="begin")

    with pytest.raises(ValueError, match="inner") as caught:
        await engine.run(noop(begin()))
    assert caught.value.__notes__ == ["in task 'begin' at noop(x=)"]


def test_exception_through_run_has_no_other_before_it():
    with pytest.raises(ValueError, match="boom") as caught:
        cs.run(boom())

    assert caught.value.__context__ is None
