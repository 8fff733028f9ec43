"""Frames: one blueprint at work, its nodes' values and who waits for whom.

Pure state: nothing here runs, awaits or tells anything. A node of a frame is *waiting* until all it
depends on is done, then *ready*; it is *done* once its register holds a value, or SKIPPED. A node
that only routes need is not ready before one of them is chosen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, final

from cascade_core.caching import CachePolicy
from cascade_core.define.lazy import LazyResult
from cascade_core.run.memo import Entry
from cascade_core.vm.blueprint import PENDING, SKIPPED, Blueprint
from cascade_core.vm.steps import Registers, Step


@final
class Deferred:
    """The result of an ``inject`` whose resource nobody has needed yet."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Store(NamedTuple):
    """A result cache that waits for what a call comes to."""

    policy: CachePolicy
    key: bytes


Obligation: TypeAlias = Entry | Store
"""Who is owed the value of a node once it is final."""


class Parent(NamedTuple):
    """The node that waits for a frame's value."""

    frame: Frame
    rank: int
    item: int | None = None
    """Which item of a map the value is; None if it is the node's own value."""


class Items:
    """The items of a map: calls that are to be opened, and the values as they come in.

    Attributes:
        unopened: Number and call of each item that has no frame yet, in order.
        values: By number; None where it has not come in.
    """

    __slots__ = ("_missing", "unopened", "values")

    def __init__(self, calls: Sequence[LazyResult[Any]]) -> None:
        self.unopened = deque(enumerate(calls))
        self.values: list[Any] = [None] * len(calls)
        self._missing = len(calls)

    def put(self, item: int, value: Any) -> bool:
        """Record an item's value.

        Returns:
            Whether all are there.
        """
        self.values[item] = value
        self._missing -= 1
        return not self._missing


@final
class Frame:
    """One blueprint at work.

    Attributes:
        blueprint: What is run.
        registers: Results and inputs; a result that is not there yet is PENDING.
        parent: Who waits for this frame's value; None for the target's own.
        serial: Older frames come first.
        is_head: Whether a result cache of the target applies: it was not tail-called.
        target: The rank of the target: all others lead to it, so it is the last.
        owed: By rank, who else is to get the node's value.
        items: By rank, the values of maps that are under way.
        chosen: By rank of a select, the number of the route that was chosen.
        content_keys: By rank, the content keys that were made; None for an uncacheable call.
    """

    __slots__ = (
        "_dependents",
        "_holds",
        "_needed",
        "_route_dependents",
        "_waiting",
        "blueprint",
        "chosen",
        "content_keys",
        "is_head",
        "items",
        "owed",
        "parent",
        "registers",
        "serial",
        "target",
    )

    def __init__(
        self,
        blueprint: Blueprint,
        registers: Registers,
        parent: Parent | None,
        serial: int,
        is_head: bool,
    ) -> None:
        self.blueprint = blueprint
        self.parent = parent
        self.serial = serial
        self.is_head = is_head
        self.registers = registers
        self.target = blueprint.last
        self.owed: dict[int, list[Obligation]] = {}
        self.items: dict[int, Items] = {}
        self.chosen: dict[int, int] = {}
        self.content_keys: dict[int, bytes | None] = {}
        links = blueprint.links
        self._dependents = links.dependents
        self._waiting = links.waits.copy()
        self._needed = _Needed(blueprint) if blueprint.steps is not None else None
        self._route_dependents: dict[int, list[int]] = {}
        self._holds: set[int] = set()  # whose condition was found true: it is asked once

    def step(self, rank: int) -> Step | None:
        """What there is to a node beyond its call; None if it is a bare one among bare ones."""
        steps = self.blueprint.steps
        return None if steps is None else steps[rank]

    def ready(self, first: int = 0) -> list[int]:
        """The ranks from ``first`` on that wait for nothing."""
        waiting = self._waiting
        ready = [rank for rank in range(first, len(waiting)) if not waiting[rank]]
        return ready if self._needed is None else [r for r in ready if r in self._needed]

    def result(self, rank: int) -> Any:
        """What a node came to, PENDING or SKIPPED."""
        return self.registers[self.blueprint.order[rank]]

    def done(self, rank: int, value: Any) -> list[int]:
        """Record a node's value, and tell its dependents.

        Returns:
            The ranks that are ready because of it.
        """
        self.registers[self.blueprint.order[rank]] = value
        waiting, needed = self._waiting, self._needed
        dependents = self._dependents[rank]
        if self._route_dependents:
            dependents += tuple(self._route_dependents.pop(rank, ()))
        ready = []
        for dependent in dependents:
            waiting[dependent] -= 1
            if not waiting[dependent] and (needed is None or dependent in needed):
                ready.append(dependent)
        return ready

    def skip_reason(self, rank: int, step: Step) -> str | None:
        """Why a node is not to run now that all it waits for is done; None if it is.

        Raises:
            Exception: What the truth of the condition's value raises.
        """
        registers = self.registers
        if step.condition is not None and rank not in self._holds:
            condition = registers[step.condition]
            if condition is not SKIPPED and not condition:
                return "condition_false"
            self._holds.add(rank)
        needed = step.results
        if rank in self.chosen:
            needed += step.routes[self.chosen[rank]].results
        return "upstream_skipped" if any(registers[r] is SKIPPED for r in needed) else None

    def choose(self, rank: int, route: int) -> list[int]:
        """Choose a route of a select; the select waits for it now.

        Args:
            rank: The select.
            route: The route's number in its step.

        Returns:
            The ranks that are ready because of it.
        """
        assert self._needed is not None
        self.chosen[rank] = route
        step = self.step(rank)
        assert step is not None
        sources = [self.blueprint.ranks[position] for position in step.routes[route].results]
        added = [source for source in sources if source not in self._needed]
        ready = [r for r in self._needed.add(added) if not self._waiting[r] and self._is_open(r)]
        missing = [source for source in sources if self._is_open(source)]
        self._waiting[rank] = len(missing)
        for source in missing:
            self._route_dependents.setdefault(source, []).append(rank)
        return ready if missing else [*ready, rank]

    def pruned(self) -> list[int]:
        """The ranks that no chosen route needs, once the target is done."""
        return [] if self._needed is None else self._needed.missing()

    def owe(self, rank: int, obligation: Obligation) -> None:
        """Remember who else is to get a node's value."""
        self.owed.setdefault(rank, []).append(obligation)

    def _is_open(self, rank: int) -> bool:
        return self.result(rank) is PENDING


class _Needed:
    """Which nodes of a frame are needed, as far as routes have been chosen."""

    __slots__ = ("_blueprint", "_unneeded")

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self._unneeded = set(blueprint.links.prunable)

    def __contains__(self, rank: int) -> bool:
        return rank not in self._unneeded

    def add(self, ranks: list[int]) -> list[int]:
        """Need some more nodes.

        Returns:
            Their ranks, and those of all that they need, in plan order.
        """
        found = list(ranks)
        self._unneeded.difference_update(found)
        for rank in found:
            for source in self._blueprint.firm_sources(rank):
                if source in self._unneeded:
                    self._unneeded.remove(source)
                    found.append(source)
        return sorted(found)

    def missing(self) -> list[int]:
        """The ranks that nobody needed, in plan order."""
        return sorted(self._unneeded)
