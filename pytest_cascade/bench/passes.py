"""One pass of a factory: carried out with an instrument beside it. PYTEST_DONT_REWRITE

A pass is a generator: it asks for what has to be awaited by yielding it, and is sent what came of
it. So one pass serves sync tests, which bring a loop along, and async ones, which have theirs; and
a factory is called outside any loop in a sync test, where it may run one itself.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Protocol, TypeAlias, TypeVar, cast

T = TypeVar("T")

Factory: TypeAlias = Callable[[int], Any]
"""A function of n, the number of iterations asked for."""

Pass: TypeAlias = Generator[Coroutine[Any, Any, Any], Any, T]
"""Yields what is to be awaited, is sent what that came to, and returns T."""


class Instrument(Protocol):
    """Looks at what a pass does: between ``start`` and ``stop``, more than once a pass."""

    def start(self) -> None:
        """The work goes on from here."""

    def stop(self) -> None:
        """The work came to a halt."""


class Stopwatch:
    """Takes the time, in nanoseconds."""

    __slots__ = ("_started_ns", "duration_ns")

    def __init__(self) -> None:
        self.duration_ns = 0

    def start(self) -> None:
        """Start the clock."""
        self._started_ns = perf_counter_ns()

    def stop(self) -> None:
        """Stop the clock, and keep what it says."""
        self.duration_ns += perf_counter_ns() - self._started_ns


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contender before it is measured."""

    name: str
    """The keyword it was given as."""
    factory: Factory
    """What is measured."""
    run: Callable[[Any], Awaitable[Any]]
    """Runs a lazy result on the engine that this contender keeps."""


def carry_out(entrant: Entrant, asked: int, instrument: Instrument) -> Pass[Any]:
    """Call a factory and do what it takes to get the value, with an instrument beside it.

    Args:
        entrant: Whose factory.
        asked: Its n.
        instrument: Started and stopped around the call, and, inside one coroutine, around what is
            awaited.

    Returns:
        The value.
    """
    from cascade_core import LazyResult

    instrument.start()
    try:
        made = entrant.factory(asked)
    finally:
        instrument.stop()
    if callable(made) and not inspect.isawaitable(made):
        instrument.start()
        try:
            made = made()
        finally:
            instrument.stop()
    if isinstance(made, LazyResult):
        made = entrant.run(made)
    if not inspect.isawaitable(made):
        return made
    return (yield _awaited(made, instrument))


async def _awaited(made: Awaitable[T], instrument: Instrument) -> T:
    instrument.start()
    try:
        return await made
    finally:
        instrument.stop()


def drive(what: Pass[T]) -> T:
    """Carry out passes where no event loop runs, with one loop for all of them."""
    __tracebackhide__ = True
    with (
        closing(what),
        asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner,
    ):
        reply = None
        while True:
            try:
                asked = what.send(reply)
            except StopIteration as stop:
                return cast(T, stop.value)
            reply = runner.run(asked)


async def drive_async(what: Pass[T]) -> T:
    """Carry out passes on the event loop that runs."""
    __tracebackhide__ = True
    with closing(what):
        reply = None
        while True:
            try:
                asked = what.send(reply)
            except StopIteration as stop:
                return cast(T, stop.value)
            reply = await asked
