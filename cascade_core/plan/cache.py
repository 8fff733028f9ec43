"""The plan cache: blueprints by structure, the least recently used dropped first.

It holds plans, tasks and structures; never argument values.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, NamedTuple, Protocol, final

from cascade_core.define.task import Task
from cascade_core.graph.structure import Structure
from cascade_core.graph.tokens import Key
from cascade_core.plan.miss import History, Miss
from cascade_core.plan.solver import Plan
from cascade_core.vm.blueprint import Blueprint
from cascade_core.vm.machine import Flavour
from cascade_core.vm.steps import Registers

if TYPE_CHECKING:
    from cascade_core.vm.program import Program

WRITE_AFTER = 32
"""A plan is written out as a program after so many frames: it pays back as many later."""


class CacheStats(NamedTuple):
    """What a plan cache has done so far."""

    hits: int
    """Lookups that found a plan."""
    misses: int
    """Lookups that found none."""
    evictions: int
    """Plans dropped to make room."""
    size: int
    """Plans held now."""
    max_plans: int
    """Plans held at most."""


class PlanEntry(NamedTuple):
    """One plan of a plan cache, for reports."""

    digest: str
    """The structure's digest."""
    root: str
    """The target task's name."""
    nodes: int
    """Nodes of the graph."""
    hits: int
    """Lookups that found this plan."""
    source: str
    """What the engine runs for it, as text."""


class _CountsHits(Protocol):
    @property
    def hits(self) -> int: ...


@final
class CachedPlan:
    """A solver's plan, the blueprint compiled from it, and how often it was found.

    Attributes:
        plan: What the solver gave.
        blueprint: What runs it.
        programs: What runs it faster, once it has been used often, by flavour.
        hits_settled: Lookups by runs that are over.
        uses: What runs that are under way make of it.

    Runs that are under way count their own hits; they are listed in ``uses`` until they settle.
    """

    __slots__ = ("_frames", "blueprint", "hits_settled", "plan", "programs", "uses")

    def __init__(self, plan: Plan, blueprint: Blueprint) -> None:
        self.plan = plan
        self.blueprint = blueprint
        self.programs: dict[tuple[bool, bool], Program | None] = {}
        self.hits_settled = 0
        self.uses: list[_CountsHits] = []
        self._frames: Counter[Flavour] = Counter()

    @property
    def hits(self) -> int:
        """Lookups that found this plan, those of unfinished runs too."""
        return self.hits_settled + sum(use.hits for use in self.uses)

    @property
    def source(self) -> str:
        """What runs for it, as text."""
        programs = [program.source for program in self.programs.values() if program]
        return programs[0] if programs else self.blueprint.listing()

    def has_run(self, registers: Registers, flavour: Flavour) -> None:
        """Count a finished straight frame; write the program once there were enough of them."""
        self._frames[flavour] += 1
        if self._frames[flavour] == WRITE_AFTER:
            from cascade_core.vm.program import write_program  # few plans get that far

            self.programs[flavour] = write_program(self.blueprint, registers, flavour)


@final
class PlanCache:
    """Plans by structure, bounded, least recently used out first.

    Args:
        max_plans: Plans to hold at most; 0 disables the cache, so that every lookup misses.

    Raises:
        ValueError: ``max_plans`` is no int >= 0.

    Attributes:
        newest: The plan that was used last, if it is held.

    A held plan keeps its tasks alive, and what their closures hold, until it is evicted, cleared
    or invalidated.
    """

    def __init__(self, max_plans: int = 1024) -> None:
        if not isinstance(max_plans, int) or isinstance(max_plans, bool) or max_plans < 0:
            raise ValueError(f"max_plans must be an int >= 0, got {max_plans!r}")
        self._max_plans = max_plans
        self._plans: OrderedDict[Key, CachedPlan] = OrderedDict()
        self.newest: CachedPlan | None = None
        self._history = History(max_plans)
        self._misses = 0
        self._evictions = 0
        self._hits_dropped = 0

    @property
    def stats(self) -> CacheStats:
        """Hits, misses, evictions, size and bound, as they are now."""
        held = sum(plan.hits for plan in self._plans.values())
        return CacheStats(
            held + self._hits_dropped,
            self._misses,
            self._evictions,
            len(self._plans),
            self._max_plans,
        )

    def entries(self) -> tuple[PlanEntry, ...]:
        """The plans held, the most recently used first."""
        return tuple(_entry(key, plan) for key, plan in reversed(self._plans.items()))

    def clear(self) -> None:
        """Drop all plans; the next lookup of each says ``cleared``."""
        for key in list(self._plans):
            self._drop(key, evicted=False)

    def invalidate(self, task: Task[object]) -> int:
        """Drop the plans that a task, or a map of it, is in; their next lookup says ``cleared``.

        Returns:
            How many plans were dropped.

        Cost: linear in all nodes of all plans.
        """
        if not isinstance(task, Task):
            raise TypeError(f"invalidate needs a task, got {task!r}")
        stale = [
            key
            for key, plan in self._plans.items()
            if any(task in (known, known.of) for known in set(plan.blueprint.graph.tasks))
        ]
        for key in stale:
            self._drop(key, evicted=False)
        return len(stale)

    def find(self, key: Key) -> CachedPlan | None:
        """The plan of a key, now the most recently used one; None if there is none."""
        plan = self._plans.get(key)
        if plan is not None and plan is not self.newest:
            self._plans.move_to_end(key)
            self.newest = plan
        return plan

    def use_again(self, plan: CachedPlan) -> bool:
        """Find a plan that was found before, as ``find`` does by its key.

        Returns:
            Whether it is still held.
        """
        return self.find(plan.blueprint.graph.structure.key) is plan

    def explain(self, structure: Structure) -> Miss:
        """Why a lookup of ``structure`` would find nothing now; changes nothing."""
        return self._history.explain(structure, disabled=not self._max_plans)

    def miss(self, structure: Structure) -> Miss:
        """Count a lookup that found nothing, and explain it."""
        self._misses += 1
        miss = self.explain(structure)
        self._history.remember(structure)
        return miss

    def store(self, key: Key, plan: CachedPlan) -> int:
        """Hold a plan, and drop the least recently used ones that are too many.

        Returns:
            How many plans were evicted.
        """
        if not self._max_plans:
            return 0
        if key in self._plans:  # another run planned the same structure meanwhile
            self._count_out(self._plans[key])
        self._plans[key] = plan
        self._plans.move_to_end(key)
        self.newest = plan
        evicted = 0
        while len(self._plans) > self._max_plans:
            self._drop(next(iter(self._plans)), evicted=True)
            evicted += 1
        self._evictions += evicted
        return evicted

    def _drop(self, key: Key, evicted: bool) -> None:
        plan = self._plans.pop(key)
        if plan is self.newest:
            self.newest = None
        self._count_out(plan)
        self._history.drop(key, "evicted" if evicted else "cleared")

    def _count_out(self, plan: CachedPlan) -> None:
        """Keep the hits of a plan that leaves: it is never found again, so they are final."""
        self._hits_dropped += plan.hits

    def __repr__(self) -> str:
        return "<PlanCache hits={} misses={} evictions={} size={}/{}>".format(*self.stats)


def _entry(key: Key, plan: CachedPlan) -> PlanEntry:
    graph = plan.blueprint.graph
    return PlanEntry(
        graph.structure.digest,
        graph.tasks[graph.root].name,
        len(graph.tasks),
        plan.hits,
        plan.source,
    )
