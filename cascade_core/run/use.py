"""What one run makes of one plan: how often it uses it, and how far it is in it.

Programs and loops count here and tell from here; ``stats.py`` reads what follows from it.
"""

from __future__ import annotations

import sys
from itertools import repeat
from operator import length_hint
from time import perf_counter_ns
from types import CoroutineType
from typing import TYPE_CHECKING, Any, final

from cascade_core.define.lazy import BoundCall
from cascade_core.events import PlanReused, TaskFinished, TaskStarted
from cascade_core.graph.model import Node
from cascade_core.plan.cache import CachedPlan
from cascade_core.run.notes import note_origin, status_of
from cascade_core.vm.blueprint import Blueprint
from cascade_core.vm.machine import UNFINISHED, is_finished
from cascade_core.vm.steps import Registers

if TYPE_CHECKING:
    from cascade_core.run.record import Run

_MOST = sys.maxsize
"""Ticks of a use: it never ends."""


@final
class Use:
    """The use that one run makes of one plan, on the graph path or on the VM.

    Attributes:
        run: The run.
        plan: The plan.
        on_vm: Whether its iterations are those of the VM, which are no lookups.
        cache: Where it was found.
        bus: Where it is heard.
        time_slice: When the run is to yield.
        ticks: An iteration begins by taking one. A program's loop takes them as it goes round,
            which counts without a line of code.
        refused: Ticks that were taken back.
        inner: Sub-graphs; a lookup each.
        entered: Lookups of the VM.
        misses: Lookups of all these that missed.
        stepwise: Frames that ran node by node; their executions were counted as they began.
        rank: How far the frame has come that runs straight through: the rank of the latest node
            that has begun. That of the last node while none runs.
        registers: Those of a frame that its program stopped in.
        started_ns: When the latest node began, if somebody heard that and it has not ended.
    """

    __slots__ = (
        "_names",
        "_reused",
        "_starts",
        "bus",
        "cache",
        "entered",
        "inner",
        "misses",
        "on_vm",
        "plan",
        "rank",
        "refused",
        "registers",
        "run",
        "started_ns",
        "stepwise",
        "ticks",
        "time_slice",
    )

    def __init__(self, run: Run, plan: CachedPlan, on_vm: bool) -> None:
        self.run = run
        self.plan = plan
        self.on_vm = on_vm
        self.cache = run.engine.plan_cache
        self.bus = run.engine.bus
        self.time_slice = run.time_slice
        self.ticks = repeat(None, _MOST)
        self.refused = 0
        self.inner = 0
        self.entered = 0
        self.misses = 0
        self.stepwise = 0
        self.rank = plan.blueprint.last
        self.registers: Registers = []
        self.started_ns: int | None = None
        self._names: list[tuple[str, Node]] = []
        self._starts: list[TaskStarted] = []
        self._reused = PlanReused(run)

    @property
    def iterations(self) -> int:
        """Iterations of the run that began with this plan."""
        return _MOST - length_hint(self.ticks) - self.refused

    @property
    def hits(self) -> int:
        """Lookups that found the plan."""
        iterations = 0 if self.on_vm else self.iterations
        return iterations + self.inner + self.entered - self.misses

    def refuse(self, target: BoundCall[Any]) -> BoundCall[Any]:
        """Take back the latest tick: the plan is not for that target."""
        self.refused += 1
        return target

    def tell_reuse(self) -> None:
        """Tell that the plan was found once more."""
        self.bus.publish(self._reused)

    def begin(self, rank: int) -> None:
        """Note that the task of a node is about to be called, and tell it if somebody listens."""
        self.rank = rank
        bus = self.bus
        if bus.listening:
            self.started_ns = perf_counter_ns()
            bus.publish((self._starts or self._make_starts())[rank])

    def end(self, result: Any) -> None:
        """Tell that the call gave a result, if its beginning was told.

        A coroutine is no end: whoever awaits it takes over ``started_ns``.
        """
        started_ns = self.started_ns
        if started_ns is not None and type(result) is not CoroutineType:
            self.started_ns = None
            name, node = self._names[self.rank]
            duration_ns = perf_counter_ns() - started_ns
            self.bus.publish(TaskFinished(self.run, name, node, "ok", 1, duration_ns))

    def fail(self, error: BaseException) -> None:
        """Note where an error came from, and tell that the call ended with it, likewise."""
        if isinstance(error, Exception):
            note_origin(error, self.plan.blueprint, self.rank)
        if self.started_ns is not None:
            name, node = self._names[self.rank]
            duration_ns = perf_counter_ns() - self.started_ns
            self.started_ns = None
            status = status_of(error)
            self.bus.publish(TaskFinished(self.run, name, node, status, 1, duration_ns))

    def _make_starts(self) -> list[TaskStarted]:
        """What is told of each node that begins, by rank: the same in every iteration."""
        nodes = [self.plan.blueprint.node(rank) for rank in range(self.plan.blueprint.last + 1)]
        self._names = [(node.name, node) for node in nodes]
        self._starts = [TaskStarted(self.run, name, node) for name, node in self._names]
        return self._starts


def execute_heard(
    blueprint: Blueprint, registers: Registers, use: Use, first: int, stop: int
) -> bool:
    """Run nodes as ``execute`` does, each of them told of."""
    for rank in range(first, stop):
        use.begin(rank)
        args, kwargs = blueprint.arguments(rank, registers)
        result = blueprint.task(rank).fn(*args, **kwargs)
        use.end(result)
        registers[blueprint.order[rank]] = result
        if type(result) in UNFINISHED:
            return is_finished(blueprint, rank, result)
    return True
