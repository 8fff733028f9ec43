"""Measuring: contenders in turn, round by round, timed inside one event loop. PYTEST_DONT_REWRITE

``measurement`` is a generator: it asks for what has to be awaited by yielding it, and is sent what
came of it. So one measurement serves sync tests, which bring a loop along, and async ones, which
have theirs; and a factory is called outside any loop in a sync test, where it may run one itself.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, TypeAlias

from pytest_cascade.work.window import Window

from .results import Contender, Results, Round

Factory: TypeAlias = Callable[[int], Any]
Timing: TypeAlias = Coroutine[Any, Any, tuple[int, Any]]
"""To be awaited: nanoseconds, and the value."""

Measurement: TypeAlias = Generator[Timing, Any, Results]

LONG_ENOUGH_NS = 20_000_000
"""A round of so many nanoseconds is long enough for the clock, where no marker says how long."""

FIRST_GUESS = 100
MOST_ITERATIONS = 10_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much to measure."""

    iterations: int | None
    """The ``n`` of each round; None to find one that lasts long enough."""
    rounds: int
    """Measured rounds of each contender."""
    warmup: int
    """Rounds of each contender before, not counted."""


def measurement(
    factories: Mapping[str, Factory],
    run: Callable[[str, Any], Awaitable[Any]],
    window: Window,
    schedule: Schedule,
) -> Measurement:
    """Measure all contenders.

    Each round runs every contender once, beginning with another one than the round before. The
    garbage collector stays on and is run before each round, outside the clock.

    Args:
        factories: A function of n by name.
        run: Runs a lazy result on the engine of the contender named.
        window: Where the work of the test is counted.
        schedule: How much to measure.

    Yields:
        What is to be awaited.

    Returns:
        The measured rounds by contender.
    """
    asked = {}
    for name, factory in factories.items():
        asked[name] = schedule.iterations or (yield from _long_enough(name, factory, run))
    names = list(factories)
    for _ in range(schedule.warmup):
        for name in names:
            yield from _timed(name, factories[name], asked[name], run)
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    values: dict[str, Any] = {}
    for number in range(schedule.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            before = window.snapshot()
            gc.collect()
            duration_ns, values[name] = yield from _timed(name, factories[name], asked[name], run)
            work = window.snapshot() - before
            rounds[name].append(Round(asked[name], duration_ns, work))
    return Results({n: Contender(n, tuple(rounds[n]), values[n]) for n in names})


def _long_enough(
    name: str, factory: Factory, run: Callable[[str, Any], Awaitable[Any]]
) -> Generator[Timing, Any, int]:
    """Find how many iterations last long enough, when all that is done once has been done."""
    asked = FIRST_GUESS
    yield from _timed(name, factory, asked, run)
    while asked < MOST_ITERATIONS:
        duration_ns, _ = yield from _timed(name, factory, asked, run)
        if duration_ns >= LONG_ENOUGH_NS:
            break
        asked = int(asked * min(10, max(1.2 * LONG_ENOUGH_NS / max(duration_ns, 1), 1.5)))
    return min(asked, MOST_ITERATIONS)


def _timed(
    name: str, factory: Factory, asked: int, run: Callable[[str, Any], Awaitable[Any]]
) -> Generator[Timing, Any, tuple[int, Any]]:
    """Time one round: the call of the factory, and what it takes to get the value."""
    from cascade_core import LazyResult

    started_ns = perf_counter_ns()
    made = factory(asked)
    if callable(made) and not inspect.isawaitable(made):
        made = made()
    called_ns = perf_counter_ns() - started_ns
    if isinstance(made, LazyResult):
        made = run(name, made)
    if not inspect.isawaitable(made):
        return called_ns, made
    awaited_ns, value = yield _awaited(made)
    return called_ns + awaited_ns, value


async def _awaited(made: Awaitable[Any]) -> tuple[int, Any]:
    started_ns = perf_counter_ns()
    value = await made
    return perf_counter_ns() - started_ns, value


def drive(measurement: Measurement) -> Results:
    """Carry out a measurement where no event loop runs, with one of its own."""
    reply = None
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        while True:
            try:
                asked = measurement.send(reply)
            except StopIteration as stop:
                return _results(stop)
            reply = runner.run(asked)


async def drive_async(measurement: Measurement) -> Results:
    """Carry out a measurement on the event loop that runs."""
    reply = None
    while True:
        try:
            asked = measurement.send(reply)
        except StopIteration as stop:
            return _results(stop)
        reply = await asked


def _results(stop: StopIteration) -> Results:
    results: Results = stop.value
    return results
