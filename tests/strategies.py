"""Hypothesis strategies and the small program language that the property tests share.

A **data program** is a description, nothing but tuples: ``Step`` after ``Step``, each a call of one
of ``TASKS`` whose arguments are literals, values of earlier steps, or containers of these. The last
step is the target; ``build`` makes a lazy result of it. Such programs are for what concerns graphs
and structures; the package ``oracle`` has a language with all that an engine can do.
"""

from __future__ import annotations

import inspect
import zlib
from collections import OrderedDict
from functools import cache
from inspect import Parameter
from typing import Any, NamedTuple

from hypothesis import strategies as st

import cascade_core as cs

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
    """One call."""

    task: str
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...] = ()


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


def build(program: tuple[Step, ...]) -> Any:
    """The lazy result of a program's target."""
    lazies: list[Any] = []
    for step in program:
        args = [fill(argument, lazies) for argument in step.args]
        kwargs = {name: fill(argument, lazies) for name, argument in step.kwargs}
        lazies.append(TASKS[step.task](*args, **kwargs))
    return lazies[-1]


@cs.task
def mix(*args, **kwargs):
    return checksum("mix", args, kwargs)


@cs.task
def twin(a=0, b=0, c=0, *, k=0, m=0):
    return checksum("twin", (a, b, c), {"k": k, "m": m})


@cs.task
def nothing(*args, **kwargs):
    return None


TASKS: dict[str, cs.Task[Any]] = {task.name: task for task in (mix, twin, nothing)}


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


def _mapping(drawn: tuple[str, list[tuple[Any, Any]]]) -> Box:
    kind, items = drawn
    return Box(kind, tuple(member for _, member in items), tuple(key for key, _ in items))


@st.composite
def data_programs(draw: st.DrawFn, max_steps: int = 7) -> tuple[Step, ...]:
    """Programs whose graph is all there is: no sub-graphs, no loops, no failures."""
    steps: list[Step] = []
    for index in range(draw(st.integers(1, max_steps))):
        if steps and draw(st.integers(0, 4)) == 0:
            steps.append(draw(st.sampled_from(steps)))  # looks equal, is another call
            continue
        steps.append(Step(draw(st.sampled_from(sorted(TASKS))), *draw(argument_lists(index))))
    return tuple(steps)


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
