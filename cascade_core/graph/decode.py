"""Decoding a plan key: the one place that knows how to read what ``reading.py`` wrote.

Graphs, blueprints, digests and differences are all made from the decoded calls. Most calls of most
graphs are plain, and all there is to say of those is where their arguments come from; so a graph of
many nodes is decoded to *rows*, which are that and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from cascade_core.define.options import OptionShape
from cascade_core.define.task import TaskIdentity
from cascade_core.graph.containers import Again, Shape
from cascade_core.graph.tokens import DATA, NEW, Key

Part: TypeAlias = "int | Shape | Again"
"""A source, or what to do with the sources before it."""

Argument: TypeAlias = "int | tuple[Part, ...]"
"""Where an argument comes from.

An int >= 0 is the call of that number; ``~i`` (negative) is the i-th value of the inputs. A tuple
is a container with lazy results inside, in post-order: sources, then the ``Shape`` that takes the
last ``size`` of them; ``Again(n)`` is the container once more that the n-th ``Shape`` made.
"""


class OptionSources(NamedTuple):
    """Where a call's options come from: sources as in ``Argument``; absent ones None or empty."""

    after: tuple[int, ...] = ()
    condition: int | None = None
    constraints: tuple[tuple[str, int], ...] = ()
    retry: int | None = None
    timeout: int | None = None
    cache: int | None = None

    def labelled(self) -> Iterator[tuple[str, int]]:
        """Each option that is present, as code begins it, with its source."""
        if self.condition is not None:
            yield ".run_if(", self.condition
        for index, source in enumerate(self.after):
            yield ".after(" if len(self.after) == 1 else f".after[{index}](", source
        yield from ((f".with_constraints({name}=", source) for name, source in self.constraints)
        for option in ("retry", "timeout", "cache"):
            source = getattr(self, option)
            if source is not None:
                yield f".with_{option}(", source

    def sources(self) -> Iterator[int]:
        """The numbers of the calls that the options depend on."""
        return (source for _, source in self.labelled() if source >= 0)


NO_OPTION_SOURCES = OptionSources()


class Call(NamedTuple):
    """One call of a structure: its task and where its arguments and options come from."""

    identity: TaskIdentity
    args: tuple[Argument, ...]
    kwargs: tuple[tuple[str, Argument], ...]
    options: OptionSources = NO_OPTION_SOURCES

    def arguments(self) -> Iterator[tuple[str, Argument]]:
        """Each argument with its label: the parameter's name, ``xs[2]`` behind a ``*xs``."""
        label = self.identity.parameters.label
        for index, argument in enumerate(self.args):
            yield label(index), argument
        yield from self.kwargs

    def parts(self) -> Iterator[int]:
        """What the arguments are made of, calls and data slots, in order, with repetitions."""
        for _, argument in self.arguments():
            yield from parts_of(argument)

    def sources(self) -> Iterator[int]:
        """The numbers of the calls this one depends on, in order, repeated where used twice."""
        yield from (part for part in self.parts() if part >= 0)
        yield from self.options.sources()

    def firm_sources(self) -> Iterator[int]:
        """The same without those that are for a route: what has to be done to choose among them."""
        if self.identity.kind != "select":
            yield from self.sources()
            return
        yield from (part for part in parts_of(self.args[0]) if part >= 0)
        yield from self.options.sources()


def parts_of(argument: Argument) -> Iterator[int]:
    """What one argument is made of: calls and data slots, in order, repeated if used twice."""
    if isinstance(argument, int):
        yield argument
    else:
        yield from (part for part in argument if isinstance(part, int))


Row: TypeAlias = "tuple[int, ...] | Call"
"""One call: its sources, if it is plain (no keywords, containers or options); else all of it."""


class Decoded(NamedTuple):
    """What a key says."""

    identities: list[TaskIdentity]
    """The task of each call by number; the first is the target's."""
    rows: list[Row]
    """All else of each call."""
    dependencies: list[tuple[int, ...]]
    """The calls that each call depends on, each once, in order."""
    has_containers: bool
    has_options: bool


def decode(key: Key) -> Decoded:
    """Read a key.

    Cost: linear in its length.
    """
    identities: list[TaskIdentity] = []
    rows: list[Row] = []
    dependencies: list[tuple[int, ...]] = []
    args: list[Any] = []  # of the latest call, if it has neither keywords nor options
    is_open = is_plain = has_containers = has_options = False
    has_data = has_again = False  # among these arguments
    slots = 0
    numbers = first = 1  # of the next new call, and of the next one when these arguments began

    def source(token: int) -> int:
        nonlocal slots, numbers
        if token == DATA:
            slots += 1
            return -slots
        if token == NEW:
            numbers += 1
            return numbers - 1
        return token

    def add(row: Row) -> None:
        rows.append(row)
        dependencies.append(_dependencies(row))

    def close() -> None:
        if is_open:
            add(tuple(args) if is_plain else Call(identities[-1], tuple(args), ()))

    tokens = iter(key)
    for token in tokens:
        kind = type(token)
        if kind is int:
            if token == DATA:  # `source`, written out: most tokens come here
                slots += 1
                args.append(-slots)
                has_data = True
            elif token == NEW:
                args.append(numbers)
                numbers += 1
            else:
                args.append(token)
                has_again = True
        elif kind is TaskIdentity and is_plain and token.is_plain:
            row = tuple(args)  # `close`, written out: and most calls here
            rows.append(row)
            if numbers == first and not has_again:
                dependencies.append(())
            elif has_data or (has_again and len(set(row)) < len(row)):
                dependencies.append(_dependencies(row))
            else:
                dependencies.append(row)
            identities.append(token)
            args, first, has_data, has_again = [], numbers, False, False
        elif kind is Shape:
            args.append(_container(token, tokens, source))
            has_containers, is_plain = True, False
        else:
            close()
            shape = token if kind is OptionShape else None
            has_options |= shape is not None
            identity: TaskIdentity = token if shape is None else next(tokens)
            identities.append(identity)
            args, first, has_data, has_again = [], numbers, False, False
            is_open = is_plain = shape is None and not identity.has_keywords
            if not is_open:
                call = _call(identity, shape, tokens, source)
                has_containers |= any(type(argument) is tuple for _, argument in call.arguments())
                add(call)
            elif identity.parameters.var_positional is not None:
                next(tokens)  # how many arguments there are, the next call tells
    close()
    return Decoded(identities, rows, dependencies, has_containers, has_options)


def _dependencies(row: Row) -> tuple[int, ...]:
    sources = row.sources() if isinstance(row, Call) else row
    return tuple(dict.fromkeys([source for source in sources if source >= 0]))


def decode_calls(key: Key) -> list[Call]:
    """The calls of a structure by number; the first is the target."""
    decoded = decode(key)
    return [
        row if isinstance(row, Call) else Call(identity, row, ())
        for identity, row in zip(decoded.identities, decoded.rows, strict=True)
    ]


def _call(
    identity: TaskIdentity,
    shape: OptionShape | None,
    tokens: Iterator[Any],
    source: Callable[[int], int],
) -> Call:
    """Read the rest of a call that has keywords or options."""

    def argument() -> Argument:
        token = next(tokens)
        return source(token) if type(token) is int else _container(token, tokens, source)

    parameters = identity.parameters
    names = parameters.keyword_only
    size = len(parameters.positional)
    if parameters.var_positional is not None:
        size = next(tokens)
    if parameters.var_keyword is not None:
        names += next(tokens)
    args = tuple([argument() for _ in range(size)])
    kwargs = tuple([(name, argument()) for name in names])
    options = NO_OPTION_SOURCES if shape is None else _options(shape, tokens, source)
    return Call(identity, args, kwargs, options)


def _options(
    shape: OptionShape, tokens: Iterator[Any], source: Callable[[int], int]
) -> OptionSources:
    """The sources of the options, in the order of ``Options.values``."""
    condition = source(next(tokens)) if shape.has_condition else None
    after = tuple([source(next(tokens)) for _ in range(shape.after)])
    amounts = tuple([(name, source(next(tokens))) for name in shape.constraints])
    retry, timeout, cache = (
        source(next(tokens)) if is_present else None
        for is_present in (shape.has_retry, shape.has_timeout, shape.has_cache)
    )
    return OptionSources(after, condition, amounts, retry, timeout, cache)


def _container(
    shape: Shape, tokens: Iterator[Any], source: Callable[[int], int]
) -> tuple[Part, ...]:
    """Turn the pre-order of the key into post-order."""
    parts: list[Part] = []
    opened = [shape]
    path = [0]  # indexes into `opened`
    missing = [shape.size]
    made: dict[int, int] = {}  # opened as number -> made as number
    while path:
        if missing[-1] == 0:
            missing.pop()
            number = path.pop()
            made[number] = len(made)
            parts.append(opened[number])
            continue
        missing[-1] -= 1
        token = next(tokens)
        if isinstance(token, Shape):
            path.append(len(opened))
            opened.append(token)
            missing.append(token.size)
        elif isinstance(token, Again):
            parts.append(Again(made[token.number]))
        else:
            parts.append(source(token))
    return tuple(parts)
