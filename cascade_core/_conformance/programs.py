"""Programs that executors run; what they come to is what ``LocalExecutor`` makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cascade_core._conformance import tasks
from cascade_core._conformance.graphs import OPTIONS, SMALL, Sample, random_samples
from cascade_core._conformance.tasks import on
from cascade_core.define.lazy import LazyResult
from cascade_core.define.task import RunOn


class Program(NamedTuple):
    """A lazy result that can be made for each place."""

    name: str
    """What it is, for messages."""
    make: Callable[[RunOn], LazyResult[Any]]
    """Makes it anew, its tasks at a place."""


def _nothing(place: RunOn) -> LazyResult[Any]:
    echo, echo_later = on(place, tasks.echo), on(place, tasks.echo_later)
    return on(place, tasks.collect)(echo(None), echo_later(None), None)


def _mixed(place: RunOn) -> LazyResult[Any]:
    echo = on(place, tasks.echo)
    return on(place, tasks.collect_later)(1, echo(2), 3, k=echo(4), m=5, n=echo(6))


def _mixed_again(place: RunOn) -> LazyResult[Any]:
    echo = on(place, tasks.echo)
    return on(place, tasks.collect_later)(6, echo(5), 4, k=echo(3), m=2, n=echo(1))


def _in_containers(place: RunOn) -> LazyResult[Any]:
    echo, echo_later = on(place, tasks.echo), on(place, tasks.echo_later)
    return on(place, tasks.collect)([1, echo(2)], {"k": (echo_later(3), 4)}, (5,))


def _many(place: RunOn) -> LazyResult[Any]:
    return on(place, tasks.collect)(*[on(place, tasks.echo_later)(n) for n in range(10)])


def _two_places(place: RunOn) -> LazyResult[Any]:
    return on("local", tasks.collect)(on(place, tasks.echo)(on("local", tasks.echo)(1)))


def _loop(place: RunOn) -> LazyResult[Any]:
    return on("local", tasks.countdown)(20, on("local", tasks.echo)(None))


def _loop_of_tail_calls(place: RunOn) -> LazyResult[Any]:
    return on("local", tasks.countdown_tail)(20)


def _inner_calls(place: RunOn) -> LazyResult[Any]:
    expand = on("local", tasks.expand)
    return on("local", tasks.collect)(expand(1), 2, k=expand(None))


def _of_known_value(sample: Sample) -> Program:
    return Program(sample.name, lambda place: sample.make().lazy)


PLACED = (
    Program("None all the way", _nothing),
    Program("data and values, by position and name", _mixed),
    Program("the same with other data", _mixed_again),
    Program("values inside containers", _in_containers),
    Program("ten async tasks", _many),
    Program("a local task, one elsewhere, a local one", _two_places),
)
"""One graph each, for every place."""

LOCAL = tuple(map(_of_known_value, (*SMALL, *random_samples(3, 12))))
"""One graph each, of local tasks whatever the place."""

OPTIONAL = tuple(map(_of_known_value, OPTIONS))
"""Graphs with options and inputs, of local tasks."""

LOOPS = (
    Program("a loop", _loop),
    Program("a loop of tail calls", _loop_of_tail_calls),
)
"""Their target returns calls."""

NESTED = Program("calls that give calls", _inner_calls)
"""Nodes other than the target return calls."""
