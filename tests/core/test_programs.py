"""Programs: plans written out as code take what has their key, and run it as the machine does."""

from __future__ import annotations

import ast
import asyncio
import bdb
import builtins
import gc
import io
import linecache
import math
import pdb
import sys
import textwrap
import traceback
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st
from strategies import Box, Literal, Ref, Step, build, data_programs, pairs

import cascade_core as cs
from cascade_core.graph.build import graph_of
from cascade_core.graph.reading import read
from cascade_core.plan import cache
from cascade_core.plan.cache import CachedPlan
from cascade_core.plan.solver import NativeSolver, checked_order
from cascade_core.run.record import Run
from cascade_core.vm import program as program_module
from cascade_core.vm.blueprint import CHUNK, Blueprint
from cascade_core.vm.program import MAX_SIZE, Flavour, write_program

NEVER = sys.maxsize
X = Step("mix", ())


@pytest.fixture
def write_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets after how many frames a plan is written out."""

    def set_it(frames: int) -> None:
        monkeypatch.setattr(cache, "WRITE_AFTER", frames)

    return set_it


@pytest.fixture(params=["written", "interpreted"])
def written(request: pytest.FixtureRequest, write_after: Callable[[int], None]) -> bool:
    """Whether plans are written out after their first frame, or never."""
    write_after(1 if request.param == "written" else NEVER)
    return bool(request.param == "written")


@pytest.fixture
def at_once(write_after: Callable[[int], None]) -> None:
    """Plans are written out after their first frame."""
    write_after(1)


@cs.task
def double(n):
    return 2 * n


@cs.task
def countdown(n, doubled=None):
    return "done" if n == 0 else countdown(n - 1, double(n))


def code_of(engine: cs.Engine) -> str:
    """The text of the program of the latest plan, without the legend."""
    lines = engine.plan_cache.entries()[0].source.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#"))


def program_of(engine: cs.Engine, on_vm: bool = False, is_heard: bool = False) -> Any:
    """The program of the latest plan."""
    plan = engine.plan_cache.newest
    assert plan is not None
    return plan.programs[on_vm, is_heard]


# -- the guard ------------------------------------------------------------------------------------


def accepts(first: Any, second: Any) -> bool | None:
    """Whether the program of one target takes another one; None if there is no program."""
    reading = read(first)
    graph = graph_of(reading)
    plan = NativeSolver().resolve(graph)
    blueprint = Blueprint(graph, checked_order(graph, plan), len(reading[1]))
    program = write_program(blueprint, blueprint.registers(reading[1]), Flavour(False, False))
    if program is None:
        return None
    engine = cs.Engine(slice_ms=math.inf)
    cached = CachedPlan(plan, blueprint)
    engine.plan_cache.store(reading[0], cached)
    return program.run(second, Run(engine, None).use_of(cached)) is not second


def has_only_atoms(program: tuple[Step, ...]) -> bool:
    """Whether no argument is a container."""
    arguments = [a for step in program for a in (*step.args, *(v for _, v in step.kwargs))]
    return not any(
        isinstance(a, Box) or (isinstance(a, Literal) and isinstance(a.value, tuple))
        for a in arguments
    )


@given(pairs())
@settings(max_examples=150)
@example(  # the same call thrice: the one in the middle was not compared
    (
        (X, X, Step("mix", (Ref(0), Ref(0), Ref(0)))),
        (X, X, Step("mix", (Ref(0), Ref(1), Ref(0)))),
    )
)
@example(  # calls that only look equal
    ((X, Step("mix", (Ref(0), Ref(0)))), (X, X, Step("mix", (Ref(0), Ref(1)))))
)
@example(((X, X, Step("mix", (Ref(0), Ref(1)))), (X, Step("mix", (Ref(0), Ref(0))))))
@example(  # three of one task, two of which are one object
    (
        (X, X, X, Step("mix", (Ref(0), Ref(1), Ref(2)))),
        (X, X, Step("mix", (Ref(0), Ref(1), Ref(0)))),
    )
)
@example(  # sharing two levels below the target
    (
        (X, Step("twin", (Ref(0),)), Step("twin", (Ref(0),)), Step("mix", (Ref(1), Ref(2)))),
        (X, X, Step("twin", (Ref(0),)), Step("twin", (Ref(1),)), Step("mix", (Ref(2), Ref(3)))),
    )
)
@example(((Step("mix", (Literal(1),)),), (X, Step("mix", (Ref(0),)))))
@example(((X, Step("mix", (Ref(0),))), (Step("mix", (Literal(1),)),)))
@example(  # no call was known yet, and none is what was given
    ((X, Step("mix", (Ref(0),))), (Step("mix", (Literal(None),)),))
)
@example(((X, Step("mix", (), (("k", Ref(0)),))), (X, Step("mix", (), (("m", Ref(0)),)))))
@example(((X, Step("mix", (Ref(0),))), (Step("nothing", ()), Step("mix", (Ref(0),)))))
def test_a_program_takes_what_has_the_key_of_its_plan_and_nothing_else(programs):
    one, other = programs
    first, second = build(one), build(other)
    assume(first.task is second.task)
    has_same_key = read(first)[0] == read(second)[0]

    is_taken = accepts(first, second)

    assume(is_taken is not None)
    event(f"same key: {has_same_key}")
    if has_same_key and has_only_atoms(other):
        assert is_taken
    assert has_same_key or not is_taken


@given(data_programs())
@settings(max_examples=50)
def test_a_program_takes_its_own_target_if_that_holds_nothing_live(program):
    target = build(program)

    assert accepts(target, target) in (True, None)


ANOTHER = {
    "lazy": lambda: double(1),
    "quoted": lambda: cs.quote([1]),
    "lazy in a list": lambda: [double(1)],
    "lazy in a dict in a tuple": lambda: ({"k": double(1)},),
    "quoted in a list": lambda: [cs.quote(1)],
}


@pytest.mark.parametrize("place", ["target", "below"])
@pytest.mark.parametrize("first", [1, None, [1], (1,), {"a": 1}])
@pytest.mark.parametrize("another", ANOTHER)
def test_a_program_never_takes_what_stands_for_something_else(place, first, another):
    f = cs.task(lambda x: x)
    g = cs.task(lambda x: x)
    make = f if place == "target" else (lambda x: f(g(x)))

    assert accepts(make(first), make(first)) is True
    assert accepts(make(first), make(ANOTHER[another]())) is False


OPTIONS: dict[str, Callable[[Any], Any]] = {
    "after": lambda lazy: lazy.after(double(1)),
    "run_if": lambda lazy: lazy.run_if(True),
    "with_retry": lambda lazy: lazy.with_retry(2),
    "with_cache": lambda lazy: lazy.with_cache(cs.MemoryCache()),
    "with_constraints": lambda lazy: lazy.with_constraints(cpu=1),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_a_program_never_takes_a_call_with_options(option):
    bare = countdown(1, double(1))

    assert accepts(bare, countdown(1, double(1))) is True
    assert accepts(bare, OPTIONS[option](bare)) is False
    assert accepts(bare, countdown(1, OPTIONS[option](double(1)))) is False


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=8))
@settings(max_examples=150)
@example([(0, 0, 0), (0, 1, 0), (0, 0, 1)])
@example([(0, 1, 1), (0, 0, 1), (1, 0, 0)])
@example([(3, 4, 5), (3, 5, 4), (3, 3, 5), (5, 4, 3)])
def test_calls_that_are_known_are_told_from_calls_that_are_not(rounds):
    """Each iteration is given three of seven calls, most of which look like another one."""
    assert seen_in(rounds, write_after=1) == seen_in(rounds, write_after=NEVER)


def seen_in(rounds: list[tuple[int, ...]], write_after: int) -> Any:
    """What a loop sees and counts that is given each round three times."""
    one, other = cs.task(lambda *values: ("one", values)), cs.task(lambda *values: values)
    a, b = one(1), one(1)
    pool = [a, b, other(1), one(a), one(a), one(b), None]
    engine, seen = cs.Engine(slice_ms=math.inf), []
    given = iter([places for places in rounds for _ in range(3)])

    @cs.task
    def loop(*three):
        seen.append(three)
        places = next(given, None)
        return None if places is None else loop(*[pool[place] for place in places])

    with mock.patch.object(cache, "WRITE_AFTER", write_after):
        asyncio.run(engine.run(loop(*[pool[place] for place in rounds[0]])))
    return seen, engine.stats.as_dict(), engine.plan_cache.stats


async def test_a_list_that_is_changed_between_iterations_is_read_anew(written, engine):
    """In iteration 4 of the loop the list comes to hold a call."""
    held: list[Any] = []
    seen = []

    @cs.task
    def loop(n, values):
        seen.append(list(values))
        if n == 6:
            held.append(double(n))
        return None if n == 0 else loop(n - 1, held)

    await engine.run(loop(10, held))

    assert seen == [[]] * 5 + [[12]] * 6


@pytest.mark.parametrize("slice_ms", [0, math.inf])
async def test_a_target_that_returns_itself_is_read_anew(written, slice_ms):
    """The same lazy result is the target of every iteration, and its list changes."""
    engine = cs.Engine(slice_ms=slice_ms)
    held: list[Any] = []
    seen = []

    @cs.task
    def again(values):
        seen.append(list(values))
        if len(seen) == 6:
            held.append(double(1))
        return targets[0] if len(seen) < 9 else "done"

    targets = [again(held)]

    assert await engine.run(targets[0]) == "done"
    assert seen == [[]] * 6 + [[2]] * 3


# -- names ----------------------------------------------------------------------------------------

NAMES = [
    '"); import os',
    "'''\n\"\"\"",
    "None",
    "__import__",
    "result",
    "use",
    "target",
    "t0",
    "f0",
    "stop",
    "class",
    "",
    "\n",
    "\n    raise SystemExit",
    "\r",
    "\x0c",
    "\u2028return",
    "\0",
    "\uff46\uff10",  # looks like f0, and is f0 to a parser
    "\udc80",  # what a file name may have that is no text
    "{}",
    "%s",
    "\\",
    "#",
    "n" * 10_000,
]


def named_loop(name: str, keyword: str) -> cs.Task[Any]:
    """A loop whose task, function and keyword are called so."""

    def loop(n, value=None, **extra):
        if n == 0:
            return value, extra
        return task(n - 1, leaf(n, **{keyword: n}), **{keyword: leaf(n)})

    @cs.task
    def leaf(*args, **extra):
        return args, extra

    loop.__name__ = loop.__qualname__ = name
    task = cs.task(loop)
    return task


@pytest.mark.parametrize("use_vm", [False, True], ids=["graph", "vm"])
@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
async def test_no_name_is_part_of_the_code(at_once, name, use_vm):
    engine, plain = cs.Engine(), cs.Engine()

    value = await engine.run(named_loop(name, name)(5), use_vm=use_vm)
    await plain.run(named_loop("loop", "key")(5), use_vm=use_vm)

    assert value == (((1,), {name: 1}), {name: ((1,), {})})
    assert program_of(engine) is not None
    assert code_of(engine) == code_of(plain)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
async def test_no_name_breaks_out_of_the_legend(at_once, engine, name):
    await engine.run(named_loop(name, name)(5))

    source = engine.plan_cache.entries()[0].source
    lines = source.removeprefix(code_of(engine)).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("# t") for line in lines)
    assert [type(node) for node in ast.parse(source).body] == [ast.FunctionDef]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:12]))
async def test_no_name_breaks_the_code_on_the_vm(at_once, engine, name):
    def loop(n, **extra):
        return extra if n == 0 else task.tail(n - 1, **{name: n})

    loop.__name__ = loop.__qualname__ = name
    task = cs.task(loop)

    assert await engine.run(task(5), use_vm=True) == {name: 1}
    assert engine.stats.tasks == {name: 6}


@pytest.mark.parametrize("name", ["result", "use", "target", "t0", "f0", "stop", "clock", "d0"])
async def test_parameters_may_have_the_names_that_the_code_uses(at_once, engine, name):
    scope: dict[str, Any] = {}
    exec(f"def loop(n, {name}, *, _{name}): return go_on(n, {name}, _{name})", scope)
    loop = cs.task(scope["loop"])
    scope["go_on"] = lambda n, one, other: (
        (n, one, other) if n == 0 else loop(n - 1, double(one), **{f"_{name}": other + n})
    )

    assert await engine.run(loop(5, 1, **{f"_{name}": 0})) == (0, 32, 15)
    assert program_of(engine) is not None


# -- the text -------------------------------------------------------------------------------------


async def test_the_text_is_what_the_docstring_says(at_once, engine):
    await engine.run(countdown(3, double(4)))

    doc = program_module.__doc__
    assert doc is not None
    _, _, rest = doc.partition("looks like this::\n\n")
    example_text, _, _ = rest.partition("\n\n``c1``")
    assert code_of(engine) == textwrap.dedent(example_text) + "\n"


async def test_a_plan_that_ran_32_frames_is_written_out(engine):
    await engine.run(countdown(30, double(1)))
    assert engine.plan_cache.entries()[0].source.startswith("r0 = double(n=d1)\n")

    await engine.run(countdown(0, double(1)))
    assert engine.plan_cache.entries()[0].source.startswith("def plan(target, use):\n")
    assert program_of(engine) is not None


async def test_the_text_is_known_to_linecache_under_the_name_of_the_code(at_once, engine):
    await engine.run(countdown(3, double(4)))

    program = program_of(engine)
    filename = program.run.__code__.co_filename
    linecache.checkcache()
    assert "".join(linecache.getlines(filename)) == program.source
    assert engine.plan_cache.entries()[0].source == program.source


async def test_a_traceback_shows_the_line_and_the_plan(at_once, engine):
    @cs.task
    def fail_at(n):
        return 6 // n

    @cs.task
    def loop(n, value):
        return loop(n - 1, fail_at(n - 1))

    with pytest.raises(ZeroDivisionError) as raised:
        await engine.run(loop(4, fail_at(4)))

    told = "".join(traceback.format_exception(raised.value))
    assert "r1 = f1(d1)" in told
    assert "in plan of loop" in told
    assert "in task 'fail_at' at loop(value=)" in told


@pytest.mark.parametrize("how", ["evicted", "cleared", "invalidated", "engine dropped"])
async def test_the_text_goes_with_the_plan(at_once, how):
    engine = cs.Engine(plan_cache=cs.PlanCache(1))
    await engine.run(countdown(3, double(4)))
    filename = program_of(engine).run.__code__.co_filename
    assert filename in linecache.cache

    if how == "evicted":
        await engine.run(double(1))
    elif how == "cleared":
        engine.plan_cache.clear()
    elif how == "invalidated":
        engine.plan_cache.invalidate(double)
    else:
        del engine
    gc.collect()

    assert filename not in linecache.cache


def texts_in_linecache() -> set[str]:
    return {name for name in linecache.cache if name.startswith("<cascade plan")}


async def test_texts_do_not_add_up(at_once):
    gc.collect()
    before = len(texts_in_linecache())
    for _ in range(50):
        engine = cs.Engine(plan_cache=cs.PlanCache(2))
        for size in range(4):
            f = cs.task(lambda *values: None)
            await engine.run(f(*range(size)))
    gc.collect()

    assert len(texts_in_linecache()) <= before + 2


# -- stepping -------------------------------------------------------------------------------------


async def test_a_tracer_sees_each_line(at_once, engine):
    await engine.run(countdown(3, double(4)))
    code = program_of(engine).run.__code__
    lines = linecache.getlines(code.co_filename)
    seen: list[str] = []

    def trace(frame: Any, what: str, argument: Any) -> Any:
        if frame.f_code is not code:
            return None
        if what == "line":
            seen.append(lines[frame.f_lineno - 1].strip())
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        await engine.run(countdown(3, double(4)))
    finally:
        sys.settrace(before)

    assert seen.count("r1 = f1(d1)") == 3
    assert seen.count("result = f0(d0, r1)") == 3
    assert seen[-1] == "return result"


class Debugger(pdb.Pdb):
    """A debugger that is told what to do, and whose answers are kept."""

    def __init__(self, *commands: str) -> None:
        self.answers = io.StringIO()
        text = io.StringIO("\n".join([*commands, ""]))
        super().__init__(stdin=text, stdout=self.answers, nosigint=True, readrc=False)
        self.use_rawinput = False
        self.prompt = ""


async def test_a_debugger_stops_in_the_code(at_once, engine):
    await engine.run(countdown(3, double(4)))
    filename = program_of(engine).run.__code__.co_filename
    number = linecache.getlines(filename).index("        r1 = f1(d1)\n") + 1
    debugger = Debugger("p d0, d1", "next", "p r1", "continue", "p d0, d1", *["continue"] * 3)
    before = sys.gettrace()

    error = debugger.set_break(filename, number)
    debugger.reset()
    debugger.botframe = sys._getframe()
    debugger.set_continue()
    sys.settrace(debugger.trace_dispatch)
    try:
        await engine.run(countdown(3, double(4)))
    finally:
        sys.settrace(before)
        bdb.Breakpoint.clearBreakpoints()

    assert error is None
    told = debugger.answers.getvalue().splitlines()
    assert "(2, 3)" in told and "6" in told and "(1, 2)" in told  # noqa: PT018 - in one answer
    assert any("-> r1 = f1(d1)" in line for line in told)


# -- counters, in the middle of a run -------------------------------------------------------------


class Watch:
    """What a run's tasks see of their engine: all counters and plans, at each call.

    Attributes:
        seen: A snapshot for each call.
        told: What the engine told of.
        tasks: Those that look.
    """

    def __init__(
        self, engine: cs.Engine, happens: Callable[[Watch], Any], at: int, is_heard: bool = False
    ) -> None:
        self.seen: list[Any] = []
        self.told: list[Any] = []
        self.unsubscribe: Callable[[], None] = lambda: None
        self.engine = engine
        self._happens = happens
        self._at = at
        if is_heard:
            self.listen()

    def listen(self) -> None:
        """Hear what the engine tells, from now on."""
        self.unsubscribe = self.engine.bus.subscribe(cs.Event, self._hear)

    def _hear(self, event: cs.Event) -> None:
        details = getattr(event, "task", None), getattr(event, "status", None)
        self.told.append((type(event).__name__, *details))

    def look(self, name: str) -> Any:
        """Note what is to be seen; at one moment, something happens and its value is returned."""
        stats, plans = self.engine.stats, self.engine.plan_cache
        hits = [(entry.root, entry.nodes, entry.hits) for entry in plans.entries()]
        counts = stats.as_dict(), dict(stats.tasks), plans.stats, hits, len(self.told)
        self.seen.append((name, *counts))
        return self._happens(self) if len(self.seen) == self._at else None


def watched_tasks(watch: Watch) -> tuple[Any, Any, Any]:
    """A loop of four nodes, its leaf, and a loop for the VM."""

    @cs.task
    def leaf(n, value=None):
        happened = watch.look("leaf")
        return n if happened is None else happened

    @cs.task
    def loop(n, *values):
        happened = watch.look("loop")
        if happened is not None:
            return happened
        return values if n == 0 else loop(n - 1, leaf(n, leaf(0)), leaf(n))

    @cs.task
    def tail_loop(n):
        happened = watch.look("tail_loop")
        if happened is not None:
            return happened
        return "done" if n == 0 else tail_loop.tail(n - 1)

    watch.tasks = leaf, loop, tail_loop
    return watch.tasks


def fail(watch: Watch) -> None:
    raise ValueError("happened")


def exit_now(watch: Watch) -> None:
    raise SystemExit


def cancel(watch: Watch) -> None:
    raise asyncio.CancelledError


async def coroutine() -> str:
    await asyncio.sleep(0)
    return "awaited"


HAPPENINGS: dict[str, Callable[[Watch], Any]] = {
    "nothing": lambda watch: None,
    "clear": lambda watch: watch.engine.plan_cache.clear(),
    "invalidate another": lambda watch: watch.engine.plan_cache.invalidate(double) and None,
    "invalidate": lambda watch: watch.engine.plan_cache.invalidate(watch.tasks[0]) and None,
    "listen": Watch.listen,
    "no longer listen": lambda watch: watch.unsubscribe(),
    "fail": fail,
    "exit": exit_now,
    "cancel": cancel,
    "graph": lambda watch: double(3),
    "same graph": lambda watch: watch.tasks[1](0, watch.tasks[0](1, watch.tasks[0](0)), 1),
    "tail call": lambda watch: double.tail(3),
    "coroutine": lambda watch: coroutine(),
}


@pytest.mark.parametrize("at", [22, 23, 24, 25], ids=["leaf1", "leaf2", "leaf3", "target"])
@pytest.mark.parametrize("slice_ms", [0, math.inf])
@pytest.mark.parametrize(("max_plans", "is_heard"), [(1, False), (1024, False), (1024, True)])
@pytest.mark.parametrize("happening", HAPPENINGS)
def test_counters_are_the_same_at_each_call(
    write_after, happening, max_plans, is_heard, slice_ms, at
):
    """Written and interpreted; whatever happens in the middle of a frame."""
    seen = {}
    for frames in (1, NEVER):
        write_after(frames)
        engine = cs.Engine(plan_cache=cs.PlanCache(max_plans), slice_ms=slice_ms)
        watch = Watch(engine, HAPPENINGS[happening], at, is_heard)
        leaf, loop, _ = watched_tasks(watch)
        try:
            value = asyncio.run(engine.run(loop(12, leaf(1, leaf(0)), leaf(2))))
        except BaseException as error:
            value = type(error), getattr(error, "__notes__", [])
        watch.look("end")
        seen[frames] = value, watch.seen, watch.told

    assert seen[1] == seen[NEVER]


@pytest.mark.parametrize("slice_ms", [0, math.inf])
@pytest.mark.parametrize("is_heard", [False, True])
@pytest.mark.parametrize("happening", HAPPENINGS)
def test_counters_are_the_same_at_each_call_on_the_vm(write_after, happening, is_heard, slice_ms):
    seen = {}
    for frames in (1, NEVER):
        write_after(frames)
        engine = cs.Engine(slice_ms=slice_ms)
        watch = Watch(engine, HAPPENINGS[happening], 6, is_heard)
        _, _, loop = watched_tasks(watch)
        try:
            value = asyncio.run(engine.run(loop(12), use_vm=True))
        except BaseException as error:
            value = type(error), getattr(error, "__notes__", [])
        watch.look("end")
        seen[frames] = value, watch.seen, watch.told

    assert seen[1] == seen[NEVER]


@pytest.mark.parametrize("yields", range(1, 14))
def test_counters_are_exact_where_a_long_frame_is_cancelled(write_after, yields):
    """A frame of three chunks yields twice inside, and once after."""
    seen = {}

    async def cancel_later(run: asyncio.Task[Any]) -> None:
        for _ in range(yields):
            await asyncio.sleep(0)
        run.cancel()

    async def cancelled(engine: cs.Engine, target: Any) -> None:
        run = asyncio.create_task(engine.run(target))
        await cancel_later(run)
        with pytest.raises(asyncio.CancelledError):
            await run

    for frames in (1, NEVER):
        write_after(frames)
        engine = cs.Engine(slice_ms=0)

        @cs.task
        def loop(n, *values):
            return loop(n - 1, *[double(n) for _ in range(3 * CHUNK)])

        asyncio.run(cancelled(engine, loop(99, *[double(1) for _ in range(3 * CHUNK)])))
        seen[frames] = engine.stats.as_dict(), dict(engine.stats.tasks), engine.plan_cache.stats

    assert seen[1] == seen[NEVER]


@pytest.mark.parametrize("max_plans", [1, 1024])
def test_two_runs_by_turns_count_as_if_interpreted(write_after, max_plans):
    seen = {}

    async def both(engine: cs.Engine) -> Any:
        leaf, loop, tail_loop = watched_tasks(watch)
        one = engine.run(loop(9, leaf(1, leaf(0)), leaf(2)))
        same = engine.run(loop(7, leaf(1, leaf(0)), leaf(2)))
        return await asyncio.gather(one, same, engine.run(tail_loop(9)))

    for frames in (1, NEVER):
        write_after(frames)
        engine = cs.Engine(plan_cache=cs.PlanCache(max_plans), slice_ms=0)
        watch = Watch(engine, HAPPENINGS["nothing"], 0)
        value = asyncio.run(both(engine))
        seen[frames] = value, watch.seen

    assert seen[1] == seen[NEVER]


async def test_the_next_iteration_after_a_clear_is_a_miss(at_once, engine):
    @cs.task
    def loop(n):
        if n == 50:
            engine.plan_cache.clear()
        return n if n == 0 else loop(n - 1)

    await engine.run(loop(100))

    assert (engine.stats.hits, engine.stats.misses) == (99, 2)


async def test_a_listener_hears_from_the_next_iteration_on(at_once, engine):
    events = []

    @cs.task
    def loop(n):
        if n == 50:
            engine.bus.subscribe(cs.TaskStarted, events.append)
        return n if n == 0 else loop(n - 1)

    await engine.run(loop(100))

    assert len(events) == 50


async def test_two_structures_by_turns_are_resolved_once_each(at_once, engine):
    @cs.task
    def loop(n, value=None):
        if n == 0:
            return "done"
        return loop(n - 1) if n % 2 else loop(n - 1, double(n))

    assert await engine.run(loop(1_000)) == "done"
    assert (engine.stats.resolves, engine.stats.hits) == (2, 999)


async def test_two_structures_by_turns_in_a_cache_of_one_plan(written):
    engine = cs.Engine(plan_cache=cs.PlanCache(1))

    @cs.task
    def loop(n, value=None):
        if n == 0:
            return "done"
        return loop(n - 1) if n % 2 else loop(n - 1, double(n))

    assert await engine.run(loop(100)) == "done"
    assert (engine.stats.misses, engine.stats.evictions) == (101, 100)


async def test_a_run_of_many_structures_goes_on_counting(written, engine):
    """In iteration 5 of the loop a node opens 70 sub-graphs, no two of them alike."""
    leaf, gather = cs.task(lambda *values: 0, name="leaf"), cs.task(lambda *values: 1)
    open_one = cs.task(lambda size: leaf(*range(size)))

    @cs.task
    def node(n):
        return gather(*[open_one(size) for size in range(70)]) if n == 5 else 1

    @cs.task
    def loop(n, value):
        return n if n == 0 else loop(n - 1, node(n - 1))

    await engine.run(loop(10, node(10)))

    assert (engine.stats.iterations, engine.stats.lookups) == (11, 82)
    assert (engine.stats.tasks["loop"], engine.stats.tasks["node"]) == (11, 11)


# -- memory ---------------------------------------------------------------------------------------


class Big:
    """Something whose end can be seen."""


@pytest.mark.parametrize("use_vm", [False, True], ids=["graph", "vm"])
async def test_no_argument_outlives_the_run_of_a_written_loop(at_once, engine, use_vm):
    big = Big()
    ended = weakref.ref(big)

    @cs.task
    def loop(n, big, value=None):
        if n == 0:
            return None
        return loop.tail(n - 1, big) if use_vm else loop(n - 1, big, double(n))

    await engine.run(loop(10, big), use_vm=use_vm)
    del big
    gc.collect()

    assert ended() is None


@pytest.mark.parametrize("kind", ["result", "argument"])
def test_no_value_is_held_longer_than_by_the_machine(write_after, kind):
    """Of those of earlier iterations, seen from the first node of each.

    But for the arguments of the target that the code was entered with: whoever called it holds
    them until it comes back, after a time slice at the latest.
    """
    entered_with = {"result": [], "argument": [3]}[kind]
    alive = {}
    for frames in (4, NEVER):
        write_after(frames)
        alive[frames] = [
            [index for index in indexes if index not in entered_with]
            for indexes in alive_in_each_iteration(kind)
        ]

    assert alive[4] == alive[NEVER]


def alive_in_each_iteration(kind: str) -> list[list[int]]:
    """Which values of a kind, as numbered when made, are alive when a loop's iterations begin."""
    refs: dict[str, list[weakref.ref[Big]]] = {"result": [], "argument": []}
    alive = []

    def new(kind: str) -> Big:
        refs[kind].append(weakref.ref(made := Big()))
        return made

    @cs.task
    def first(n):
        alive.append([index for index, ref in enumerate(refs[kind]) if ref() is not None])
        return new("result")

    second = cs.task(lambda value: new("result"))

    @cs.task
    def loop(n, value, given):
        return None if n == 0 else loop(n - 1, second(first(n)), new("argument"))

    asyncio.run(cs.Engine(slice_ms=math.inf).run(loop(12, second(first(0)), None)))
    return alive


@pytest.mark.slow
@pytest.mark.parametrize("use_vm", [False, True], ids=["graph", "vm"])
async def test_memory_is_flat_over_200_000_iterations(at_once, engine, use_vm):
    peaks = []

    @cs.task
    def loop(n):
        if n in (150_000, 0):
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.reset_peak()
        return n if n == 0 else (loop.tail(n - 1) if use_vm else loop(n - 1))

    tracemalloc.start()
    try:
        await engine.run(loop(200_000), use_vm=use_vm)
    finally:
        tracemalloc.stop()

    assert peaks[1] <= peaks[0] + 10_000


# -- what is not written out ----------------------------------------------------------------------


@pytest.mark.parametrize(("size", "is_written"), [(MAX_SIZE, True), (MAX_SIZE + 1, False)])
@pytest.mark.parametrize("few_nodes", [False, True], ids=["many nodes", "many arguments"])
async def test_large_graphs_are_interpreted(at_once, engine, size, is_written, few_nodes):
    """Each of the nodes has an argument, and is one of the target's: three for the size."""
    total = cs.task(lambda *values: sum(values))
    nodes = 0 if few_nodes else (size - 1) // 3
    values = [1] * (size - 1 - 3 * nodes)

    for _ in range(3):
        value = await engine.run(total(*values, *[double(1) for _ in range(nodes)]))
        assert value == len(values) + 2 * nodes

    assert (program_of(engine) is not None) is is_written


@pytest.mark.parametrize("use_vm", [False, True], ids=["graph", "vm"])
async def test_function_that_is_put_in_the_place_of_a_tasks_own_is_called(
    at_once, engine, monkeypatch, use_vm
):
    @cs.task
    def loop(n):
        return "own" if n == 0 else (loop.tail(n - 1) if use_vm else loop(n - 1))

    await engine.run(loop(5), use_vm=use_vm)
    monkeypatch.setattr(loop, "fn", lambda n: "other")

    assert await engine.run(loop(5), use_vm=use_vm) == "other"


async def test_functions_are_called_under_any_builtins(at_once, engine, monkeypatch):
    """The code's own names are its own: what a user puts into builtins is not seen."""
    for name in ("clock", "stop", "ATOMS", "is_live", "UNFINISHED"):
        monkeypatch.setattr(builtins, name, None, raising=False)

    assert await engine.run(countdown(10, double(1))) == "done"
