"""From lazy results to a ``Graph``."""

from __future__ import annotations

from typing import Any

from cascade_core.define.lazy import LazyResult
from cascade_core.errors import CycleError
from cascade_core.graph.decode import Call
from cascade_core.graph.model import Graph
from cascade_core.graph.reading import Reading, read
from cascade_core.graph.structure import Structure, topological


def build_graph(target: LazyResult[Any]) -> Graph:
    """Make the graph of a lazy result and all it depends on.

    Args:
        target: The lazy result that is wanted.

    Returns:
        V nodes, one per distinct lazy result, and E edges. Argument values are not in it.

    Raises:
        TypeError: ``target`` is no lazy result.
        GraphError: A dict key or set member beside lazy results cannot be part of a structure.
        CycleError: A call depends on itself; ``cycle`` lists the names, first repeated last.

    Cost: O(V + E) and linear in the nested size of containers.
    """
    require_lazy(target)
    return graph_of(read(target))


def require_lazy(target: object) -> None:
    """Refuse a target that is no lazy result."""
    if type(target) is not LazyResult:
        raise TypeError(f"target must be a lazy result (the call of a task), got {target!r}")


def graph_of(reading: Reading) -> Graph:
    """Make the graph of what ``read`` found."""
    key, _, lazies = reading
    structure = Structure(key)
    # Lazy results are immutable, so only a container can close a cycle between calls.
    if structure.decoded.has_containers:
        _refuse_cycle(structure.calls)
    return Graph(structure, [lazy._task for lazy in lazies])


def _refuse_cycle(calls: tuple[Call, ...]) -> None:
    rest = set(range(len(calls))).difference(topological(calls))
    if not rest:
        return
    # Each call of the rest depends on another of the rest: following that must come round.
    path: list[int] = [min(rest)]
    seen: dict[int, int] = {}
    while path[-1] not in seen:
        seen[path[-1]] = len(path) - 1
        path.append(next(source for source in calls[path[-1]].sources() if source in rest))
    raise CycleError([calls[number].identity.name for number in path[seen[path[-1]] :]])
