"""Ends that are no success: what is ended with the run, in what order, and what is told of it.

For each way to end (``ENDS``) the same holds: siblings are cancelled and awaited, then resources
are closed, newest first, with the exception thrown in, then ``RunFinished`` is told, then the
exception comes out of ``run``.
"""

from __future__ import annotations

import asyncio
import contextlib

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
async def later(x=None):
    await asyncio.sleep(0)
    return x


class Leave(BaseException):
    """No exception of ours, and none of the standard library's."""


ERRORS = [ValueError, KeyboardInterrupt, SystemExit, Leave]
STATUS = {asyncio.CancelledError: "cancelled"}


def status_of(error: type[BaseException]) -> str:
    return STATUS.get(error, "failed")


async def let_run(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def other_tasks() -> set[asyncio.Task]:
    return asyncio.all_tasks() - {asyncio.current_task()}


class Diary:
    """What happened, in order; and providers and tasks that write in it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.waiting = asyncio.Event()

    def provider(self, name: str, *, is_async: bool, scope="run", needs: str | None = None):
        need = None if needs is None else cs.inject(needs)

        def opens(needed=need):
            self.lines.append(f"open {name}")
            try:
                yield name
            except BaseException as error:
                self.lines.append(f"throw {type(error).__name__} into {name}")
                raise
            finally:
                self.lines.append(f"close {name}")

        async def opens_later(needed=need):
            await asyncio.sleep(0)
            self.lines.append(f"open {name}")
            try:
                yield name
            except BaseException as error:
                self.lines.append(f"throw {type(error).__name__} into {name}")
                raise
            finally:
                await asyncio.sleep(0)
                self.lines.append(f"close {name}")

        return cs.resource(opens_later if is_async else opens, scope=scope)

    @cs.task
    async def wait(self, *args):
        """Waits for ever, and takes its time to end."""
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            self.lines.append("sibling ended")

    @cs.task
    async def park(self, *args):
        """Waits for ever, and ends at once."""
        await asyncio.Event().wait()

    @cs.task
    async def fail(self, error, *args):
        await self.waiting.wait()
        raise error

    @cs.task
    async def fail_alone(self, error, *args):
        await asyncio.sleep(0)
        raise error

    @cs.task
    def fail_at_once(self, error, *args):
        raise error

    @cs.task
    async def then(self, *args):
        """Ends when the sibling waits; a sync node after it starts then."""
        await self.waiting.wait()


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def outcome(engine: cs.Engine, target: cs.LazyResult, use_vm: bool = False) -> BaseException:
    """What the run raises; no test may take the event loop down with it."""
    try:
        value = await engine.run(target, use_vm=use_vm)
    except BaseException as error:
        return error
    raise AssertionError(f"the run gave {value!r}")


# How a run can come to its end: the target, given the resources that nodes hold.
ENDS = {
    "sync node": lambda d, e, *r: f(d.wait(), d.fail_at_once(e, d.then(), *r)),
    "async node alone": lambda d, e, *r: d.fail_alone(e, *r),
    "sync node alone": lambda d, e, *r: d.fail_at_once(e, *r),
    "async node beside siblings": lambda d, e, *r: f(d.wait(), d.fail(e, *r)),
    "retried node": lambda d, e, *r: f(d.wait(), d.fail(e, *r).with_retry(1)),
    "sub-graph": lambda d, e, *r: f(d.wait(), cs.task(lambda *a: noop(d.fail(e, *a)))(*r)),
    "map item": lambda d, e, *r: f(d.wait(), d.then(*r), cs.task(d_fail).map(x=[(d, e)])),
    "later iteration": lambda d, e, *r: cs.task(lambda *a: f(d.wait(), d.fail(e, *a)))(*r),
}


async def d_fail(x):
    diary, error = x
    await diary.waiting.wait()
    raise error


ends = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
errors = pytest.mark.parametrize("error", ERRORS)


# -- every end, every error -----------------------------------------------------------------------


@ends
@pytest.mark.parametrize("error", [*ERRORS, asyncio.CancelledError])
@pytest.mark.parametrize("way", ["graph", "vm", "executor"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_siblings_end_then_resources_close_then_the_exception_comes_out(
    diary, end, error, way, is_async
):
    executor = RecordingExecutor() if way == "executor" else None
    provider = diary.provider("db", is_async=is_async)
    engine = cs.Engine(executor=executor, resources={"db": provider})
    log = EventLog(engine)
    raised = error("end")

    caught = await outcome(engine, end(diary, raised, cs.inject("db")), use_vm=way == "vm")

    assert caught is raised or (type(caught), error) == (error, asyncio.CancelledError)
    sibling = ["sibling ended"] if diary.waiting.is_set() else []
    thrown = f"throw {error.__name__} into db"
    assert diary.lines == ["open db", *sibling, thrown, "close db"]
    assert log.events[-1] == cs.RunFinished(log.events[0].run, status_of(error))
    assert other_tasks() == set()


@ends
@pytest.mark.parametrize("error", [*ERRORS, asyncio.CancelledError])
@pytest.mark.parametrize("use_vm", [False, True])
async def test_each_started_node_has_its_end_and_its_count(diary, end, error, use_vm):
    engine = cs.Engine()
    log = EventLog(engine)

    await outcome(engine, end(diary, error("end")), use_vm)

    assert sorted(log.started()) == sorted(task for task, _ in log.finished())
    assert engine.stats.executions == len(log.started()) == engine.stats.attempts
    assert engine.stats.lookups == engine.stats.hits + engine.stats.misses
    assert engine.stats.resolves == engine.stats.misses == engine.stats.builds
    assert engine.stats.runs == 1


@ends
@errors
@pytest.mark.parametrize("use_vm", [False, True])
async def test_engine_counts_the_same_when_nobody_listens(diary, end, error, use_vm):
    quiet, heard, other = cs.Engine(), cs.Engine(), Diary()
    EventLog(heard)

    await outcome(quiet, end(diary, error("end")), use_vm)
    await outcome(heard, end(other, error("end")), use_vm)

    assert quiet.stats.as_dict() == heard.stats.as_dict()
    assert quiet.stats.tasks == heard.stats.tasks


@ends
@errors
@pytest.mark.parametrize("use_vm", [False, True])
async def test_engine_is_usable_afterwards(diary, end, error, use_vm):
    engine = cs.Engine(resources={"db": diary.provider("db", is_async=True)})
    await outcome(engine, end(diary, error("end"), cs.inject("db")), use_vm)
    diary.lines.clear()

    assert await engine.run(f(cs.inject("db"), later(1)), use_vm=use_vm) == ("db", 1)
    assert diary.lines == ["open db", "close db"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@ends
def test_exit_comes_out_of_the_synchronous_run(end, error):
    raised = error(3)

    async def target():
        return end(Diary(), raised)

    with pytest.raises(error) as caught:
        cs.run(asyncio.run(target()))
    assert caught.value is raised


# -- cancelled from outside -----------------------------------------------------------------------


async def cancelled_run(diary, engine, target, use_vm=False) -> asyncio.Task:
    """A run that is waiting for its nodes, just cancelled."""
    running = asyncio.create_task(engine.run(target, use_vm=use_vm))
    await diary.waiting.wait()
    running.cancel("from outside")
    return running


TARGETS = {
    "alone": lambda d, *r: d.wait(*r),
    "beside siblings": lambda d, *r: f(d.wait(*r), later(), d.wait()),
    "managed": lambda d, *r: d.wait(*r).with_timeout(3600).with_retry(3).with_constraints(gpu=1),
    "coroutine of a sync function": lambda d, *r: f(
        cs.task(lambda *a: d.wait.task.fn(d, *a), name="begin")(*r), later()
    ),
    "waiting for another": lambda d, *r: f(
        d.wait(*r).with_constraints(gpu=1), d.wait().with_constraints(gpu=1)
    ),
    "sub-graph": lambda d, *r: f(cs.task(lambda *a: noop(d.wait(*a)))(*r)),
    "map": lambda d, *r: f(
        cs.task(lambda x, *a: d.wait(), name="item").map(x=[1, 2]).with_constraints(gpu=1),
        noop(r),
    ),
    "condition": lambda d, *r: noop().run_if(d.wait(*r)),
    "selector": lambda d, *r: cs.select(d.wait(*r), {1: 1}),
    "later iteration": lambda d, *r: cs.task(lambda *a: d.wait(*a))(*r),
}
targets = pytest.mark.parametrize("make", TARGETS.values(), ids=TARGETS)


@targets
@pytest.mark.parametrize("use_vm", [False, True])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_cancelled_run_ends_its_nodes_then_closes_its_resources(
    diary, make, use_vm, is_async
):
    provider = diary.provider("db", is_async=is_async)
    engine = cs.Engine(resources={"db": provider, "gpu": 1})
    log = EventLog(engine)

    running = await cancelled_run(diary, engine, make(diary, cs.inject("db")), use_vm)
    with pytest.raises(asyncio.CancelledError):
        await running

    assert diary.lines[0] == "open db"
    assert set(diary.lines[1:-2]) <= {"sibling ended"}
    assert diary.lines[-2:] == ["throw CancelledError into db", "close db"]
    assert log.events[-1].status == "cancelled"
    assert sorted(log.started()) == sorted(task for task, _ in log.finished())
    assert {status for task, status in log.finished() if task == "wait"} <= {"cancelled"}
    assert other_tasks() == set()
    assert engine.stats.executions == len(log.started())


@targets
@pytest.mark.parametrize("use_vm", [False, True])
async def test_timeout_around_a_run_ends_it(diary, make, use_vm):
    engine = cs.Engine(resources={"gpu": 1})
    log = EventLog(engine)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await engine.run(make(diary, 1), use_vm=use_vm)

    assert log.events[-1].status == "cancelled"
    assert other_tasks() == set()
    assert await engine.run(noop(1).with_constraints(gpu=1)) == 1


async def test_cancellation_message_comes_out(diary):
    running = await cancelled_run(diary, cs.Engine(), f(diary.wait(), later()))

    with pytest.raises(asyncio.CancelledError, match="from outside"):
        await running


async def test_run_that_is_cancelled_before_it_began_is_no_run(engine, log):
    running = asyncio.create_task(engine.run(later()))
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert (log.events, engine.stats.runs) == ([], 0)


async def test_node_that_delays_its_cancellation_is_waited_for(engine):
    lines = []
    waiting, release = asyncio.Event(), asyncio.Event()

    @cs.task
    async def stubborn():
        waiting.set()
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()
        lines.append("node ended")

    running = asyncio.create_task(engine.run(f(stubborn(), later())))
    await waiting.wait()
    for _ in range(3):
        running.cancel()
        await let_run()
        assert not running.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    lines.append("run ended")

    assert lines == ["node ended", "run ended"]


async def test_second_cancellation_while_a_resource_closes_waits_for_it(diary):
    closing, release = asyncio.Event(), asyncio.Event()

    @cs.resource
    async def slow():
        try:
            yield "slow"
        finally:
            closing.set()
            await release.wait()
            diary.lines.append("close slow")

    engine = cs.Engine(resources={"old": diary.provider("old", is_async=True), "slow": slow})
    log = EventLog(engine)

    running = await cancelled_run(
        diary, engine, diary.wait(noop(cs.inject("slow")).after(noop(cs.inject("old"))))
    )
    await closing.wait()
    for _ in range(2):
        running.cancel()
        await let_run()
    was_done = running.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert not was_done
    assert diary.lines[-3:] == ["close slow", "throw CancelledError into old", "close old"]
    assert log.events[-1].status == "cancelled"


async def test_run_that_fails_and_is_cancelled_while_closing_is_cancelled():
    """What is told is what comes out."""
    closing, release = asyncio.Event(), asyncio.Event()

    @cs.resource
    async def slow():
        try:
            yield
        finally:
            closing.set()
            await release.wait()

    engine = cs.Engine(resources={"slow": slow})
    log = EventLog(engine)
    running = asyncio.create_task(engine.run(Diary().fail_at_once(KeyError(), cs.inject("slow"))))
    await closing.wait()
    running.cancel()
    await let_run()
    release.set()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert log.events[-1].status == "cancelled"


async def test_run_that_fails_and_is_cancelled_while_nodes_end_is_cancelled(engine, log):
    ending, release = asyncio.Event(), asyncio.Event()

    @cs.task
    async def slow_to_end():
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await release.wait()

    running = asyncio.create_task(engine.run(f(slow_to_end(), Diary().fail_alone(KeyError()))))
    await ending.wait()
    running.cancel()
    await let_run()
    release.set()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert log.events[-1].status == "cancelled"


async def test_cancellation_while_a_resource_closes_after_success_is_a_cancellation():
    closing, release = asyncio.Event(), asyncio.Event()
    lines = []

    @cs.resource
    async def slow():
        yield
        closing.set()
        await release.wait()
        lines.append("closed")

    engine = cs.Engine(resources={"slow": slow})
    log = EventLog(engine)
    running = asyncio.create_task(engine.run(noop(cs.inject("slow"))))
    await closing.wait()
    running.cancel()
    await let_run()
    release.set()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert lines == ["closed"]
    assert log.events[-1].status == "cancelled"


async def test_whoever_cancels_all_tasks_still_gets_resources_closed_with_the_exception(diary):
    """As ``asyncio.run`` does at its end: the run's own helpers are cancelled too."""
    resources = {
        "a": diary.provider("a", is_async=True),
        "b": diary.provider("b", is_async=True, needs="a"),
    }
    engine = cs.Engine(resources=resources)
    log = EventLog(engine)
    running = asyncio.create_task(engine.run(f(diary.wait(cs.inject("b")), later())))
    await diary.waiting.wait()

    for task in other_tasks():
        task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await running

    assert diary.lines[2:] == [
        "sibling ended",
        "throw CancelledError into b",
        "close b",
        "throw CancelledError into a",
        "close a",
    ]
    assert not hasattr(caught.value, "__notes__")
    assert log.events[-1].status == "cancelled"


def test_run_that_its_event_loop_leaves_behind_closes_its_resources():
    diaries = []

    async def main():
        diary = Diary()
        diaries.append(diary)
        engine = cs.Engine(resources={"db": diary.provider("db", is_async=True)})
        diary.run = asyncio.create_task(engine.run(diary.wait(cs.inject("db"))))
        await diary.waiting.wait()

    asyncio.run(main())

    assert diaries[0].lines[-2:] == ["throw CancelledError into db", "close db"]


# -- resources ------------------------------------------------------------------------------------

SYNC_OR_ASYNC = pytest.mark.parametrize(
    "kinds", ["ssss", "aaaa", "asas", "saas"], ids=lambda kinds: f"{kinds}"
)


@SYNC_OR_ASYNC
@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError, SystemExit])
@pytest.mark.parametrize("scope", ["run", "iteration"])
async def test_resources_close_newest_first_with_the_exception_thrown_in(
    diary, kinds, error, scope
):
    """d needs c, c needs b, b needs a: opened a b c d."""
    resources = {
        name: diary.provider(name, is_async=kind == "a", scope=scope, needs=needs)
        for name, kind, needs in zip("abcd", kinds, (None, "a", "b", "c"), strict=True)
    }
    engine = cs.Engine(resources=resources)

    caught = await outcome(engine, f(diary.fail_alone(error(), cs.inject("d")), later()))

    assert type(caught) is error
    assert diary.lines == [f"open {name}" for name in "abcd"] + [
        line for name in "dcba" for line in (f"throw {error.__name__} into {name}", f"close {name}")
    ]


async def test_iteration_and_run_scope_close_newest_first_together(diary):
    """The iteration's resource needs the run's."""
    resources = {
        "run": diary.provider("run", is_async=True),
        "iteration": diary.provider("iteration", is_async=False, scope="iteration", needs="run"),
    }
    engine = cs.Engine(resources=resources)

    await outcome(engine, diary.fail_at_once(ValueError(), cs.inject("iteration")))

    assert diary.lines == [
        "open run",
        "open iteration",
        "throw ValueError into iteration",
        "close iteration",
        "throw ValueError into run",
        "close run",
    ]


@pytest.mark.parametrize("use_vm", [False, True])
async def test_failing_second_iteration_throws_into_its_own_resources_only(diary, use_vm):
    engine = cs.Engine(
        resources={
            "run": diary.provider("run", is_async=True),
            "each": diary.provider("each", is_async=True, scope="iteration"),
        }
    )

    @cs.task
    def loop(n, run, each):
        if n == 0:
            raise KeyError("end")
        return loop(n - 1, cs.inject("run"), cs.inject("each"))

    await outcome(engine, loop(1, cs.inject("run"), cs.inject("each")), use_vm)

    assert diary.lines == [
        "open run",
        "open each",
        "close each",
        "open each",
        "throw KeyError into each",
        "close each",
        "throw KeyError into run",
        "close run",
    ]


def provider_that(behaves, is_async: bool):
    """A provider whose end is ``behaves``: None swallows, an exception is raised in its place."""

    def end():
        if behaves is not None:
            raise behaves

    def opens():
        try:
            yield "db"
        except BaseException:
            end()

    async def opens_later():
        try:
            yield "db"
        except BaseException:
            await asyncio.sleep(0)
            end()

    return cs.resource(opens_later if is_async else opens)


SYNC_ASYNC = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@SYNC_ASYNC
@pytest.mark.parametrize("error", [*ERRORS, asyncio.CancelledError])
async def test_resource_that_swallows_the_exception_does_not_stop_it(diary, is_async, error):
    engine = cs.Engine(resources={"db": provider_that(None, is_async)})
    log = EventLog(engine)
    raised = error("end")

    caught = await outcome(engine, diary.fail_at_once(raised, cs.inject("db")))

    assert caught is raised
    assert log.events[-1].status == status_of(error)


@SYNC_ASYNC
@pytest.mark.parametrize("own", [KeyError("own"), KeyboardInterrupt("own"), SystemExit("own")])
@pytest.mark.parametrize("error", [*ERRORS, asyncio.CancelledError])
async def test_resource_that_raises_another_one_leaves_a_note_and_a_log_line(
    diary, caplog, is_async, own, error
):
    engine = cs.Engine(
        resources={
            "old": diary.provider("old", is_async=True),
            "db": provider_that(own, is_async),
        }
    )
    log = EventLog(engine)
    raised = error("end")
    target = diary.fail_at_once(raised, cs.inject("old"), noop(cs.inject("db")))

    caught = await outcome(engine, target)
    await let_run()  # nothing takes the event loop down later

    assert caught is raised
    assert caught.__notes__[-1] == f"resource 'db' failed to close too: {own!r}"
    assert [record.name for record in caplog.records] == ["cascade_core.resources"]
    assert diary.lines[-2:] == [f"throw {error.__name__} into old", "close old"]
    assert log.events[-1].status == status_of(error)


@SYNC_ASYNC
@errors
async def test_resource_that_fails_to_open_fails_the_run(diary, is_async, error):
    raised = error("open")

    async def opens_later():
        await asyncio.sleep(0)
        raise raised
        yield

    def opens():
        raise raised
        yield

    engine = cs.Engine(
        resources={
            "old": diary.provider("old", is_async=True),
            "db": cs.resource(opens_later if is_async else opens),
        }
    )
    log = EventLog(engine)

    needs_it = noop(cs.inject("db")).after(noop(cs.inject("old")))
    caught = await outcome(engine, f(diary.wait(), needs_it))
    await let_run()

    assert caught is raised
    assert diary.lines[-2:] == [f"throw {error.__name__} into old", "close old"]
    assert log.events[-1].status == "failed"
    assert other_tasks() == set()


@SYNC_ASYNC
@errors
@pytest.mark.parametrize("scope", ["run", "iteration"])
async def test_resource_that_fails_to_close_after_success_fails_the_run(
    diary, is_async, error, scope
):
    raised = error("close")

    def opens():
        yield "db"
        raise raised

    async def opens_later():
        yield "db"
        raise raised

    engine = cs.Engine(
        resources={
            "old": diary.provider("old", is_async=True, scope=scope),
            "db": cs.resource(opens_later if is_async else opens, scope=scope),
        }
    )
    log = EventLog(engine)

    caught = await outcome(engine, f(noop(cs.inject("db")).after(noop(cs.inject("old")))))
    await let_run()

    assert caught is raised
    assert diary.lines[-2:] == [f"throw {error.__name__} into old", "close old"]
    assert log.events[-1].status == "failed"
    assert other_tasks() == set()


async def test_resource_that_is_being_opened_when_the_run_fails_is_not_left_open(diary):
    opening = asyncio.Event()

    @cs.resource
    async def slow():
        opening.set()
        try:
            await asyncio.Event().wait()
        finally:
            diary.lines.append("gave up")
        yield

    @cs.task
    async def fail():
        await opening.wait()
        raise KeyError("sibling")

    caught = await outcome(cs.Engine(resources={"slow": slow}), f(fail(), noop(cs.inject("slow"))))

    assert type(caught) is KeyError
    assert diary.lines == ["gave up"]
    assert other_tasks() == set()


async def test_resource_that_opens_in_spite_of_its_cancellation_is_closed(diary):
    opening = asyncio.Event()

    @cs.resource
    async def stubborn():
        opening.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            yield
        except KeyError:
            diary.lines.append("closed")
            raise

    @cs.task
    async def fail():
        await opening.wait()
        raise KeyError("sibling")

    engine = cs.Engine(resources={"db": stubborn})
    async with asyncio.timeout(5):
        caught = await outcome(engine, f(fail(), noop(cs.inject("db"))))

    assert type(caught) is KeyError
    assert diary.lines == ["closed"]
    assert other_tasks() == set()


async def test_run_cancelled_while_its_resource_opens_ends_it(diary):
    opening = asyncio.Event()

    @cs.resource
    async def slow():
        opening.set()
        await asyncio.Event().wait()
        yield

    engine = cs.Engine(resources={"slow": slow})
    log = EventLog(engine)
    running = asyncio.create_task(engine.run(noop(cs.inject("slow"))))
    await opening.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert log.kinds()[-1] == "RunFinished"
    assert engine.stats.executions == 0
    assert other_tasks() == set()


async def test_exception_thrown_into_a_resource_keeps_its_traceback(diary):
    engine = cs.Engine(resources={"db": diary.provider("db", is_async=False)})

    caught = await outcome(engine, diary.fail_at_once(ValueError("end"), cs.inject("db")))

    functions = []
    traceback = caught.__traceback__
    while traceback is not None:
        functions.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert functions[-1] == "fail_at_once"
    assert "opens" not in functions


# -- several failures, several runs ---------------------------------------------------------------


async def test_first_of_two_exits_comes_out(engine):
    diary = Diary()

    @cs.task
    async def second():
        diary.waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise SystemExit("second")

    caught = await outcome(engine, f(second(), diary.fail(KeyboardInterrupt("first"))))

    assert (type(caught), caught.args) == (KeyboardInterrupt, ("first",))


@errors
async def test_end_of_one_run_leaves_the_other_alone(diary, error):
    engine = cs.Engine(resources={"db": diary.provider("db", is_async=True), "gpu": 1})
    go = asyncio.Event()

    @cs.task
    async def hold(db):
        await go.wait()
        return db

    other = asyncio.create_task(engine.run(hold(cs.inject("db")).with_constraints(gpu=1)))
    await let_run()
    await outcome(engine, diary.fail_at_once(error(), cs.inject("db")))
    closed = diary.lines.count("close db")
    go.set()

    assert await other == "db"
    assert closed == 1
    assert diary.lines.count("close db") == 2


async def test_cancelled_run_cancels_the_run_inside_its_task(engine, log):
    waiting = asyncio.Event()

    @cs.task
    async def wait():
        waiting.set()
        await asyncio.Event().wait()

    @cs.task
    async def inner():
        await engine.run(f(wait(), later()))

    running = asyncio.create_task(engine.run(f(inner(), later())))
    await waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert [event.status for event in log.of(cs.RunFinished)] == ["cancelled", "cancelled"]
    assert other_tasks() == set()


async def test_nothing_of_a_run_that_raised_goes_on(engine):
    """Each of the many siblings would note it if it did."""
    went_on = []
    waiting = asyncio.Event()

    @cs.task
    async def work(n):
        waiting.set()
        while True:
            await asyncio.sleep(0)
            went_on.append(n)

    @cs.task
    async def fail():
        await waiting.wait()
        raise ValueError("end")

    await outcome(engine, f(work.map(n=range(20)), fail()))
    before = len(went_on)
    await let_run()

    assert len(went_on) == before
    assert other_tasks() == set()


# -- the run's coroutine is closed ----------------------------------------------------------------


async def begun(engine: cs.Engine, target: cs.LazyResult, turns: int = 1):
    """The coroutine of a run that has come so far, driven by hand."""
    coroutine = engine.run(target)
    waiting = coroutine.send(None)
    for _ in range(turns):
        await let_run()
        if waiting is None or waiting.done():
            waiting = coroutine.send(None)
    await let_run()
    return coroutine


async def test_closed_run_is_finished(engine, log):
    coroutine = await begun(engine, Diary().park(), turns=0)
    coroutine.close()

    assert log.kinds()[-1] == "RunFinished"
    assert len(log.of(cs.TaskFinished)) == 1
    assert engine.stats.runs == 1
    assert await engine.run(noop(1)) == 1


async def test_closed_run_with_siblings_cancels_them(engine, log):
    diary = Diary()
    coroutine = await begun(engine, f(diary.wait(), diary.wait()), turns=0)

    coroutine.close()
    await let_run()

    assert diary.lines == ["sibling ended"] * 2
    assert log.finished() == [("wait", "cancelled")] * 2
    assert len(log.of(cs.RunFinished)) == 1
    assert other_tasks() == set()


@SYNC_ASYNC
async def test_closed_run_closes_its_resources(diary, is_async):
    engine = cs.Engine(resources={"db": diary.provider("db", is_async=is_async)})
    coroutine = await begun(engine, diary.park(cs.inject("db")))

    coroutine.close()
    await let_run()

    assert diary.lines[0] == "open db"
    assert diary.lines[-2:] == ["throw GeneratorExit into db", "close db"]
    assert other_tasks() == set()


async def test_closed_run_closes_mixed_resources_newest_first(diary):
    resources = {
        name: diary.provider(name, is_async=kind == "a", needs=needs)
        for name, kind, needs in zip("abcd", "sasa", (None, "a", "b", "c"), strict=True)
    }
    coroutine = await begun(cs.Engine(resources=resources), diary.park(cs.inject("d")))

    coroutine.close()
    await let_run()

    closed = [line for line in diary.lines if line.startswith("close")]
    assert closed == ["close d", "close c", "close b", "close a"]


async def test_closed_run_gives_back_what_its_nodes_hold(diary):
    engine = cs.Engine(resources={"gpu": 1})
    holder = diary.wait().with_constraints(gpu=1)
    coroutine = await begun(engine, f(holder, later().with_constraints(gpu=1)), turns=0)

    coroutine.close()

    async with asyncio.timeout(5):
        assert await engine.run(later(1).with_constraints(gpu=1)) == 1


async def test_run_that_never_began_can_be_closed(engine, log):
    engine.run(noop()).close()

    assert (log.events, engine.stats.runs) == ([], 0)


# -- cancelled by somebody else -------------------------------------------------------------------


@cs.task
async def cancel_those_called(name):
    for asyncio_task in asyncio.all_tasks():
        if asyncio_task.get_name() == name:
            asyncio_task.cancel()


@cs.task
async def unlucky():
    await asyncio.sleep(3600)


@pytest.mark.parametrize("waits", [False, True], ids=["before its first step", "while it waits"])
async def test_run_ends_when_somebody_cancels_the_asyncio_task_of_one_node(engine, log, waits):
    first = cancel_those_called("unlucky")
    target = f(first.after(noop_later()), unlucky()) if waits else f(first, unlucky())

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(engine.run(target), 30)
    assert log.events[-1].status == "cancelled"
    assert len(log.started()) == len(log.finished())


@cs.task
async def noop_later():
    await asyncio.sleep(0)
