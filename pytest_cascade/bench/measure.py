"""Measuring: contenders in turn, round by round, until all that is claimed is clear.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import cProfile
import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, TypeAlias

from pytest_cascade.work.record import WorkRecord

from .passes import Entrant, Pass, Stopwatch, carry_out
from .results import Contender, Round
from .values import ValueCheck

LONG_ENOUGH_NS: Final = 10_000_000
"""A round of so many nanoseconds is long enough for the clock, where no marker says how long."""

IGNORES_N: Final = 1_000_000
"""A factory that takes no longer for so many iterations than for one does not iterate at all."""

MOST_ITERATIONS: Final = 10_000_000

Records: TypeAlias = Mapping[str, WorkRecord]
"""What engines did, by engine."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much to measure."""

    iterations: int | None
    """The ``n`` of each round; None to find one that lasts long enough."""
    rounds: int
    """Measured rounds of each contender at least."""
    warmup: int
    """Rounds of each contender before, not counted."""
    looks: int = 1
    """At so many moments at most it is asked whether the rounds suffice."""
    max_time_s: float = 0.0
    """Rounds are added for so long at most, in seconds since the first one began."""
    disable_gc: bool = False
    """Whether the garbage collector is off in measured rounds."""
    is_timed: bool = True
    """Whether the time matters: then tracers and profilers pause in measured rounds."""


class Progress:
    """Told how far a measurement is; this one keeps it to itself."""

    def show(self, done: int, planned: int, seconds_left: float) -> None:
        """So many rounds are done of those that are planned for now."""

    def clear(self) -> None:
        """The measurement has ended."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """All it takes to measure some contenders."""

    entrants: Sequence[Entrant]
    """Who is measured, in the order they were given."""
    schedule: Schedule
    """How much."""
    counted: Callable[[], Records]
    """Reads what engines did so far."""
    engine: str
    """The engine whose iterations count."""
    values: ValueCheck
    """Holds the value of each round against the right one."""
    suffices: Callable[[Mapping[str, Contender]], bool]
    """Asked at each look whether the rounds so far are enough."""
    progress: Progress
    """Told how far it is."""

    def passes(self) -> Pass[dict[str, Contender]]:
        """Measure: choose the iterations, warm up, then run round by round.

        Each round runs every contender once, beginning with another one than the round before.

        Yields:
            What is to be awaited.

        Returns:
            The measured rounds by contender.

        Raises:
            UnexpectedValue: a round came to another value than it should.
        """
        asked = {}
        for each in self.entrants:
            asked[each.name] = self.schedule.iterations or (yield from long_enough(each))
        for number in range(1, self.schedule.warmup + 1):
            for each in self.entrants:
                value = yield from carry_out(each, asked[each.name], Stopwatch())
                self.values.check(each.name, f"warm-up round {number}", value)
        try:
            return (yield from self._rounds(asked))
        finally:
            self.progress.clear()

    def _rounds(self, asked: Mapping[str, int]) -> Pass[dict[str, Contender]]:
        schedule = self.schedule
        rounds: dict[str, list[Round]] = {each.name: [] for each in self.entrants}
        values: dict[str, Any] = {}
        started, planned, done = perf_counter(), schedule.rounds, 0
        for _ in range(schedule.looks):
            while done < planned:
                elapsed = perf_counter() - started
                if done >= schedule.rounds and elapsed >= schedule.max_time_s:
                    break
                self.progress.show(done, planned, self._seconds_left(done, planned, elapsed))
                yield from self._round(done, asked, rounds, values)
                done += 1
            found = {name: Contender(name, tuple(rounds[name]), values[name]) for name in rounds}
            is_late = perf_counter() - started >= schedule.max_time_s
            if self.suffices(found) or is_late:
                break
            planned *= 2
        return found

    def _round(
        self,
        number: int,
        asked: Mapping[str, int],
        rounds: Mapping[str, list[Round]],
        values: dict[str, Any],
    ) -> Pass[None]:
        first = number % len(self.entrants)
        for each in (*self.entrants[first:], *self.entrants[:first]):
            before, stopwatch = self.counted(), Stopwatch()
            with undisturbed(self.schedule):
                value = yield from carry_out(each, asked[each.name], stopwatch)
            work = difference(self.counted(), before)
            self.values.check(each.name, f"round {number + 1}", value)
            values[each.name] = value
            made = Round(asked[each.name], stopwatch.duration_ns, work, self.engine)
            rounds[each.name].append(made)

    def _seconds_left(self, done: int, planned: int, elapsed: float) -> float:
        """Guess from the rounds so far; 0 while there are none."""
        left = elapsed / done * (planned - done) if done else 0.0
        if done < self.schedule.rounds:
            return left
        return min(left, max(self.schedule.max_time_s - elapsed, 0.0))


def long_enough(entrant: Entrant) -> Pass[int]:
    """Find how many iterations last long enough, when all that is done once has been done.

    Returns:
        The ``n``; 1 for a factory that takes no longer if it is asked for more.
    """
    yield from _timed(entrant, 1)
    asked = 1
    duration_ns = for_one_ns = yield from _timed(entrant, 1)
    while duration_ns < LONG_ENOUGH_NS:
        if asked >= IGNORES_N and duration_ns < 1.5 * for_one_ns:
            return 1
        if asked >= MOST_ITERATIONS:
            break
        growth = min(10, max(1.2 * LONG_ENOUGH_NS / max(duration_ns, 1), 1.5))
        asked = min(MOST_ITERATIONS, int(asked * growth) + 1)
        duration_ns = yield from _timed(entrant, asked)
        if duration_ns >= LONG_ENOUGH_NS:  # once more, for something else may have been in the way
            duration_ns = min(duration_ns, (yield from _timed(entrant, asked)))
    return asked


def _timed(entrant: Entrant, asked: int) -> Pass[int]:
    stopwatch = Stopwatch()
    yield from carry_out(entrant, asked, stopwatch)
    return stopwatch.duration_ns


def difference(after: Records, before: Records) -> Records:
    """What engines did between two moments, by engine; those that did nothing are not there."""
    records = {
        engine: record - before[engine] if engine in before else record
        for engine, record in after.items()
    }
    return {engine: record for engine, record in records.items() if record.any_ran}


@contextmanager
def undisturbed(schedule: Schedule) -> Iterator[None]:
    """Treat the garbage collector, tracers and profilers as pytest-benchmark treats them.

    The collector stays as it is, or is off if the user wants it; a tracer such as a debugger's or
    that of coverage pauses.
    """
    tracer, profiler, collects = sys.gettrace(), sys.getprofile(), gc.isenabled()
    if schedule.is_timed:
        _set(None, None)
    if schedule.disable_gc:
        gc.disable()
    try:
        yield
    finally:
        if schedule.is_timed:
            _set(tracer, profiler)
        if collects:
            gc.enable()


def _set(tracer: Any, profiler: Any) -> None:
    sys.settrace(tracer)
    set_profiler(profiler)


def set_profiler(profiler: Any) -> None:
    """Have a profiler go on; one of ``cProfile`` is no function, and is switched on instead."""
    if isinstance(profiler, cProfile.Profile):
        profiler.enable()
    else:
        sys.setprofile(profiler)
