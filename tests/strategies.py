"""Hypothesis strategies and the small program language that the property tests share.

A **program** is a description, nothing but tuples: ``Step`` after ``Step``, each a call of one of
``TASKS`` whose arguments are literals, values of earlier steps, or containers of these. The last
step is the target. ``build`` makes a lazy result of it, ``Evaluator`` evaluates it as plain Python
recursion, without the engine.
"""

from __future__ import annotations

import asyncio
import inspect
import zlib
from collections import Counter, OrderedDict
from functools import cache
from inspect import Parameter
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st

import cascade_core as cs

settings.register_profile("cascade", deadline=None)
settings.load_profile("cascade")


# -- programs -------------------------------------------------------------------------------------


class Literal(NamedTuple):
    """An argument that is data."""

    value: Any


class Ref(NamedTuple):
    """The value of the step at ``index``."""

    index: int


class Box(NamedTuple):
    """A container: ``kind`` with ``members``; ``keys`` if it is a mapping."""

    kind: str
    members: tuple[Any, ...]
    keys: tuple[Any, ...] = ()


class Point(NamedTuple):
    x: Any
    y: Any


class Step(NamedTuple):
    """One call; ``inner`` holds the programs that it returns instead of a value."""

    task: str
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...] = ()
    inner: tuple[Any, ...] = ()


def checksum(name: str, args: Any, kwargs: Any) -> int:
    """A number that depends on all of the arguments: values, order and container types."""
    return zlib.crc32(f"{name}{args!r}{kwargs!r}".encode())


def fill(argument: Any, values: Any) -> Any:
    """The value of an argument: a box is made, a reference looked up in ``values``."""
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Ref):
        return values[argument.index]
    members = [fill(member, values) for member in argument.members]
    if argument.kind == "point":
        return Point(*members)
    if argument.kind in ("dict", "OrderedDict"):
        items = zip(argument.keys, members, strict=True)
        return dict(items) if argument.kind == "dict" else OrderedDict(items)
    return list(members) if argument.kind == "list" else tuple(members)


def build(program: tuple[Step, ...], tail: bool = False) -> Any:
    """The lazy result (or tail call) of a program's target."""
    lazies: list[Any] = []
    for step in program:
        task = TASKS[step.task]
        make = task.tail if tail and len(lazies) == len(program) - 1 else task
        args = [fill(argument, lazies) for argument in step.args]
        kwargs = {name: fill(argument, lazies) for name, argument in step.kwargs}
        lazies.append(make(step.inner, *args, **kwargs))
    return lazies[-1]


@cs.task
def mix(inner, *args, **kwargs):
    return checksum("mix", args, kwargs)


@cs.task
def twin(inner, a=0, b=0, c=0, *, k=0, m=0):
    return checksum("twin", (a, b, c), {"k": k, "m": m})


@cs.task
def nothing(inner, *args, **kwargs):
    return None


@cs.task
async def later(inner, *args, **kwargs):
    for _ in range(len(args)):
        await asyncio.sleep(0)
    return checksum("later", args, kwargs)


async def _mixed(args, kwargs):
    return checksum("wrapped", args, kwargs)


@cs.task
def wrapped(inner, *args, **kwargs):
    return _mixed(args, kwargs)


@cs.task
def boom(inner, *args, **kwargs):
    raise ValueError(f"boom {checksum('boom', args, kwargs)}")


@cs.task
async def later_boom(inner, *args, **kwargs):
    await asyncio.sleep(0)
    raise LookupError(f"boom {checksum('boom', args, kwargs)}")


@cs.task
def enter(inner, *args, **kwargs):
    """Returns the lazy result of its inner program: a sub-graph, or a tail call as the target."""
    return build(inner[0])


@cs.task
def enter_tail(inner, *args, **kwargs):
    return build(inner[0], tail=True)


@cs.task
def loop(inner, n, value=None):
    """Counts down; the graph of each iteration is that of one of the inner programs."""
    if n == 0:
        return value
    return loop(inner, n - 1, build(inner[n % len(inner)]))


@cs.task
def loop_tail(inner, n, value=None):
    """The same by tail calls; every other one passes on plain data."""
    if n == 0:
        return value
    return loop_tail.tail(inner, n - 1, build(inner[n % len(inner)]) if n % 3 else value)


TASKS: dict[str, cs.Task[Any]] = {
    task.name: task
    for task in (
        mix,
        twin,
        nothing,
        later,
        wrapped,
        boom,
        later_boom,
        enter,
        enter_tail,
        loop,
        loop_tail,
    )
}
FAILING = ("boom", "later_boom")
ASYNC = ("later", "wrapped", "later_boom")


class Evaluator:
    """Plain Python recursion over a program, counting what an engine must count.

    Attributes:
        tasks: Executions by task name.
        iterations: Graphs run to a value as the target: one, and one per tail call of the target.
        lookups: Graphs run to a value at all.
    """

    def __init__(self) -> None:
        self.tasks: Counter[str] = Counter()
        self.iterations = 0
        self.lookups = 0

    def run(self, program: tuple[Step, ...]) -> Any:
        return self._graph(program, is_target=True)

    def _graph(self, program: tuple[Step, ...], is_target: bool) -> Any:
        self._enter(is_target)
        return self._step(program, len(program) - 1, {}, is_target)

    def _enter(self, is_target: bool) -> None:
        self.lookups += 1
        self.iterations += is_target

    def _step(
        self, program: tuple[Step, ...], index: int, done: dict[int, Any], is_target: bool
    ) -> Any:
        step = program[index]
        for needed in sorted(references(step)):
            if needed not in done:
                done[needed] = self._step(program, needed, done, False)
        args = tuple(fill(argument, done) for argument in step.args)
        kwargs = {name: fill(argument, done) for name, argument in step.kwargs}
        return self._call(step, args, kwargs, is_target)

    def _call(self, step: Step, args: Any, kwargs: Any, is_target: bool) -> Any:
        self.tasks[step.task] += 1
        if step.task in ("enter", "enter_tail"):
            return self._graph(step.inner[0], is_target)
        if step.task in ("loop", "loop_tail"):
            return self._loop(step, *args, is_target=is_target)
        if step.task == "boom":
            raise ValueError(f"boom {checksum('boom', args, kwargs)}")
        if step.task == "later_boom":
            raise LookupError(f"boom {checksum('boom', args, kwargs)}")
        if step.task == "nothing":
            return None
        if step.task == "twin":
            padded = (*args, 0, 0, 0)[:3]
            return checksum("twin", padded, {"k": 0, "m": 0} | kwargs)
        return checksum(step.task, args, kwargs)

    def _loop(self, step: Step, n: int, value: Any, *, is_target: bool) -> Any:
        while n:
            self._enter(is_target)
            self.tasks[step.task] += 1
            if step.task == "loop" or n % 3:
                inner = step.inner[n % len(step.inner)]
                value = self._step(inner, len(inner) - 1, {}, False)
            n -= 1
        return value


def references(step: Step) -> set[int]:
    """The steps that a step depends on."""
    found: set[int] = set()
    stack: list[Any] = [*step.args, *(argument for _, argument in step.kwargs)]
    while stack:
        argument = stack.pop()
        if isinstance(argument, Ref):
            found.add(argument.index)
        elif isinstance(argument, Box):
            stack.extend(argument.members)
    return found


def reachable_tasks(program: tuple[Step, ...]) -> set[str]:
    """The names of the tasks that a run of the program may execute."""
    names: set[str] = set()
    stack = [(program, len(program) - 1)]
    while stack:
        steps, index = stack.pop()
        names.add(steps[index].task)
        stack.extend((steps, needed) for needed in references(steps[index]))
        stack.extend((inner, len(inner) - 1) for inner in steps[index].inner)
    return names


LITERALS = st.one_of(
    st.integers(-3, 3), st.none(), st.booleans(), st.text("ab", max_size=2), st.just((1, [2]))
).map(Literal)
KEYS = st.one_of(st.integers(0, 2), st.sampled_from(["a", "1", "a]b"]), st.none(), st.booleans())


@cache
def arguments(steps: int) -> st.SearchStrategy[Any]:
    """An argument of the step after ``steps`` others: containers are at most two deep."""
    leaves = LITERALS
    if steps:
        refs = st.integers(0, steps - 1).map(Ref)
        leaves = st.one_of(refs, refs, LITERALS)
    inner = boxes(leaves)
    return st.one_of(leaves, leaves, leaves, inner, boxes(st.one_of(leaves, inner)))


@cache
def argument_lists(steps: int) -> st.SearchStrategy[Any]:
    """Positional and keyword arguments of the step after ``steps`` others."""
    one = arguments(steps)
    names = st.sampled_from([(), (), ("k",), ("m",), ("m", "k")])
    keywords = names.flatmap(lambda some: st.tuples(*[st.tuples(st.just(n), one) for n in some]))
    return st.tuples(st.lists(one, max_size=3).map(tuple), keywords)


def boxes(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Box]:
    several = st.lists(members, max_size=3).map(tuple)
    keyed = st.lists(st.tuples(KEYS, members), max_size=3, unique_by=lambda item: item[0])
    return st.one_of(
        st.tuples(st.sampled_from(["list", "tuple"]), several).map(lambda drawn: Box(*drawn)),
        st.tuples(members, members).map(lambda drawn: Box("point", drawn)),
        st.tuples(st.sampled_from(["dict", "OrderedDict"]), keyed).map(_mapping),
    )


@st.composite
def programs(
    draw: st.DrawFn,
    tasks: tuple[str, ...] = tuple(TASKS),
    max_steps: int = 6,
    depth: int = 2,
) -> tuple[Step, ...]:
    """A program of the given tasks; sub-programs are nested at most ``depth`` deep."""
    if not depth:
        tasks = tuple(name for name in tasks if not name.startswith(("enter", "loop")))
    steps: list[Step] = []
    for index in range(draw(st.integers(1, max_steps))):
        if steps and draw(st.integers(0, 4)) == 0:
            steps.append(draw(st.sampled_from(steps)))  # looks equal, is another call
            continue
        steps.append(draw(_steps(index, tasks, depth)))
    return tuple(steps)


@st.composite
def _steps(draw: st.DrawFn, index: int, tasks: tuple[str, ...], depth: int) -> Step:
    name = draw(st.sampled_from(tasks))
    if name.startswith("loop"):
        inner = draw(st.lists(programs(tasks, 3, depth - 1), min_size=1, max_size=3).map(tuple))
        n = st.integers(0, 7).map(Literal)
        return Step(name, (draw(n), draw(arguments(index))), (), inner)
    inner = (draw(programs(tasks, 4, depth - 1)),) if name.startswith("enter") else ()
    return Step(name, *draw(argument_lists(index)), inner)


def _mapping(drawn: tuple[str, list[tuple[Any, Any]]]) -> Box:
    kind, items = drawn
    return Box(kind, tuple(member for _, member in items), tuple(key for key, _ in items))


def data_programs(max_steps: int = 7) -> st.SearchStrategy[tuple[Step, ...]]:
    """Programs whose graph is all there is: no sub-graphs, no loops, no failures."""
    return programs(("mix", "twin", "nothing"), max_steps, 0)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Two data programs: other ones, the same with other data, or with one argument changed."""
    program = draw(data_programs())
    how = draw(st.sampled_from(["other", "data", "argument"]))
    if how == "other":
        return program, draw(data_programs())
    if how == "data":
        return program, tuple(map(_with_other_data, program))
    index = draw(st.integers(0, len(program) - 1))
    args = draw(argument_lists(index))
    return program, (*program[:index], Step(program[index].task, *args), *program[index + 1 :])


def _with_other_data(step: Step) -> Step:
    args = tuple(map(_other_data, step.args))
    return step._replace(args=args, kwargs=tuple((n, _other_data(a)) for n, a in step.kwargs))


def _other_data(argument: Any) -> Any:
    if isinstance(argument, Box):
        return argument._replace(members=tuple(map(_other_data, argument.members)))
    return Literal("other") if isinstance(argument, Literal) else argument


# -- signatures -----------------------------------------------------------------------------------

PARAMETER_NAMES = ["a", "b", "c", "lazy", "task", "self", "names"]


@st.composite
def signatures_and_arguments(
    draw: st.DrawFn,
) -> tuple[inspect.Signature, tuple[Any, ...], dict[str, Any]]:
    """A signature of any shape, and arguments that may or may not fit it."""
    names = draw(st.permutations(PARAMETER_NAMES))
    count = draw(st.integers(0, len(names)))
    named = (
        Parameter.POSITIONAL_ONLY,
        Parameter.POSITIONAL_OR_KEYWORD,
        Parameter.KEYWORD_ONLY,
    )
    kinds = draw(st.lists(st.sampled_from(named), min_size=count, max_size=count))
    kinds.sort()
    parameters = []
    has_default = False
    for name, kind in zip(names, kinds, strict=False):
        drawn = draw(st.booleans())
        has_default = drawn or (has_default and kind is not Parameter.KEYWORD_ONLY)
        default = f"default {name}" if has_default else Parameter.empty
        parameters.append(Parameter(name, kind, default=default))
    if draw(st.booleans()):
        first_keyword = sum(kind is not Parameter.KEYWORD_ONLY for kind in kinds)
        parameters.insert(first_keyword, Parameter("rest", Parameter.VAR_POSITIONAL))
    if draw(st.booleans()):
        parameters.append(Parameter("extra", Parameter.VAR_KEYWORD))
    args = tuple(range(draw(st.integers(0, count + 1))))
    passed = draw(st.lists(st.sampled_from([*names[: count + 1], "other"]), unique=True))
    return inspect.Signature(parameters), args, {name: f"value {name}" for name in passed}
