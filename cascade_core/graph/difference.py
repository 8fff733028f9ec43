"""Why two structures differ: the places where one has to be changed to become the other.

Paths read like code: ``countdown(dep=noop(x=))`` is the argument ``x`` of the ``noop`` that is the
argument ``dep`` of ``countdown``. How the places are found is for ``comparison``.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple, final

from cascade_core.define.lazy import LazyResult
from cascade_core.frozen import Frozen, reads
from cascade_core.graph.build import build_graph
from cascade_core.graph.decode import Call
from cascade_core.graph.model import Graph, uses
from cascade_core.graph.structure import Structure


@final
class Change(Frozen):
    """One difference between two structures; the part at ``path`` is another one now."""

    __slots__ = ("_before", "_now", "_path")
    __match_args__ = ("path", "before", "now")

    path: Final[str] = reads("_path")
    """Where, like code; ``target`` for the target itself."""
    before: Final[str] = reads("_before")
    """What was there."""
    now: Final[str] = reads("_now")
    """What is there."""

    def __init__(self, path: str, before: str, now: str) -> None:
        self._path = path
        self._before = before
        self._now = now

    def __str__(self) -> str:
        return f"{self.path} was {self.before}, now {self.now}"


def explain(a: Graph | LazyResult[Any], b: Graph | LazyResult[Any]) -> tuple[Change, ...]:
    """The changes that lead from one graph to another; none if they share a plan.

    Putting b's parts at the named paths into a gives b. A call that is another one is named where
    it is used first, and is replaced wherever no other change says what is there. Sharing that is
    gained or lost (one lazy result passed twice, against two equal ones) is a change of its own.

    Args:
        a: What was: a graph or a lazy result.
        b: What is.

    Returns:
        The outermost differences, nearest to the target first.

    Cost: linear in the smaller of the two.
    """
    return changes(_structure(a), _structure(b))


def _structure(graph: Graph | LazyResult[Any]) -> Structure:
    return (graph if isinstance(graph, Graph) else build_graph(graph)).structure


def changes(before: Structure, now: Structure) -> tuple[Change, ...]:
    """The changes that lead from one structure to another, nearest to the target first."""
    if before.key == now.key:
        return ()
    from cascade_core.graph.comparison import Comparison  # most programs never ask

    return tuple(Comparison(before.calls, now.calls).changes())


class Path(NamedTuple):
    """A place: an argument or an option of the task ``name`` at the place ``parent``."""

    parent: Path | None
    name: str
    opening: str
    """How code begins it behind the name: ``(dep=`` or ``.run_if(``."""


_DEEP = 12
"""Longer paths are shortened in the middle."""


def path_text(path: Path | None) -> str:
    """``countdown(dep=noop(x=))``, or ``target`` for no path."""
    steps = []
    while path is not None:
        steps.append(path.name + path.opening)
        path = path.parent
    steps.reverse()
    if len(steps) > _DEEP:
        steps[_DEEP // 2 : -_DEEP // 2] = ["..."]
    return "".join(steps) + ")" * sum(step != "..." for step in steps) or "target"


def path_to(calls: tuple[Call, ...], number: int) -> str:
    """Where the call of a number is first used in its structure, like code."""
    found: dict[int, Path | None] = {0: None}
    queue = deque([0])
    while queue and number not in found:
        user = queue.popleft()
        for opening, source in uses(calls[user]):
            if source not in found:
                found[source] = Path(found[user], calls[user].identity.name, opening)
                queue.append(source)
    return path_text(found[number])
