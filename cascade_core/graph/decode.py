"""Decoding a plan key: the one place that knows how to read what ``reading.py`` wrote.

Graphs, blueprints, digests and differences are all made from the decoded calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Call:
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


def decode(key: Key) -> list[Call]:
    """The calls of a structure by number; the first is the target.

    Cost: linear in the length of the key.
    """
    decoder = _Decoder(key)
    calls = []
    while not decoder.at_end():
        calls.append(decoder.call())
    return calls


class _Decoder:
    def __init__(self, key: Key) -> None:
        self._key = key
        self._position = 0
        self._slots = 0
        self._numbers = 1

    def at_end(self) -> bool:
        return self._position == len(self._key)

    def _next(self) -> Any:
        token = self._key[self._position]
        self._position += 1
        return token

    def call(self) -> Call:
        token = self._next()
        shape = token if isinstance(token, OptionShape) else None
        identity: TaskIdentity = token if shape is None else self._next()
        parameters = identity.parameters
        size = len(parameters.positional)
        if parameters.var_positional is not None:
            size = self._next()
        names = parameters.keyword_only
        if parameters.var_keyword is not None:
            names += self._next()
        args = tuple([self._argument() for _ in range(size)])
        kwargs = tuple([(name, self._argument()) for name in names])
        options = NO_OPTION_SOURCES if shape is None else self._options(shape)
        return Call(identity, args, kwargs, options)

    def _options(self, shape: OptionShape) -> OptionSources:
        """The sources of the options, in the order of ``Options.values``."""
        condition = self._source(self._next()) if shape.has_condition else None
        after = tuple([self._source(self._next()) for _ in range(shape.after)])
        amounts = tuple([(name, self._source(self._next())) for name in shape.constraints])
        retry, timeout, cache = (
            self._source(self._next()) if is_present else None
            for is_present in (shape.has_retry, shape.has_timeout, shape.has_cache)
        )
        return OptionSources(after, condition, amounts, retry, timeout, cache)

    def _argument(self) -> Argument:
        token = self._next()
        if isinstance(token, int):
            return self._source(token)
        return self._container(token)

    def _source(self, token: int) -> int:
        if token == DATA:
            self._slots += 1
            return -self._slots
        if token == NEW:
            self._numbers += 1
            return self._numbers - 1
        return token

    def _container(self, shape: Shape) -> tuple[Part, ...]:
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
            token = self._next()
            if isinstance(token, Shape):
                path.append(len(opened))
                opened.append(token)
                missing.append(token.size)
            elif isinstance(token, Again):
                parts.append(Again(made[token.number]))
            else:
                parts.append(self._source(token))
        return tuple(parts)
