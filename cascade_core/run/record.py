"""One run: its counters while it lasts and after."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

from cascade_core.define.task import Task
from cascade_core.events import TaskEvent
from cascade_core.plan.cache import CachedPlan
from cascade_core.run.slice import TimeSlice
from cascade_core.run.stats import Stats, Tally
from cascade_core.run.use import Use
from cascade_core.vm.blueprint import Blueprint

if TYPE_CHECKING:
    from cascade_core.run.engine import Engine
    from cascade_core.run.resources import OpenResources

_ids = itertools.count(1)

MAX_USES = 64
"""Uses that a run keeps apart; more are added up, so that memory stays flat."""


MAX_PROGRAMS = 4
"""Programs of one task that are tried before a target is read."""


@final
class Run:
    """One ``engine.run(...)``.

    Attributes:
        id: Its number in this process, from 1.
        engine: The engine that runs it.
        params: What ``engine.run`` was given as ``params``.
        time_slice: How long it may keep the event loop.
        opened: The resources it has opened, once there are any.
    """

    __slots__ = (
        "_programs",
        "_tally",
        "_uses",
        "engine",
        "id",
        "opened",
        "params",
        "time_slice",
    )

    id: Final[int]
    engine: Final[Engine]
    params: Final[Mapping[str, Any]]

    def __init__(self, engine: Engine, params: Mapping[str, Any] | None) -> None:
        self.id = next(_ids)
        self.engine = engine
        self.params = MappingProxyType(dict(params or {}))
        self.time_slice = TimeSlice(engine.slice_ms)
        self._tally = Tally(runs=1)
        self._uses: dict[tuple[CachedPlan, bool], Use] = {}
        self._programs: tuple[dict[Task[Any], tuple[Use, ...]], ...] = ({}, {})
        self.opened: OpenResources | None = None

    @property
    def totals(self) -> Stats:
        """Its live counters."""
        return Stats(self.tally)

    def tally(self) -> Tally:
        """All that this run has done so far, as a copy."""
        total = Tally()
        total.add(self._tally)
        for use in list(self._uses.values()):
            total.add_use(use)
        return total

    def use_of(self, plan: CachedPlan, on_vm: bool = False) -> Use:
        """The use this run makes of a plan, on the graph path or on the VM."""
        use = self._uses.get((plan, on_vm))
        if use is None:
            if len(self._uses) >= MAX_USES:
                self.settle()
            use = self._uses[plan, on_vm] = Use(self, plan, on_vm)
            plan.uses.append(use)
        return use

    def uses_with_program(self, task: Task[Any], on_vm: bool) -> Sequence[Use]:
        """The uses of plans for targets of a task that have a program, the latest first."""
        return self._programs[on_vm].get(task, ())

    def remember_program(self, task: Task[Any], use: Use) -> None:
        """Know that the plan of a use has a program, and that it is the latest."""
        if self._uses.get((use.plan, use.on_vm)) is not use:
            return  # it was added up and let go meanwhile
        others = [known for known in self.uses_with_program(task, use.on_vm) if known is not use]
        self._programs[use.on_vm][task] = (use, *others[: MAX_PROGRAMS - 1])

    def go_on_node_by_node(self, use: Use) -> None:
        """Of the frame that runs straight, count what has not begun as it begins."""
        blueprint = use.plan.blueprint
        if use.rank < blueprint.last:
            self._tally.tasks.subtract(blueprint.names[use.rank + 1 :])
            use.rank = blueprint.last

    def resources(self) -> OpenResources:
        """What it opens resources with."""
        if self.opened is None:
            from cascade_core.run.resources import OpenResources

            self.opened = OpenResources(self.engine.providers)
        return self.opened

    def tell(
        self, event: Callable[..., TaskEvent], blueprint: Blueprint, rank: int, *details: Any
    ) -> None:
        """Publish what happened to a node, if somebody listens."""
        bus = self.engine.bus
        if bus.listening:
            node = blueprint.node(rank)
            bus.publish(event(self, node.name, node, *details))

    def count(self) -> Tally:
        """The part of the tally that is counted one by one, to add to."""
        return self._tally

    def settle(self) -> None:
        """Add up all uses and forget the plans."""
        for use in self._uses.values():
            self._tally.add_use(use)
            use.plan.hits_settled += use.hits
            use.plan.uses.remove(use)
        self._uses.clear()
        for programs in self._programs:
            programs.clear()

    def __repr__(self) -> str:
        return f"<Run {self.id}>"
