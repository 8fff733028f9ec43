"""The machine: runs the instructions of a blueprint straight through.

It knows nothing of events, counters or the event loop. It stops by itself where it cannot go on:
at a result that is not a value yet.
"""

from __future__ import annotations

from types import CoroutineType

from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.vm.blueprint import GATHER, Instruction
from cascade_core.vm.steps import Registers

UNFINISHED = frozenset({LazyResult, TailCall, CoroutineType})
"""Types of results that have to be run or awaited before they are values."""


def execute(instructions: tuple[Instruction, ...], registers: Registers) -> None:
    """Run instructions in order, appending each result to the registers.

    Stops after the first result whose type is UNFINISHED; that result is then the last register.
    An exception of a task leaves the results before it in the registers.

    Args:
        instructions: A run of consecutive instructions of one blueprint.
        registers: The frame so far: inputs, and the results of all instructions before these.
    """
    push = registers.append
    for fn, mode, first, second in instructions:
        if mode == 1:
            result = fn(registers[first])
        elif mode == 2:
            result = fn(registers[first], registers[second])
        elif mode == 0:
            result = fn()
        elif mode == GATHER:
            result = fn(*[registers[register] for register in first])
        else:
            args, kwargs = first(registers)
            result = fn(*args, **kwargs)
        push(result)
        if type(result) in UNFINISHED:
            return
