"""Solvers: from a graph to the order its nodes run in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn, Protocol, runtime_checkable

from cascade_core.errors import PlanError
from cascade_core.graph.model import Graph


@dataclass(frozen=True, slots=True)
class Plan:
    """An order to run a graph's nodes in.

    A node starts as soon as its own dependencies are done; among those that are ready, the one
    that comes first in the plan starts first. Stages are no barriers.
    """

    stages: tuple[tuple[int, ...], ...]
    """Positions in ``graph.nodes``, dependencies before what depends on them."""


@runtime_checkable
class Solver(Protocol):
    """Anything with a ``resolve``. It is looked up at every miss, so that it can be spied on."""

    def resolve(self, graph: Graph) -> Plan:
        """Order the nodes of ``graph``: each position once, dependencies first."""
        ...


class NativeSolver:
    """Stages by depth: a node's stage is one after the last of its dependencies' stages."""

    def resolve(self, graph: Graph) -> Plan:
        """Order the nodes of ``graph`` into stages.

        Args:
            graph: V nodes and E edges, without cycles (``build_graph`` refuses them).

        Returns:
            A plan whose stages hold each node's position once, dependencies first, and siblings in
            the order of their positions; equal graphs give equal plans.

        Cost: O(V + E) time, O(V) memory.
        Source: A. B. Kahn, CACM 5(11), 1962, doi:10.1145/368996.369025.
        """
        needed = graph.dependencies
        waiting = list(map(len, needed))
        ready = [position for position, count in enumerate(waiting) if not count]
        dependents: dict[int, list[int]] = {}
        for position, dependencies in enumerate(needed):
            for dependency in dependencies:
                dependents.setdefault(dependency, []).append(position)
        stages: list[tuple[int, ...]] = []
        while ready:
            stages.append(tuple(ready))
            following = []
            for position in ready:
                for dependent in dependents.get(position, ()):
                    waiting[dependent] -= 1
                    if not waiting[dependent]:  # the last dependency is the deepest
                        following.append(dependent)
            following.sort()
            ready = following
        return Plan(tuple(stages))


def checked_order(graph: Graph, plan: Plan) -> tuple[int, ...]:
    """The positions of a plan in one row, checked against the graph.

    Args:
        graph: What the plan was made for.
        plan: What a solver returned.

    Raises:
        PlanError: A position is missing, repeated, unknown, or before one of its dependencies.
    """
    if not isinstance(plan, Plan):
        raise PlanError(f"a solver must return a Plan, got {plan!r}", ())
    order = tuple(chain.from_iterable(plan.stages))
    if not (set(map(type, order)) <= {int} and sorted(order) == list(range(len(graph.tasks)))):
        _refuse_positions(graph, order)
    ranks = dict(zip(order, range(len(order)), strict=True))
    rank_of = ranks.__getitem__
    for position, dependencies in enumerate(graph.dependencies):
        if dependencies and max(map(rank_of, dependencies)) > ranks[position]:
            early = [d for d in dependencies if ranks[d] > ranks[position]]
            raise PlanError(
                f"plan has {_names(graph, [position])} before its dependency "
                f"{_names(graph, early)}",
                [position],
            )
    return order


def _refuse_positions(graph: Graph, order: tuple[Any, ...]) -> NoReturn:
    """Say which positions of an order are unknown, repeated or missing."""
    everything = range(len(graph.tasks))
    unknown = [p for p in order if type(p) is not int or p not in everything]
    if unknown:
        raise PlanError(f"plan has unknown positions {unknown[:5]!r}", unknown)
    repeated = [p for p, count in Counter(order).items() if count > 1]
    if repeated:
        raise PlanError(f"plan repeats {_names(graph, repeated)}", repeated)
    missing = sorted(set(everything).difference(order))
    raise PlanError(f"plan misses {_names(graph, missing)}", missing)


def _names(graph: Graph, positions: list[int]) -> str:
    shown = ", ".join(f"{graph.tasks[p].name!r} (position {p})" for p in positions[:5])
    return shown + (", ..." if len(positions) > 5 else "")
