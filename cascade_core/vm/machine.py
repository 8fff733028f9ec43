"""The machine: runs the nodes of a blueprint straight through.

It knows nothing of events or the event loop. It stops by itself where it cannot go on: at a result
that is not a value yet.
"""

from __future__ import annotations

from types import CoroutineType
from typing import Any, Final, NamedTuple, Protocol

from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.vm.blueprint import Blueprint
from cascade_core.vm.steps import Registers

UNFINISHED = frozenset({LazyResult, TailCall, CoroutineType})
"""Types of results that have to be run or awaited before they are values."""

STOPPED: Final = object()
"""What a program returns that came to a result which is no value yet, or to the end of its time
slice amid a frame; the frame is in ``use.registers``."""


class Flavour(NamedTuple):
    """What a program is for: one plan may have one of each."""

    on_vm: bool
    """Whether targets are the tail calls of the VM, which are no lookups."""
    is_heard: bool
    """Whether somebody listens, so that each call is told of."""


class Progress(Protocol):
    """How far a frame has come."""

    rank: int
    """The rank of the latest node that has begun."""


def execute(
    blueprint: Blueprint, registers: Registers, progress: Progress, first: int, stop: int
) -> bool:
    """Run nodes in plan order, and put the result of each in its register.

    Args:
        blueprint: Its tasks are called.
        registers: The frame; the results of all nodes before the first are in it.
        progress: Is told of each node before its task is called.
        first: The rank of the first node to run.
        stop: The rank after the last one.

    Returns:
        Whether all of them have run; else the latest result is UNFINISHED.
    """
    tasks, rows, order = blueprint.graph.tasks, blueprint.rows, blueprint.order
    result: Any = None
    for rank in range(first, stop):
        position = order[rank]
        row: Any = rows[position]
        fn = tasks[position].fn
        progress.rank = rank
        if type(row) is tuple:
            if len(row) == 1:
                result = fn(registers[row[0]])
            elif len(row) == 3:
                a, b, c = row
                result = fn(registers[a], registers[b], registers[c])
            elif len(row) == 2:
                a, b = row
                result = fn(registers[a], registers[b])
            else:
                result = fn(*[registers[source] for source in row])
        else:
            args, kwargs = blueprint.arguments(rank, registers)
            result = fn(*args, **kwargs)
        registers[position] = result
        if type(result) in UNFINISHED:
            return is_finished(blueprint, rank, result)
    return True


def is_finished(blueprint: Blueprint, rank: int, result: Any) -> bool:
    """Whether a result ends its frame: the target may return a call, but not a coroutine."""
    return rank == blueprint.last and type(result) is not CoroutineType
