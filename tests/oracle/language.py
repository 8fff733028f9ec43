"""The language of programs: steps, their options, and the little that is agreed on about them.

A program is a tuple of steps; the last one is its target. A step refers to earlier steps by
``Ref(index)``. Steps that no other step leads to are not part of the graph, and do not run.

Steps are told apart by a **label**, the first argument of every call: where the step stands in the
program, such as ``2/0`` for step 0 of the program inside step 2. It is the same in all iterations
of a loop, so that a result cache can hit. Calls of pure tasks are labelled by their options
instead, so that equal calls are equal.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from strategies import Box, Literal, Point, Ref, checksum

__all__ = [
    "BROKEN_CACHE",
    "CAPACITIES",
    "ENVIRONMENT",
    "HANG",
    "MOODS",
    "PARAMS",
    "TASKS",
    "Box",
    "Call",
    "Env",
    "Inject",
    "Labels",
    "Literal",
    "Loop",
    "Map",
    "Opaque",
    "Options",
    "Param",
    "Point",
    "Program",
    "Quoted",
    "Ref",
    "Retry",
    "Select",
    "Step",
    "Variant",
    "all_refs",
    "checksum",
    "fill",
    "inner_number",
    "inner_prefix",
    "item_labels",
    "label_of",
    "plain_steps",
    "refs_in",
    "source_refs",
    "step_name",
    "wait_refs",
]

PARAMS = {"one": 1, "key": "a", "no": False, "items": [3, 0, 3]}
ENVIRONMENT = {"ORACLE_KEY": "b"}
CAPACITIES = {"gpu": 2, "cpu": 3}
BROKEN_CACHE = 2
"""The index of the cache that can neither load nor save; the others are good."""
HANG = 0.001
"""The timeout, in seconds, of calls that would hang for ever."""


MOODS = ("value", "boom", "graph", "coroutine")
"""What a call of ``moody`` comes to, by its first argument."""


class Behaviour(NamedTuple):
    """What a task does; ``tasks.py`` defines it, ``reference.py`` works it out."""

    does: str
    is_async: bool = False
    pure: bool = False


TASKS = {
    "mix": Behaviour("checksum"),
    "twin": Behaviour("checksum"),
    "later": Behaviour("checksum", is_async=True),
    "wrapped": Behaviour("checksum", is_async=True),
    "pure_mix": Behaviour("checksum", pure=True),
    "pure_later": Behaviour("checksum", is_async=True, pure=True),
    "nothing": Behaviour("nothing"),
    "same": Behaviour("same"),
    "later_same": Behaviour("same", is_async=True),
    "labels": Behaviour("labels"),
    "boom": Behaviour("boom"),
    "later_boom": Behaviour("boom", is_async=True),
    "flaky": Behaviour("flaky"),
    "later_flaky": Behaviour("flaky", is_async=True),
    "pure_flaky": Behaviour("flaky", pure=True),
    "hang": Behaviour("hang", is_async=True),
    "enter": Behaviour("enter"),
    "later_enter": Behaviour("enter", is_async=True),
    "pure_enter": Behaviour("enter", pure=True),
    "enter_tail": Behaviour("enter"),
    "loop": Behaviour("loop"),
    "later_loop": Behaviour("loop", is_async=True),
    "pure_loop": Behaviour("loop", pure=True),
    "loop_tail": Behaviour("loop"),
    "moody": Behaviour("moody"),
    "spin": Behaviour("spin"),
    "spin_tail": Behaviour("spin"),
}


class _Brief:
    """Prints as the call that makes it, defaults left out."""

    def __repr__(self) -> str:
        parts = []
        has_gap = False
        for field in fields(self):  # type: ignore[arg-type]  # all that derive are dataclasses
            value = getattr(self, field.name)
            if value == field.default and type(value) is type(field.default):
                has_gap = True
            else:
                parts.append(f"{field.name}={value!r}" if has_gap else repr(value))
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # Hypothesis would print all fields


# -- arguments: Literal, Ref and Box of `strategies.py`, and these --------------------------------


class Quoted(NamedTuple):
    """A value passed through ``quote``."""

    value: Any


class Labels(NamedTuple):
    """The labels of so many items of a map."""

    count: int


class Opaque:
    """A value without a stable encoding: calls that get one cannot be reused."""

    def __repr__(self) -> str:
        return "Opaque()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque)

    __hash__ = None  # type: ignore[assignment]  # nothing may key by it


# -- steps ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Retry(_Brief):
    """What ``with_retry`` is given."""

    max_attempts: int
    delay: float = 0.0
    backoff: float = 1.0


@dataclass(frozen=True, slots=True, repr=False)
class Options(_Brief):
    """The options of one step."""

    after: tuple[int, ...] = ()
    run_if: bool | Ref | None = None
    retry: Retry | None = None
    timeout: float | None = None
    cache: int | None = None
    """Which of the program's caches."""
    amounts: tuple[tuple[str, Any], ...] = ()
    """Constraints by name: literals or references."""

    def replaced_by(self, other: Options) -> Options:
        """What is left of these options when ``other`` are put on top: ``after`` adds."""
        return Options(
            self.after + other.after,
            self.run_if if other.run_if is None else other.run_if,
            other.retry or self.retry,
            other.timeout or self.timeout,
            self.cache if other.cache is None else other.cache,
            other.amounts or self.amounts,
        )


NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True, repr=False)
class Call(_Brief):
    """A call of one of ``TASKS``; ``again`` is the next iteration of the loop it stands in."""

    task: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    inner: tuple[Program, ...] = ()
    """The programs that it returns in place of a value."""
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True, repr=False)
class Map(_Brief):
    """A map of one of ``TASKS``: an iterable by keyword, ``at`` among them."""

    task: str
    iterables: tuple[tuple[str, Any], ...]
    inner: tuple[Program, ...] = ()
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True, repr=False)
class Select(_Brief):
    """A choice between routes."""

    selector: Any
    routes: tuple[tuple[Any, Any], ...]
    default: Any = None
    """An argument, or None for no default."""
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True, repr=False)
class Param(_Brief):
    """A parameter of the run."""

    name: str
    default: Any = None
    """An argument, or None for no default."""
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True, repr=False)
class Env(_Brief):
    """An environment variable."""

    name: str
    default: Any = None
    """An argument, or None for no default."""
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True, repr=False)
class Inject(_Brief):
    """A resource of the engine."""

    name: str
    options: Options = NO_OPTIONS


@dataclass(frozen=True, slots=True, repr=False)
class Variant(_Brief):
    """The lazy result of an earlier step, with more options: another call that looks equal.

    It always comes after that step, so that of two calls with one label one is always the first.
    """

    of: int
    options: Options


Step = Call | Map | Select | Param | Env | Inject | Variant
Program = tuple[Step, ...]


class Loop(NamedTuple):
    """What ``again`` in the program of an iteration goes on with."""

    task: str
    at: str
    inner: tuple[Program, ...]
    n: int
    """The number of the next iteration; they count down."""


# -- what build and reference agree on ------------------------------------------------------------


def plain_steps(program: Program) -> list[tuple[int, Any]]:
    """Each step without variants: the index of the step that it varies, and the whole of it."""
    plain: list[tuple[int, Any]] = []
    for index, step in enumerate(program):
        if isinstance(step, Variant):
            origin, varied = plain[step.of]
            options = varied.options.replaced_by(step.options)
            options = options.replaced_by(Options(after=(step.of,)))
            plain.append((origin, _with_options(varied, options)))
        else:
            plain.append((index, step))
    return plain


def _with_options(step: Any, options: Options) -> Any:
    values = {field.name: getattr(step, field.name) for field in fields(step)}
    return type(step)(**values | {"options": options})


def label_of(step: Call | Map, prefix: str, index: int) -> str:
    """The label of a step at ``index`` of the program whose labels begin with ``prefix``."""
    if TASKS[step.task].pure:
        options = step.options
        told = (step.inner, options.retry, options.timeout, options.cache)
        return f"p{zlib.crc32(repr(told).encode()):x}"
    return f"{prefix}{index}"


def item_labels(label: str, count: int, equal: bool) -> list[str]:
    """The labels of the items of a map; equal ones for pure items, so that these may be equal."""
    return [label if equal else f"{label}#{number}" for number in range(count)]


def inner_prefix(task: str, at: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """What the labels of a program inside a call begin with; calls of one label may be several."""
    return f"{at}({checksum(task, args, kwargs)})/" if TASKS[task].pure else f"{at}/"


def inner_number(n: int, count: int) -> int:
    """Which of so many programs iteration ``n`` of a loop is: for long the same, then by turns."""
    return (n // 3 if n > 5 else n) % count


def step_name(step: Step, loop: Loop | None = None) -> str:
    """What the engine's events call the step."""
    if isinstance(step, Call):
        return loop.task if loop is not None and step.task == "again" else step.task
    if isinstance(step, Map):
        return f"{step.task}.map"
    return {Select: "select", Param: "Param", Env: "Env", Inject: "inject"}[type(step)]


def _unchanged(value: Any) -> Any:
    return value


def fill(
    argument: Any,
    value_of: Callable[[int], Any],
    labels: Callable[[int], list[str]] | None = None,
    quote: Callable[[Any], Any] = _unchanged,
) -> Any:
    """The value of an argument.

    Args:
        argument: The argument.
        value_of: Gives the value of a step.
        labels: Gives so many labels; for maps.
        quote: What becomes of a quoted value.
    """
    if isinstance(argument, Literal):
        return argument.value
    if isinstance(argument, Ref):
        return value_of(argument.index)
    if isinstance(argument, Quoted):
        return quote(argument.value)
    if isinstance(argument, Labels):
        assert labels is not None, "only a map has labels"
        return labels(argument.count)
    members = [fill(member, value_of, labels, quote) for member in argument.members]
    if argument.kind == "point":
        return Point(*members)
    if argument.kind in ("dict", "OrderedDict"):
        items = zip(argument.keys, members, strict=True)
        return dict(items) if argument.kind == "dict" else OrderedDict(items)
    return list(members) if argument.kind == "list" else tuple(members)


def refs_in(arguments: Iterable[Any]) -> Iterator[int]:
    """The steps that arguments refer to, in order."""
    for argument in arguments:
        if isinstance(argument, Ref):
            yield argument.index
        elif isinstance(argument, Box):
            yield from refs_in(argument.members)


def source_refs(step: Step) -> Iterator[int]:
    """The steps whose values a step needs in any case: without them it is skipped."""
    yield from refs_in(_arguments(step))
    yield from refs_in([step.options.run_if])
    yield from refs_in(amount for _, amount in step.options.amounts)


def wait_refs(step: Step) -> Iterator[int]:
    """The steps that a step waits for; a chosen route comes later."""
    yield from source_refs(step)
    yield from step.options.after


def all_refs(step: Step) -> Iterator[int]:
    """The steps that a step may lead to, through every route."""
    yield from wait_refs(step)
    if isinstance(step, Select):
        yield from refs_in([*(route for _, route in step.routes), step.default])


def _arguments(step: Step) -> tuple[Any, ...]:
    if isinstance(step, Call):
        return (*step.args, *(argument for _, argument in step.kwargs))
    if isinstance(step, Map):
        return tuple(argument for _, argument in step.iterables)
    if isinstance(step, Select):
        return (step.selector,)
    return (step.default,) if isinstance(step, Param | Env) else ()
