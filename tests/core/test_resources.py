"""Resources: opened when first needed, once per run or iteration, and closed newest first."""

from __future__ import annotations

import asyncio
import functools
import inspect
from contextlib import suppress

import pytest
from fakes import EventLog
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


@cs.task
def boom(*args):
    raise ValueError("boom")


class Journal(list):
    """Makes providers that note when they are opened and closed."""

    def provider(self, name: str, is_async: bool = False, scope="run", **needs: str) -> cs.Resource:
        def begin(given):
            self.append(f"+{name}")
            return "/".join([name, *given.values()])

        def failed(error):
            self.append(f"!{name} {type(error).__name__}")

        def open_now(**given):
            try:
                yield begin(given)
            except BaseException as error:
                failed(error)
                raise
            finally:
                self.append(f"-{name}")

        async def open_later(**given):
            await asyncio.sleep(0)
            try:
                yield begin(given)
            except BaseException as error:
                failed(error)
                raise
            finally:
                await asyncio.sleep(0)
                self.append(f"-{name}")

        made = needing(open_later if is_async else open_now, needs)
        return cs.resource(made, scope=scope)


def needing(fn, needs: dict[str, str]):
    """Give a function with ``**given`` parameters whose defaults are resources."""
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=cs.inject(needed))
        for name, needed in needs.items()
    ]
    fn.__signature__ = inspect.Signature(parameters)
    return fn


@pytest.fixture
def journal() -> Journal:
    return Journal()


both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


# -- kinds of providers ---------------------------------------------------------------------------


def sync_generator():
    yield "value"


async def async_generator():
    await asyncio.sleep(0)
    yield "value"


def plain():
    return "value"


async def plain_async():
    await asyncio.sleep(0)
    return "value"


class Provider:
    def __call__(self):
        return "value"

    def method(self):
        yield "value"


PROVIDERS = {
    "sync generator": sync_generator,
    "async generator": async_generator,
    "function": plain,
    "async function": plain_async,
    "lambda": lambda: "value",
    "partial": functools.partial(lambda x: x, "value"),
    "partial of an async generator": functools.partial(async_generator),
    "method": Provider().method,
    "callable object": Provider(),
    "with data as defaults": lambda x="value", *args, **kwargs: x,
}


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
@pytest.mark.parametrize("is_declared", [False, True])
async def test_injected_name_has_what_the_provider_gives(way, provider, is_declared):
    provider = cs.resource(provider) if is_declared else provider

    assert await run(way, noop(cs.inject("r")), resources={"r": provider}) == "value"


PLACES = {
    "target": lambda lazy: lazy,
    "argument": lambda lazy: noop(lazy),
    "async argument": lambda lazy: later(lazy),
    "list": lambda lazy: cs.task(lambda xs: xs[1])([0, lazy]),
    "dict": lambda lazy: cs.task(lambda xs: xs["a"]["b"])({"a": {"b": lazy}}),
    "keyword": lambda lazy: cs.task(lambda *, x: x)(x=lazy),
    "default": lambda lazy: cs.Param("absent", default=lazy),
    "default in a container": lambda lazy: noop(cs.Param("absent", default=noop(lazy))),
    "route": lambda lazy: cs.select("a", {"a": lazy, "b": 1}),
    "route in a container": lambda lazy: noop(
        cs.task(lambda x: x[0])(cs.select("a", {"a": [lazy]}))
    ),
    "default route": lambda lazy: cs.select("c", {"a": 1}, default=lazy),
    "map argument": lambda lazy: cs.task("".join)(noop.map(x=lazy)),
    "map item": lambda lazy: cs.task("".join)(noop.map(x=[lazy])),
    "sub-graph": lambda lazy: noop(cs.task(lambda: lazy)()),
    "tail call": lambda lazy: cs.task(lambda: lazy)(),
    "sub-graph of a map": lambda lazy: cs.task("".join)(cs.task(lambda n: lazy).map(n=[1])),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@both_kinds
async def test_resource_arrives_wherever_it_is_injected(way, journal, place, is_async):
    provider = journal.provider("r", is_async)

    assert await run(way, place(cs.inject("r")), resources={"r": provider}) == "r"
    assert journal == ["+r", "-r"]


@both_kinds
async def test_injected_none_is_a_value(way, is_async):
    opened = []

    def provide():
        opened.append(1)
        yield None

    async def provide_later():
        opened.append(1)
        yield None

    target = f(cs.inject("r"), later(cs.inject("r")))

    value = await run(way, target, resources={"r": provide_later if is_async else provide})

    assert (value, opened) == ((None, None), [1])


@both_kinds
async def test_resource_is_a_condition(way, is_async):
    async def no_later():
        return False

    no = no_later if is_async else lambda: False

    with pytest.raises(cs.DependencyMissingError, match="condition_false"):
        await run(way, noop(1).run_if(cs.inject("no")), resources={"no": no})


@both_kinds
async def test_resource_is_a_selector(way, journal, is_async):
    target = cs.select(cs.inject("r"), {"r": later(1)}, default=later(2))

    assert await run(way, target, resources={"r": journal.provider("r", is_async)}) == 1


@both_kinds
async def test_resource_inside_a_selector(way, journal, is_async):
    target = cs.select((cs.inject("r"), 1), {("r", 1): later(1)}, default=later(2))

    assert await run(way, target, resources={"r": journal.provider("r", is_async)}) == 1


@both_kinds
async def test_resource_is_an_amount(way, is_async):
    async def two_later():
        return 2

    resources = {"slots": 2, "two": two_later if is_async else lambda: 2}

    target = noop(1).with_constraints(slots=cs.inject("two"))
    assert await run(way, target, resources=resources) == 1
    target = noop.map(x=[1]).with_constraints(slots=cs.inject("two"))
    assert await run(way, target, resources=resources) == [1]


async def test_resource_is_no_execution():
    engine = cs.Engine(resources={"r": plain})
    log = EventLog(engine)

    await engine.run(noop(cs.inject("r")))

    assert log.started() == ["noop"]
    assert (engine.stats.executions, engine.stats.lookups) == (1, 1)


async def test_names_of_resources_are_data():
    engine = cs.Engine(resources={"a": lambda: 1, "b": lambda: 2})

    values = [await engine.run(noop(cs.inject(name))) for name in "ab"]

    assert (values, engine.stats.resolves) == ([1, 2], 1)


# -- lazily, and once -----------------------------------------------------------------------------


@both_kinds
async def test_resource_that_no_node_needs_is_not_opened(way, journal, is_async):
    resources = {"r": journal.provider("r", is_async)}

    assert await run(way, noop(1), resources=resources) == 1
    assert journal == []


@both_kinds
async def test_resource_is_not_opened_before_the_node_that_needs_it_can_run(way, journal, is_async):
    note = cs.task(lambda name: journal.append(name))
    use = cs.task(lambda r, x: journal.append("used"))

    await run(
        way, use(cs.inject("r"), note("before")), resources={"r": journal.provider("r", is_async)}
    )

    assert journal == ["before", "+r", "used", "-r"]


SKIPPED = {
    "false condition": lambda lazy: noop(lazy).run_if(False),
    "lazy false condition": lambda lazy: noop(lazy).run_if(later(False)),
    "skipped sibling": lambda lazy: f(lazy, noop().run_if(False)),
    "skipped resource": lambda lazy: noop(lazy.run_if(False)),
    "skipped select": lambda lazy: cs.select("a", {"a": lazy}).run_if(False),
    "skipped selector": lambda lazy: cs.select(noop().run_if(False), {"a": lazy}),
    "skipped map": lambda lazy: noop.map(x=[lazy]).run_if(False),
    "skipped amount": lambda lazy: noop().with_constraints(slots=lazy).run_if(False),
    "skipped default": lambda lazy: cs.Param("a", default=lazy).run_if(False),
    "only order": lambda lazy: noop().after(lazy),
    "unchosen route": lambda lazy: cs.select("b", {"a": lazy, "b": 1}),
    "unchosen route's node": lambda lazy: cs.select(later("b"), {"a": noop(lazy), "b": 1}),
    "unchosen default": lambda lazy: cs.select("b", {"b": 1}, default=[lazy]),
}


@pytest.mark.parametrize("place", SKIPPED.values(), ids=SKIPPED)
@both_kinds
async def test_nothing_is_opened_for_what_does_not_run(way, journal, place, is_async):
    target = f().after(place(cs.inject("r")))

    resources = {"r": journal.provider("r", is_async), "slots": 1}
    assert await run(way, target, resources=resources) == {}
    assert journal == []


@both_kinds
async def test_skipped_target_opens_nothing(way, journal, is_async):
    with pytest.raises(cs.DependencyMissingError):
        await run(
            way,
            cs.inject("r").run_if(False),
            resources={"r": journal.provider("r", is_async)},
        )

    assert journal == []


@both_kinds
async def test_cached_value_opens_nothing_but_what_its_key_needs(way, journal, is_async):
    """A resource is an argument of the call, so it is there before the key is made."""
    engine = engine_of(way, resources={"r": journal.provider("r", is_async)})
    policy = cs.MemoryCache()
    target = noop(noop(cs.inject("r")).with_cache(policy))

    assert [await engine.run(target), await engine.run(target)] == ["r", "r"]
    assert engine.stats.reuses == 1


@both_kinds
async def test_resource_is_opened_once_per_run(way, journal, is_async):
    engine = engine_of(way, resources={"r": journal.provider("r", is_async)})
    loop = cs.task(lambda n, r=None: r if n == 0 else loop(n - 1, cs.inject("r")))
    target = f(noop(cs.inject("r")), later(cs.inject("r")), loop(2), noop.map(x=[cs.inject("r")]))

    assert await engine.run(target, use_vm=way == "vm") == ("r", "r", "r", ["r"])
    assert journal == ["+r", "-r"]
    await engine.run(loop(5), use_vm=way == "vm")
    assert journal == ["+r", "-r"] * 2


@both_kinds
async def test_concurrent_first_uses_open_once(way, journal, is_async):
    target = f(*[later(cs.inject("r")) for _ in range(5)])

    await run(way, target, resources={"r": journal.provider("r", is_async)})

    assert journal == ["+r", "-r"]


async def test_others_go_on_while_a_resource_opens(way):
    reached = asyncio.Event()

    async def slow():
        await reached.wait()
        return "r"

    @cs.task
    async def reach():
        reached.set()

    async with asyncio.timeout(5):
        assert await run(way, f(noop(cs.inject("r")), reach()), resources={"r": slow}) == (
            "r",
            None,
        )


async def test_two_resources_open_while_each_other_waits(way):
    """Two nodes each open one; one after the other they would never end."""
    first, second = asyncio.Event(), asyncio.Event()

    async def one():
        first.set()
        await second.wait()
        return 1

    async def two():
        second.set()
        await first.wait()
        return 2

    async with asyncio.timeout(5):
        target = f(noop(cs.inject("one")), noop(cs.inject("two")))
        assert await run(way, target, resources={"one": one, "two": two}) == (1, 2)


async def test_two_runs_at_once_have_their_own():
    made = []

    @cs.resource
    async def counter():
        made.append(len(made))
        yield made[-1]

    engine = cs.Engine(resources={"r": counter})

    values = await asyncio.gather(*[engine.run(f(later(), cs.inject("r"))) for _ in range(2)])

    assert sorted(values) == [(None, 0), (None, 1)]


async def test_failure_of_one_run_closes_nothing_of_another(journal):
    engine = cs.Engine(resources={"r": journal.provider("r")})
    go = asyncio.Event()

    @cs.task
    async def wait(r):
        await go.wait()
        journal.append("waited")

    waiting = asyncio.create_task(engine.run(wait(cs.inject("r"))))
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="boom"):
        await engine.run(boom(cs.inject("r")))
    go.set()
    await waiting

    assert journal == ["+r", "+r", "!r ValueError", "-r", "waited", "-r"]


async def test_engine_opens_anew_in_a_run_after_a_failed_one(way, journal):
    engine = engine_of(way, resources={"r": journal.provider("r", True)})

    with pytest.raises(ValueError, match="boom"):
        await engine.run(boom(cs.inject("r")))

    assert await engine.run(noop(cs.inject("r"))) == "r"


# -- closing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [(0, 0, 0), (1, 1, 1), (0, 1, 0), (1, 0, 1)])
async def test_resources_are_closed_newest_first(way, journal, kinds):
    resources = {n: journal.provider(n, bool(k)) for n, k in zip("abc", kinds, strict=True)}
    target = noop(cs.inject("a"))
    for name in "bc":
        target = f(target, noop(cs.inject(name)).after(target))

    await run(way, target, resources=resources)

    assert journal == ["+a", "+b", "+c", "-c", "-b", "-a"]


@pytest.mark.parametrize("kinds", [(0, 0), (1, 1), (0, 1), (1, 0)])
async def test_failure_is_thrown_in_newest_first_and_raised_itself(way, journal, kinds):
    resources = {n: journal.provider(n, bool(k)) for n, k in zip("ab", kinds, strict=True)}
    target = boom(noop(cs.inject("b")).after(noop(cs.inject("a"))))

    with pytest.raises(ValueError, match="boom") as caught:
        await run(way, target, resources=resources)

    assert journal == ["+a", "+b", "!b ValueError", "-b", "!a ValueError", "-a"]
    assert caught.value.__notes__ == ["in task 'boom' at target"]


@both_kinds
async def test_running_nodes_end_before_resources_close(way, journal, is_async):
    @cs.task
    async def use(r):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            journal.append("ended")

    @cs.task
    async def fail_later(r):
        await asyncio.sleep(0)
        raise ValueError("boom")

    r = cs.inject("r")
    with pytest.raises(ValueError, match="boom"):
        await run(way, f(use(r), fail_later(r)), resources={"r": journal.provider("r", is_async)})

    assert journal == ["+r", "ended", "!r ValueError", "-r"]


@both_kinds
async def test_cancellation_is_thrown_in(way, journal, is_async):
    entered = asyncio.Event()

    @cs.task
    async def wait(r):
        entered.set()
        await asyncio.Event().wait()

    engine = engine_of(way, resources={"r": journal.provider("r", is_async)})
    running = asyncio.create_task(engine.run(wait(cs.inject("r")), use_vm=way == "vm"))
    await entered.wait()
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert journal == ["+r", "!r CancelledError", "-r"]


@both_kinds
async def test_resource_that_swallows_the_failure_changes_nothing(way, is_async):
    def swallow():
        with suppress(ValueError):
            yield 1

    async def swallow_later():
        with suppress(ValueError):
            yield 1

    with pytest.raises(ValueError, match="boom"):
        await run(
            way,
            boom(cs.inject("r")),
            resources={"r": swallow_later if is_async else swallow},
        )


@both_kinds
async def test_error_in_closing_after_success_fails_the_run(way, journal, is_async):
    def bad():
        yield 1
        raise LookupError("closing")

    async def bad_later():
        yield 1
        raise LookupError("closing")

    engine = engine_of(
        way,
        resources={"a": journal.provider("a"), "bad": bad_later if is_async else bad},
    )
    log = EventLog(engine)

    with pytest.raises(LookupError, match="closing"):
        await engine.run(noop(cs.inject("bad")).after(noop(cs.inject("a"))))
    assert journal == ["+a", "!a LookupError", "-a"]
    assert log.of(cs.RunFinished)[0].status == "failed"


@both_kinds
async def test_error_in_closing_after_a_failure_is_a_note_and_logged(way, caplog, is_async):
    def bad():
        try:
            yield 1
        finally:
            raise LookupError("closing")

    async def bad_later():
        try:
            yield 1
        finally:
            raise LookupError("closing")

    with pytest.raises(ValueError, match="boom") as caught:
        await run(way, boom(cs.inject("bad")), resources={"bad": bad_later if is_async else bad})

    assert caught.value.__notes__ == [
        "in task 'boom' at target",
        "resource 'bad' failed to close too: LookupError('closing')",
    ]
    assert [(r.name, r.getMessage()) for r in caplog.records] == [
        ("cascade_core.resources", "resource 'bad' failed to close")
    ]


@both_kinds
async def test_resource_that_yields_twice_is_an_error(way, journal, is_async):
    def twice():
        try:
            yield 1
            yield 2
        finally:
            journal.append("closed")

    async def twice_later():
        try:
            yield 1
            yield 2
        finally:
            journal.append("closed")

    with pytest.raises(cs.CascadeError, match="resource 'r' must yield once, it yielded twice"):
        await run(way, noop(cs.inject("r")), resources={"r": twice_later if is_async else twice})
    assert journal == ["closed"]


@both_kinds
async def test_resource_that_never_yields_is_an_error(way, is_async):
    def never():
        if False:
            yield

    async def never_later():
        if False:
            yield

    with pytest.raises(cs.CascadeError, match="resource 'r' must yield once, it did not yield"):
        await run(way, noop(cs.inject("r")), resources={"r": never_later if is_async else never})


@both_kinds
async def test_resource_that_yields_again_when_thrown_into_is_noted(way, is_async):
    def again():
        try:
            yield 1
        except ValueError:
            yield 2

    async def again_later():
        try:
            yield 1
        except ValueError:
            yield 2

    with pytest.raises(ValueError, match="boom") as caught:
        await run(way, boom(cs.inject("r")), resources={"r": again_later if is_async else again})

    assert "it yielded twice" in caught.value.__notes__[-1]


@both_kinds
async def test_error_in_opening_fails_the_run_and_closes_what_is_open(way, journal, is_async):
    def bad():
        raise LookupError("opening")

    async def bad_later():
        await asyncio.sleep(0)
        raise LookupError("opening")

    resources = {"a": journal.provider("a"), "bad": bad_later if is_async else bad}
    target = f(noop(cs.inject("bad")).after(noop(cs.inject("a"))))

    with pytest.raises(LookupError, match="opening") as caught:
        await run(way, target, resources=resources)

    assert journal == ["+a", "!a LookupError", "-a"]
    assert caught.value.__notes__ == ["in task 'noop' at f(args[0]=)"]


async def test_failure_while_a_resource_opens_cancels_the_opening(way, journal):
    async def slow():
        try:
            await asyncio.Event().wait()
        finally:
            journal.append("cancelled")
        yield

    @cs.task
    async def fail_later():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        await run(way, f(noop(cs.inject("r")), fail_later()), resources={"r": slow})

    assert journal == ["cancelled"]


async def test_nothing_runs_on_after_the_run(way, journal):
    await run(way, noop(cs.inject("r")), resources={"r": journal.provider("r", True)})

    assert asyncio.all_tasks() == {asyncio.current_task()}


# -- one asyncio task -----------------------------------------------------------------------------


async def test_async_provider_is_opened_and_closed_in_one_asyncio_task(way):
    tasks = []

    @cs.resource
    async def r():
        tasks.append(asyncio.current_task())
        yield
        tasks.append(asyncio.current_task())

    await run(way, f(later(), noop(cs.inject("r"))), resources={"r": r})

    assert tasks[0] is tasks[1]
    assert tasks[0] is not asyncio.current_task()


async def test_timeout_across_the_yield_works(way):
    @cs.resource
    async def r():
        async with asyncio.timeout(60):
            yield "r"

    assert await run(way, f(later(), later(cs.inject("r"))), resources={"r": r}) == (None, "r")


async def test_task_group_across_the_yield_works(way, journal):
    @cs.resource
    async def r():
        served = asyncio.Event()

        async def serve():
            await served.wait()
            journal.append("served")

        async with asyncio.TaskGroup() as group:
            group.create_task(serve())
            yield "r"
            served.set()

    assert await run(way, f(later(), later(cs.inject("r"))), resources={"r": r}) == (None, "r")
    assert journal == ["served"]


async def test_timeout_across_the_yield_that_fires_is_the_providers_error(way, journal):
    """It cancels the task that opened the resource, so it has to arrive at the yield."""

    @cs.resource
    async def r():
        try:
            async with asyncio.timeout(0):
                yield "r"
        except TimeoutError:
            journal.append("timeout")
            raise

    @cs.task
    async def work(r):
        for _ in range(10):
            await asyncio.sleep(0)
        return r

    with pytest.raises(TimeoutError):
        await run(way, work(cs.inject("r")), resources={"r": r})
    assert journal == ["timeout"]


async def test_task_group_across_the_yield_that_fails_is_the_providers_error(way):
    @cs.resource
    async def r():
        async def fail():
            raise LookupError("served")

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            yield "r"

    @cs.task
    async def work(r):
        for _ in range(10):
            await asyncio.sleep(0)
        return r

    with pytest.raises(ExceptionGroup) as caught:
        await run(way, work(cs.inject("r")), resources={"r": r})
    assert [type(error) for error in caught.value.exceptions] == [LookupError]


# -- scope iteration ------------------------------------------------------------------------------


def loop_over(journal: Journal) -> cs.Task:
    @cs.task
    def loop(n, *used):
        journal.append(n)
        return "done" if n == 0 else loop(n - 1, noop(cs.inject("r")))

    return loop


@both_kinds
async def test_iteration_resource_is_closed_before_the_next_iteration(way, journal, is_async):
    resources = {"r": journal.provider("r", is_async, scope="iteration")}

    assert await run(way, loop_over(journal)(2), resources=resources) == "done"
    assert journal == [2, "+r", 1, "-r", "+r", 0, "-r"]


@both_kinds
async def test_run_resource_stays_open_over_all_iterations(way, journal, is_async):
    resources = {"r": journal.provider("r", is_async)}

    await run(way, loop_over(journal)(3), resources=resources)

    assert journal == [3, "+r", 2, 1, 0, "-r"]


async def test_iteration_resource_closes_before_what_it_needs(way, journal):
    resources = {
        "r": journal.provider("r", scope="iteration", db="db"),
        "db": journal.provider("db", True),
    }

    await run(way, loop_over(journal)(2), resources=resources)

    assert journal == [2, "+db", "+r", 1, "-r", "+r", 0, "-r", "-db"]


async def test_iteration_resource_is_shared_by_sub_graphs(way, journal):
    resources = {"r": journal.provider("r", True, scope="iteration")}
    expand = cs.task(lambda n=0: noop(cs.inject("r")))

    value = await run(way, f(expand(), expand.map(n=[1, 2]), cs.inject("r")), resources=resources)

    assert value == ("r", ["r", "r"], "r")
    assert journal == ["+r", "-r"]


async def test_failing_iteration_throws_into_both_scopes(way, journal):
    resources = {
        "r": journal.provider("r", scope="iteration", db="db"),
        "db": journal.provider("db", True),
    }
    loop = cs.task(lambda n, r=None: (boom if n == 1 else loop)(n - 1, cs.inject("r")))

    with pytest.raises(ValueError, match="boom"):
        await run(way, loop(2), resources=resources)

    assert journal == [
        "+db",
        "+r",
        "-r",
        "+r",
        "!r ValueError",
        "-r",
        "!db ValueError",
        "-db",
    ]


async def test_error_in_closing_an_iteration_resource_ends_the_loop(way, journal):
    @cs.resource(scope="iteration")
    def bad():
        yield 1
        raise LookupError("closing")

    with pytest.raises(LookupError, match="closing"):
        await run(way, loop_over(journal)(5), resources={"r": bad})

    assert journal == [5, 4]


async def test_iteration_resource_on_the_vm_between_tail_calls(journal):
    """The first iteration needs it; then the loop goes on with data alone."""
    engine = cs.Engine(resources={"r": journal.provider("r", scope="iteration")})

    @cs.task
    def loop(n, r=None):
        journal.append(n)
        return loop.tail(n - 1) if n else "done"

    assert await engine.run(loop(2, cs.inject("r")), use_vm=True) == "done"
    assert journal == ["+r", 2, "-r", 1, 0]


# -- needs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kinds", [(0, 0, 0), (1, 1, 1), (1, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 1)]
)
async def test_resources_need_resources(way, journal, kinds):
    """c <- b <- a: opened from the bottom, closed from the top."""
    a, b, c = map(bool, kinds)
    resources = {
        "c": journal.provider("c", c),
        "b": journal.provider("b", b, x="c"),
        "a": journal.provider("a", a, x="b"),
    }

    assert await run(way, noop(cs.inject("a")), resources=resources) == "a/b/c"
    assert journal == ["+c", "+b", "+a", "-a", "-b", "-c"]


@both_kinds
async def test_need_that_two_resources_share_is_opened_once(way, journal, is_async):
    resources = {
        "db": journal.provider("db", is_async),
        "a": journal.provider("a", x="db"),
        "b": journal.provider("b", True, x="db", y="a"),
    }

    value = await run(way, f(noop(cs.inject("a")), noop(cs.inject("b"))), resources=resources)

    assert value == ("a/db", "b/db/a/db")
    assert sorted(journal) == sorted(["+db", "+a", "+b", "-b", "-a", "-db"])


async def test_parameter_of_a_provider_may_be_data_beside_needs(way):
    def table(prefix="x", *, db=cs.inject("db")):
        return prefix + db

    assert await run(way, cs.inject("t"), resources={"t": table, "db": lambda: "db"}) == "xdb"


async def test_positional_only_parameter_of_a_provider_is_given_too(way):
    def table(db=cs.inject("db"), /, suffix="x"):
        return db + suffix

    assert await run(way, cs.inject("t"), resources={"t": table, "db": lambda: "db"}) == "dbx"


async def test_sync_need_of_a_sync_resource_is_opened_without_asyncio_tasks(way):
    seen = []
    watch = cs.task(lambda r: seen.append(asyncio.all_tasks() - {asyncio.current_task()}))

    resources = {"t": lambda db=cs.inject("db"): db, "db": lambda: 1}
    await run(way, watch(cs.inject("t")), resources=resources)

    assert seen == [set()]


async def test_failing_need_fails_the_node_that_asked(way, journal):
    async def bad():
        raise LookupError("opening")

    resources = {"bad": bad, "r": journal.provider("r", x="bad")}

    with pytest.raises(LookupError, match="opening") as caught:
        await run(way, f(noop(cs.inject("r"))), resources=resources)

    assert journal == []
    assert caught.value.__notes__ == ["in task 'noop' at f(args[0]=)"]


@pytest.mark.slow
async def test_chain_of_two_thousand_needs_does_not_recurse():
    def made(need):
        return lambda x=cs.inject(need): x + 1

    resources = {f"r{n}": made(f"r{n - 1}") for n in range(1, 2_000)}
    engine = cs.Engine(resources={"r0": lambda: 0, **resources})

    assert await engine.run(cs.inject("r1999")) == 1_999


# -- misuse ---------------------------------------------------------------------------------------


def test_unknown_need_is_refused_by_the_engine():
    with pytest.raises(cs.UnknownNameError) as caught:
        cs.Engine(resources={"t": lambda db=cs.inject("bd"): db, "db": plain, "slots": 2})

    assert (caught.value.name, caught.value.known) == ("bd", ("db", "t"))
    assert str(caught.value) == ("unknown resource (needed by resource 't') 'bd'; known: 'db', 't'")


def test_need_of_a_capacity_is_refused_by_the_engine():
    with pytest.raises(cs.UnknownNameError, match="'slots'"):
        cs.Engine(resources={"t": lambda db=cs.inject("slots"): db, "slots": 2})


def test_run_resource_that_needs_an_iteration_resource_is_refused_by_the_engine():
    with pytest.raises(cs.GraphError) as caught:
        cs.Engine(
            resources={
                "t": lambda db=cs.inject("db"): db,
                "db": cs.resource(plain, scope="iteration"),
            }
        )

    assert str(caught.value) == (
        "resource 't' of scope 'run' cannot need 'db' of scope 'iteration', "
        "which is closed before it"
    )


def test_iteration_resource_may_need_both_scopes():
    cs.Engine(
        resources={
            "t": cs.resource(lambda a=cs.inject("a"), b=cs.inject("b"): a, scope="iteration"),
            "a": plain,
            "b": cs.resource(plain, scope="iteration"),
        }
    )


@pytest.mark.parametrize(
    ("needs", "cycle"),
    [
        ({"a": "a"}, {"a"}),
        ({"a": "b", "b": "a"}, {"a", "b"}),
        ({"x": "a", "a": "b", "b": "c", "c": "a"}, {"a", "b", "c"}),
    ],
)
def test_needs_in_a_circle_are_refused_by_the_engine_with_the_circle(journal, needs, cycle):
    with pytest.raises(cs.CycleError) as caught:
        cs.Engine(resources={n: journal.provider(n, x=need) for n, need in needs.items()})

    assert caught.value.cycle[0] == caught.value.cycle[-1]
    assert set(caught.value.cycle) == cycle
    assert len(caught.value.cycle) == len(cycle) + 1


def test_diamond_of_needs_is_no_circle(journal):
    cs.Engine(
        resources={
            "top": journal.provider("top", l="left", r="right"),
            "left": journal.provider("left", x="bottom"),
            "right": journal.provider("right", x="bottom"),
            "bottom": journal.provider("bottom"),
        }
    )


async def test_unknown_resource_is_refused_before_anything_runs(way, journal):
    engine = engine_of(way, resources={"db": plain, "slots": 1})
    note = cs.task(lambda: journal.append("ran"))

    with pytest.raises(cs.UnknownNameError, match="unknown resource 'bd'; known: 'db'"):
        await engine.run(f(note(), cs.inject("bd")), use_vm=way == "vm")
    assert (journal, engine.stats.runs) == ([], 0)


async def test_capacity_cannot_be_injected(way):
    with pytest.raises(cs.UnknownNameError, match="unknown resource 'slots'; known: none"):
        await run(way, cs.inject("slots"), resources={"slots": 1})


async def test_unknown_resource_in_a_sub_graph_fails_the_run_there(way):
    engine = engine_of(way)
    expand = cs.task(lambda: noop(cs.inject("bd")))

    with pytest.raises(cs.UnknownNameError, match="'bd'"):
        await engine.run(f(expand()), use_vm=way == "vm")
    assert (engine.stats.runs, engine.stats.executions) == (1, 1)


async def test_unknown_resource_in_a_later_iteration_fails_the_run_there(way):
    engine = engine_of(way)
    loop = cs.task(lambda n, r=None: loop(n - 1, cs.inject("bd") if n == 1 else 0))

    with pytest.raises(cs.UnknownNameError, match="'bd'"):
        await engine.run(loop(2), use_vm=way == "vm")
    stats = engine.stats
    assert (stats.iterations, stats.executions, stats.lookups) == (3, 2, stats.hits + stats.misses)


@pytest.mark.parametrize("value", [None, "db", True, -1, float("nan"), int, [plain], noop()])
def test_what_is_neither_provider_nor_capacity_is_refused(value):
    with pytest.raises(TypeError, match="resource 'r' must be a provider"):
        cs.Engine(resources={"r": value})


def test_task_is_no_provider():
    """Its calls run nothing: what would be injected is a lazy result."""
    with pytest.raises(TypeError, match="resource 'r' must be a provider"):
        cs.Engine(resources={"r": noop})


def test_names_of_resources_are_strings():
    with pytest.raises(TypeError, match="resources must be named by strings, got 1"):
        cs.Engine(resources={1: plain})


def test_resource_needs_a_function():
    with pytest.raises(TypeError, match="resource needs a function, got 5"):
        cs.resource(5)


@pytest.mark.parametrize("scope", ["session", None, "", 1])
def test_unknown_scope_is_refused(scope):
    with pytest.raises(cs.GraphError, match="scope must be one of run, iteration, got"):
        cs.resource(scope=scope)


def test_parameter_of_a_provider_without_default_is_refused():
    with pytest.raises(cs.GraphError) as caught:
        cs.resource(lambda db: db)

    assert str(caught.value) == (
        "resource '<lambda>': nobody passes 'db'; give it a default such as inject('db')"
    )


@pytest.mark.parametrize(
    "default",
    [noop(), cs.Param("a"), cs.inject("a").run_if(True), cs.select(1, {1: 2})],
    ids=["call", "parameter", "inject with options", "select"],
)
def test_lazy_default_of_a_provider_that_is_no_inject_is_refused(default):
    with pytest.raises(cs.GraphError, match=r"the default of 'db' must be inject\(name\) or data"):
        cs.resource(lambda db=default: db)


def test_resource_tells_what_it_is():
    @cs.resource(scope="iteration")
    async def connection(db=cs.inject("other")):
        yield

    assert repr(connection) == "<Resource connection, scope iteration>"
    assert (connection.name, connection.scope, dict(connection.needs)) == (
        "connection",
        "iteration",
        {"db": "other"},
    )
