"""Solvers: from a graph to the order its nodes run in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NoReturn, Protocol, runtime_checkable

from cascade_core.errors import PlanError
from cascade_core.frozen import Frozen, reads
from cascade_core.graph.model import Graph


class Plan(Frozen):
    """An order to run a graph's nodes in.

    A node starts as soon as its own dependencies are done; among those that are ready, the one
    that comes first in the plan starts first. Stages are no barriers.
    """

    __slots__ = ("_proven_for", "_stages")
    __match_args__ = ("stages",)

    stages: Final[tuple[tuple[int, ...], ...]] = reads("_stages")
    """Positions in ``graph.nodes``, dependencies before what depends on them."""

    def __init__(self, stages: tuple[tuple[int, ...], ...]) -> None:
        self._stages = stages
        self._proven_for: Graph | None = None  # a graph that it is known to be an order of


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
        """
        depths = _depths(graph.dependencies)
        stages: list[list[int]] = [[] for _ in range(max(depths) + 1)]
        for position, depth in enumerate(depths):
            stages[depth].append(position)
        plan = Plan(tuple(map(tuple, stages)))
        plan._proven_for = graph  # each depth comes after those of all dependencies
        return plan


def _depths(needed: Sequence[tuple[int, ...]]) -> list[int]:
    """The depth of each node by position: one more than the deepest that it depends on."""
    # Graphs are numbered breadth first, so what a node depends on mostly comes after it: from the
    # back, all is known when it is needed. Where it is not, it is found out first.
    unknown = len(needed)
    depths = [unknown] * len(needed)
    depth_of = depths.__getitem__
    for position in reversed(range(len(needed))):
        dependencies = needed[position]
        depth = 1 + max(map(depth_of, dependencies)) if dependencies else 0
        if depth <= unknown:
            depths[position] = depth
        else:
            _find_out(position, needed, depths)
    return depths


def _find_out(position: int, needed: Sequence[tuple[int, ...]], depths: list[int]) -> None:
    """Find the depth of a node, and of all unknown ones below it first."""
    unknown = len(needed)
    stack = [position]
    while stack:
        missing = [d for d in needed[stack[-1]] if depths[d] == unknown]
        if missing:
            stack.extend(missing)
        else:
            found = stack.pop()
            depths[found] = 1 + max([depths[d] for d in needed[found]], default=-1)


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
    if plan._proven_for is graph:
        return order
    if not (set(map(type, order)) <= {int} and sorted(order) == list(range(len(graph.tasks)))):
        _refuse_positions(graph, order)
    ranks = [0] * len(order)
    for rank, position in enumerate(order):
        ranks[position] = rank
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
