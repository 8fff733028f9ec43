"""Structures to be drawn: nodes and edges, and which nodes differ from those of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from cascade_core.graph.comparison import Comparison
from cascade_core.graph.model import links

if TYPE_CHECKING:
    from cascade_core.graph.decode import Argument, Call
    from cascade_core.graph.structure import Structure


class Line(NamedTuple):
    """An edge: the node ``source`` is needed by the node ``target``."""

    source: int
    target: int
    label: str
    """The argument it is, or the option."""
    kind: str
    """``data condition sequence route constraint``."""


class Picture(NamedTuple):
    """What to draw of a structure."""

    names: tuple[str, ...]
    """The task of each node; the first is the target."""
    lines: tuple[Line, ...]
    """The edges."""
    changed: frozenset[int]
    """The nodes that are others than in the structure it was compared with."""


def picture(structure: Structure, beside: Structure | None = None) -> Picture:
    """See what there is to draw.

    Args:
        structure: What to draw.
        beside: What it is compared with, if anything.

    Cost: linear in the structure, and in the smaller of the two if there are two.
    """
    calls = structure.calls
    lines = [
        Line(source, number, label or kind, kind)
        for number, call in enumerate(calls)
        for kind, label, source in links(call)
    ]
    changed = frozenset() if beside is None else changed_calls(beside.calls, calls)
    return Picture(tuple([call.identity.name for call in calls]), tuple(lines), changed)


def changed_calls(before: tuple[Call, ...], now: tuple[Call, ...]) -> frozenset[int]:
    """The calls of ``now`` that have no equal in ``before``: of another task, or used otherwise.

    A call counts by itself: if only one of those it depends on is another, it is not changed. What
    lies in a container that is built otherwise has no equal.
    """
    comparison = Comparison(before, now)
    comparison.changes()
    partners = comparison.partners
    return frozenset(
        number
        for number, call in enumerate(now)
        if number not in partners or not _is_same(before[partners[number]], call, partners)
    )


def _is_same(was: Call, now: Call, partners: Mapping[int, int]) -> bool:
    """Tell whether two calls are of one task and take their arguments from the same places."""

    def place(source: int) -> int | None:
        return -1 if source < 0 else partners.get(source)

    def places(argument: Argument) -> object:
        if isinstance(argument, int):
            return place(argument)
        return [place(part) if isinstance(part, int) else part for part in argument]

    def known(argument: Argument) -> object:
        if isinstance(argument, int):
            return max(argument, -1)
        return [max(part, -1) if isinstance(part, int) else part for part in argument]

    return (
        was.identity is now.identity
        and [(name, known(each)) for name, each in was.arguments()]
        == [(name, places(each)) for name, each in now.arguments()]
        and [(name, known(each)) for name, each in was.options.labelled()]
        == [(name, places(each)) for name, each in now.options.labelled()]
    )
