"""Counting. The words are those of the README's "How counting works".

Hot loops pay one addition per iteration: a run counts how often it *used* each plan (``Use``), and
everything else follows from the plan when somebody reads. What does not follow is added up in a
``Tally``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import repeat
from operator import length_hint
from typing import TYPE_CHECKING, Any, final

from cascade_core.define.lazy import BoundCall
from cascade_core.plan.cache import CachedPlan
from cascade_core.run.slice import TimeSlice
from cascade_core.vm.steps import Registers

if TYPE_CHECKING:
    from cascade_core.run.engine import Engine


@dataclass(slots=True)
class Tally:
    """Plain numbers, to add up."""

    runs: int = 0
    iterations: int = 0
    hits: int = 0
    misses: int = 0
    evictions: int = 0
    resolves: int = 0
    builds: int = 0
    reuses: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    """Executions by task name."""
    repeats: Counter[str] = field(default_factory=Counter)
    """Attempts beyond the first of each execution, by task name."""

    @property
    def lookups(self) -> int:
        """Hits and misses."""
        return self.hits + self.misses

    @property
    def executions(self) -> int:
        """Over all tasks."""
        return self.tasks.total()

    @property
    def attempts(self) -> int:
        """Over all tasks."""
        return self.tasks.total() + self.repeats.total()

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.runs += other.runs
        self.iterations += other.iterations
        self.hits += other.hits
        self.misses += other.misses
        self.evictions += other.evictions
        self.resolves += other.resolves
        self.builds += other.builds
        self.reuses += other.reuses
        self.tasks.update(other.tasks)
        self.repeats.update(other.repeats)

    def add_use(self, use: Use) -> None:
        """Add what follows from the use of a plan."""
        blueprint = use.plan.blueprint
        frames = use.iterations + use.inner - use.stepwise
        self.iterations += use.iterations
        self.hits += use.hits
        for name, count in blueprint.work.items():
            self.tasks[name] += count * frames
        if use.rank < blueprint.last:
            self.tasks.subtract(blueprint.names[use.rank + 1 :])


_MOST = sys.maxsize
"""Ticks of a use: it never ends."""


@final
class Use:
    """How often one run used one plan, on the graph path or on the VM.

    Attributes:
        plan: The plan.
        cache: Where it was found.
        bus: Where it is heard.
        time_slice: When the run is to yield.
        on_vm: Whether its iterations are those of the VM, which are no lookups.
        rank: How far the frame has come that runs straight through: the rank of the latest node
            that has begun. That of the last node while none runs.
        ticks: An iteration begins by taking one. A program's loop takes them as it goes round,
            which counts without a line of code.
        registers: Those of a frame that its program stopped in.
    """

    __slots__ = (
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
        "stepwise",
        "ticks",
        "time_slice",
    )

    def __init__(
        self, plan: CachedPlan, engine: Engine, time_slice: TimeSlice, on_vm: bool
    ) -> None:
        self.plan = plan
        self.cache = engine.plan_cache
        self.bus = engine.bus
        self.time_slice = time_slice
        self.on_vm = on_vm
        self.rank = plan.blueprint.last
        self.registers: Registers = []
        self.ticks = repeat(None, _MOST)
        self.refused = 0
        """Ticks that were taken back."""
        self.inner = 0
        """Sub-graphs; a lookup each."""
        self.entered = 0
        """Lookups of the VM."""
        self.misses = 0
        """Lookups of all these that missed."""
        self.stepwise = 0
        """Frames that ran node by node; their executions were counted as they began."""

    @property
    def iterations(self) -> int:
        """Iterations of the run that began with this plan."""
        return _MOST - length_hint(self.ticks) - self.refused

    def refuse(self, target: BoundCall[Any]) -> BoundCall[Any]:
        """Take back the latest tick: the plan is not for that target."""
        self.refused += 1
        return target

    @property
    def hits(self) -> int:
        """Lookups that found the plan."""
        iterations = 0 if self.on_vm else self.iterations
        return iterations + self.inner + self.entered - self.misses


class _Count:
    """An integer counter of a ``Stats``, read through its tally."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, stats: Stats, owner: type | None = None) -> int:
        count: int = getattr(stats._tally(), self._name)
        return count


@final
class Stats:
    """Live counters of an engine or a run: exact at every moment, in the middle of a run too."""

    __slots__ = ("_tally",)

    runs = _Count()
    iterations = _Count()
    lookups = _Count()
    hits = _Count()
    misses = _Count()
    evictions = _Count()
    resolves = _Count()
    builds = _Count()
    executions = _Count()
    attempts = _Count()
    reuses = _Count()

    def __init__(self, tally: Callable[[], Tally]) -> None:
        self._tally = tally

    @property
    def tasks(self) -> Counter[str]:
        """Executions by task name, a copy."""
        return +self._tally().tasks

    @property
    def task_attempts(self) -> Counter[str]:
        """Attempts by task name, a copy."""
        tally = self._tally()
        return tally.tasks + tally.repeats

    def as_dict(self) -> dict[str, int]:
        """All integer counters by name, read at one moment."""
        tally = self._tally()
        return {name: getattr(tally, name) for name in COUNTERS}

    def __repr__(self) -> str:
        counts = " ".join(f"{name}={count}" for name, count in self.as_dict().items())
        return f"<Stats {counts}>"


COUNTERS: tuple[str, ...] = tuple(
    name for name, value in vars(Stats).items() if isinstance(value, _Count)
)
"""The names of all integer counters, in the order they are shown."""
