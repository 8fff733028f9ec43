"""What is asked of an executor."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, final

from cascade_core._conformance import tasks
from cascade_core._conformance.exam import Exam, same, shown
from cascade_core._conformance.graphs import RESOURCES, call
from cascade_core._conformance.programs import LOCAL, LOOPS, NESTED, OPTIONAL, PLACED, Program
from cascade_core._conformance.tasks import ERRORS, PLACES, Hold, Meeting, on
from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.quote import quote
from cascade_core.define.task import RunOn, Task
from cascade_core.executors.base import Executor
from cascade_core.graph.build import build_graph
from cascade_core.graph.reading import read
from cascade_core.plan.solver import NativeSolver, Plan
from cascade_core.run.engine import Engine

VALUES: tuple[Any, ...] = (None, False, 0, "", (), [], {"a": None}, b"\0", 1.5, ValueError("v"))

ARGUMENTS: tuple[tuple[Sequence[Any], Mapping[str, Any]], ...] = (
    ([], {}),
    ((), {"k": 1}),
    ([1, "two", None], {}),
    ((3, 2, 1), {"b": 1, "a": None}),
    ([[1], (2,), {"x": 3}], {"self": 1, "fn": 2, "task": 3, "args": (), "kwargs": {}, "key": "k"}),
)
"""Positional and keyword arguments; names among them that an executor may use itself."""


def examine_executor(exam: Exam, executor: Executor, in_process: bool) -> None:
    """Ask for values of single calls, of whole plans and of engines; in two event loops."""
    course = _Course(exam, executor, in_process)
    exam.in_new_loop(course.first_loop)
    exam.in_new_loop(course.second_loop)


@final
class _Course:
    def __init__(self, exam: Exam, executor: Executor, in_process: bool) -> None:
        self._exam = exam
        self._executor = executor
        self._in_process = in_process
        self._takes_plans = hasattr(executor, "execute_plan")
        self._places: list[RunOn] = ["local"]

    async def first_loop(self) -> None:
        await self._protocol()
        for place in self._places:
            await self._arguments(place)
            await self._values(place)
            await self._errors(place)
        await self._together("in one event loop")
        if self._in_process:
            await self._objects()
            await self._calls_in_place_of_values()
            await self._cancellation_here()
        else:
            await self._cancellation_elsewhere()
        await self._together("after a call was cancelled")
        if self._takes_plans:
            await self._whole_plans()
        await self._engines()

    async def second_loop(self) -> None:
        await self._together("in a second event loop")
        made = call("target", call("dependency"))
        self._exam.asks("serves a second event loop", "an engine's run", repr(made.value))
        self._exam.require_same(await Engine(executor=self._executor).run(made.lazy), made.value)

    # -- single calls -----------------------------------------------------------------------

    def _execute(
        self, task: Task[Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None = None
    ) -> Awaitable[Any]:
        kwargs = kwargs or {}
        node = build_graph(task(*map(quote, args), **kwargs)).nodes[0]
        return self._executor.execute(node, args, kwargs)

    async def _protocol(self) -> None:
        self._exam.asks("has an async execute", _text("echo", [1]), "an awaitable")
        awaitable = self._execute(on("local", tasks.echo), [1])
        self._exam.require(inspect.isawaitable(awaitable), awaitable)
        await awaitable

        expected = f"a set, of {', '.join(PLACES)}"
        self._exam.asks("names the places that it has", "its attribute places", expected)
        places: Any = getattr(self._executor, "places", frozenset())
        self._exam.require(isinstance(places, AbstractSet) and places <= set(PLACES), places)
        self._places += [place for place in PLACES[1:] if place in places]

    async def _arguments(self, place: RunOn) -> None:
        for fn in (tasks.collect, tasks.collect_later):
            for args, kwargs in ARGUMENTS:
                given, expected = _text(fn.__name__, args, kwargs, place), collected(args, kwargs)
                self._exam.asks("passes all arguments on, in order", given, repr(expected))
                self._exam.require_same(await self._execute(on(place, fn), args, kwargs), expected)

    async def _values(self, place: RunOn) -> None:
        for fn in (tasks.echo, tasks.echo_later):
            for value in VALUES:
                given = _text(fn.__name__, [value], place=place)
                self._exam.asks("returns the task's value as it is", given, repr(value))
                self._exam.require_same(await self._execute(on(place, fn), [value]), value)

    async def _errors(self, place: RunOn) -> None:
        for fn in (tasks.fail, tasks.fail_later):
            for name in ERRORS:
                given = _text(fn.__name__, [name], place=place)
                await self._raises(given, name, partial(self._execute, on(place, fn), [name]))

    async def _raises(self, given: str, name: str, ask: Callable[[], Awaitable[Any]]) -> None:
        expected = ERRORS[name]()
        self._exam.asks("raises the task's exception as itself", given, f"{expected!r} raised")
        try:
            value = await ask()
        except Exception as error:
            if not same(error, expected):
                self._exam.fail(f"but it raised {shown(error)}", error)
        else:
            self._exam.require(False, value)

    async def _together(self, when: str) -> None:
        numbers = list(range(AT_ONCE))
        given = f"{AT_ONCE} calls awaited at once"
        self._exam.asks(f"runs several calls {when}", given, f"their values {shown(numbers)}")
        echoes = [on("local", (tasks.echo, tasks.echo_later)[n % 2]) for n in numbers]
        calls = [self._execute(echo, [n]) for n, echo in zip(numbers, echoes, strict=True)]
        self._exam.require_same(await asyncio.gather(*calls), numbers)
        if self._in_process:
            given = "two async tasks that wait for each other"
            self._exam.asks(f"runs calls concurrently {when}", given, "they meet")
            meeting, meet = Meeting(2, self._exam.patience), on("local", tasks.meet)
            met = await asyncio.gather(*[self._execute(meet, [meeting]) for _ in range(2)])
            if met != [True, True]:
                self._exam.fail("but the second did not begin before the first had ended")

    # -- within this process ------------------------------------------------------------------

    async def _objects(self) -> None:
        value = ["data"]
        self._exam.asks("passes objects of its own process on", "a list", "the very same list")
        came = await self._execute(on("local", tasks.echo), [value])
        if came is not value:
            self._exam.fail("but another came")

        given, expected = _text("collect_wrapped", [1]), collected([1])
        self._exam.asks("awaits what a sync task around an async one gives", given, repr(expected))
        came = await self._execute(on("local", tasks.collect_wrapped), [1])
        self._exam.require_same(came, expected)

    async def _calls_in_place_of_values(self) -> None:
        echo, countdown = on("local", tasks.echo), on("local", tasks.countdown_tail)
        self._exam.asks(_HANDS_BACK, _text("expand", [3]), "the lazy result echo(3)")
        came = await self._execute(on("local", tasks.expand), [3])
        self._exam.require(type(came) is LazyResult and _is_call(came, echo, 3), came)

        given = _text("countdown_tail", [3])
        self._exam.asks(_HANDS_BACK, given, "the tail call countdown_tail(2)")
        came = await self._execute(countdown, [3])
        self._exam.require(type(came) is TailCall and _is_call(came, countdown, 2), came)

    async def _cancellation_here(self) -> None:
        state = Hold(8 * self._exam.patience)
        given = "an async task, cancelled while it runs"
        self._exam.asks("begins a call that is awaited", given, "it begins")
        running = asyncio.ensure_future(self._execute(on("local", tasks.hold), [state]))
        await self._exam.until(lambda: state.entered or running.done())
        if not state.entered:
            self._exam.fail("but it does not")
        await self._cancel(running, given)
        self._exam.asks("ends a task whose call is cancelled", given, "the task has ended")
        await self._exam.until(lambda: state.ended)
        if not state.ended:
            self._exam.fail("but it goes on running")

    async def _cancellation_elsewhere(self) -> None:
        running = asyncio.ensure_future(self._execute(on("local", tasks.nap), [NAP]))
        await asyncio.wait({running}, timeout=NAP / 10)
        await self._cancel(running, "an async task, cancelled while it is awaited")

    async def _cancel(self, running: asyncio.Future[Any], given: str) -> None:
        self._exam.asks("raises CancelledError when it is cancelled", given, "CancelledError")
        running.cancel()
        await asyncio.wait({running}, timeout=self._exam.patience)
        if not running.done():
            self._exam.fail("but it goes on waiting")
        if not running.cancelled():
            error = running.exception()
            if error is not None:
                self._exam.fail(f"but it raised {shown(error)}", error)
            self._exam.require(False, running.result())

    # -- whole plans and engines --------------------------------------------------------------

    async def _whole_plans(self) -> None:
        for program in (*PLACED, *LOCAL):
            expected = await Engine().run(program.make("local"))
            for in_one_stage in (False, True):
                given = f"{program.name}, {'all in one stage' if in_one_stage else 'in stages'}"
                self._exam.asks("gives the value of a whole plan's target", given, repr(expected))
                came = await self._execute_plan(program.make("local"), in_one_stage)
                self._exam.require_same(came, expected)
        for name in ERRORS:
            target = on("local", tasks.echo)(on("local", tasks.fail)(name))
            await self._raises("a whole plan", name, partial(self._execute_plan, target))
        if self._in_process:
            self._exam.asks(_HANDS_BACK, "a whole plan of expand(3)", "the lazy result echo(3)")
            came = await self._execute_plan(on("local", tasks.expand)(3))
            echo = on("local", tasks.echo)
            self._exam.require(type(came) is LazyResult and _is_call(came, echo, 3), came)

    async def _execute_plan(self, lazy: LazyResult[Any], in_one_stage: bool = False) -> Any:
        graph = build_graph(lazy)
        plan = NativeSolver().resolve(graph)
        if in_one_stage:
            plan = Plan((tuple(position for stage in plan.stages for position in stage),))
        executor: Any = self._executor
        return await executor.execute_plan(graph, plan, read(lazy)[1])

    async def _engines(self) -> None:
        engine = Engine(executor=self._executor, resources=RESOURCES)
        for program in (*PLACED, *LOCAL, *OPTIONAL, *self._programs_of_calls()):
            expected = await Engine(resources=RESOURCES).run(program.make("local"))
            for place in self._places if program in PLACED else self._places[:1]:
                given = program.name + _where(place)
                self._exam.asks("gives an engine what LocalExecutor gives", given, repr(expected))
                self._exam.require_same(await engine.run(program.make(place)), expected)
        for name in ERRORS:
            for fn in (tasks.fail, tasks.fail_later):
                target = on("local", tasks.echo)(on("local", fn)(name))
                await self._raises("an engine's run", name, partial(engine.run, target))
        made = call("target")
        self._exam.asks("serves an engine after a failure too", "another run", repr(made.value))
        self._exam.require_same(await engine.run(made.lazy), made.value)

    def _programs_of_calls(self) -> tuple[Program, ...]:
        if not self._in_process:
            return ()
        # Who takes whole plans has no engine to run a call with that a node of it returns.
        return LOOPS if self._takes_plans else (*LOOPS, NESTED)


AT_ONCE = 50
"""So many calls that a limit on concurrent ones, if there is one, makes some wait."""

NAP = 0.5
"""Seconds that a task in another process takes which is to be cancelled."""

_HANDS_BACK = "hands a call that a task returns back as it is"


def collected(args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
    """What ``collect`` makes of arguments."""
    return tasks.collect(*args, **(kwargs or {}))


def _is_call(came: Any, task: Task[Any], argument: Any) -> bool:
    return came.task is task and same(came.args, (argument,))


def _where(place: RunOn) -> str:
    return "" if place == "local" else f" with run_on={place!r}"


def _text(
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    place: RunOn = "local",
) -> str:
    return f"execute({name}, {list(args)!r}, {dict(kwargs or {})!r}){_where(place)}"
