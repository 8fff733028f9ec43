"""One run: its counters while it lasts and after."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

from cascade_core.events import TaskEvent
from cascade_core.plan.cache import CachedPlan
from cascade_core.run.resources import OpenResources
from cascade_core.run.stats import Stats, Tally, Use
from cascade_core.vm.blueprint import Blueprint
from cascade_core.vm.steps import Registers

if TYPE_CHECKING:
    from cascade_core.run.engine import Engine

_ids = itertools.count(1)

MAX_USES = 64
"""Uses that a run keeps apart; more are added up, so that memory stays flat."""


@final
class Run:
    """One ``engine.run(...)``.

    Attributes:
        id: Its number in this process, from 1.
        engine: The engine that runs it.
        params: What ``engine.run`` was given as ``params``.
        totals: Its live counters.
        use: Of the plan whose frame runs straight through, if one does.
        registers: That frame's. How far it has come follows from their number, so that nothing has
            to be counted per node.
        opened: The resources it has opened, once there are any.
    """

    __slots__ = (
        "_idle",
        "_tally",
        "_uses",
        "engine",
        "id",
        "opened",
        "params",
        "registers",
        "totals",
        "use",
    )

    id: Final[int]
    engine: Final[Engine]
    params: Final[Mapping[str, Any]]
    totals: Final[Stats]

    def __init__(self, engine: Engine, params: Mapping[str, Any] | None) -> None:
        self.id = next(_ids)
        self.engine = engine
        self.params = MappingProxyType(dict(params or {}))
        self.totals = Stats(self.tally)
        self._tally = Tally(runs=1)
        self._uses: dict[CachedPlan, Use] = {}
        self.use: Use | None = None
        self.registers: Registers | None = None
        self.opened: OpenResources | None = None
        self._idle = False

    def tally(self) -> Tally:
        """All that this run has done so far, as a copy."""
        total = Tally()
        total.add(self._tally)
        for use in list(self._uses.values()):
            total.add_use(use)
        if self.registers is not None and self.use is not None:
            blueprint = self.use.plan.blueprint
            total.tasks.subtract(blueprint.names[self._begun(blueprint, self.registers) :])
        return total

    def _begun(self, blueprint: Blueprint, registers: Registers) -> int:
        done = len(registers) - blueprint.slots
        return done if self._idle else min(done + 1, len(blueprint.names))

    def use_of(self, plan: CachedPlan) -> Use:
        """The use this run makes of a plan."""
        use = self._uses.get(plan)
        if use is None:
            if len(self._uses) >= MAX_USES:
                self.settle()
            use = self._uses[plan] = Use(plan)
            plan.uses.append(use)
        return use

    def leave_straight(self) -> None:
        """The frame does not run straight any more: what it has not begun is counted one by one."""
        if self.registers is not None and self.use is not None:
            blueprint = self.use.plan.blueprint
            begun = len(self.registers) - blueprint.slots
            self._tally.tasks.subtract(blueprint.names[begun:])
        self.registers = None

    def go_node_by_node(self, use: Use) -> None:
        """A frame is about to run with each node counted as it begins."""
        self.registers = None
        use.stepwise += 1

    async def idle(self, pause: Awaitable[None]) -> None:
        """Wait for something while no node runs."""
        self._idle = True
        await pause  # if this is cancelled the run ends, idle as it is
        self._idle = False

    def resources(self) -> OpenResources:
        """What it opens resources with."""
        if self.opened is None:
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
        if self.registers is not None and self.use is not None:
            blueprint = self.use.plan.blueprint
            begun = self._begun(blueprint, self.registers)
            self._tally.tasks.subtract(blueprint.names[begun:])
            self.registers = None
        self.use = None
        for use in self._uses.values():
            self._tally.add_use(use)
            use.plan.hits_settled += use.hits
            use.plan.uses.remove(use)
        self._uses.clear()

    def __repr__(self) -> str:
        return f"<Run {self.id}>"
