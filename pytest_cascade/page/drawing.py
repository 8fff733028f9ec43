"""Where the nodes of a structure lie when it is drawn: dependencies above what needs them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from pytest_cascade.carrier import PlainData

MOST_NODES: Final = 40
"""So many nodes are drawn, those nearest to the target."""

NAME_LENGTH: Final = 60
"""Longer names are cut."""


class Line(Protocol):
    """An edge: the node ``source`` is needed by the node ``target``."""

    @property
    def source(self) -> int:
        """Number of the node that is needed."""

    @property
    def target(self) -> int:
        """Number of the node that needs it."""

    @property
    def label(self) -> str:
        """What for."""

    @property
    def kind(self) -> str:
        """In one word."""


class Picture(Protocol):
    """What a structure has to offer to be drawn."""

    @property
    def names(self) -> Sequence[str]:
        """Of each node; the first is the target."""

    @property
    def lines(self) -> Sequence[Line]:
        """The edges."""

    @property
    def changed(self) -> Collection[int]:
        """The numbers of the nodes that differ."""


def drawing(structure: Any, beside: Any = None) -> PlainData | None:
    """Lay a structure out.

    Args:
        structure: What a probe gave as one; without a method ``picture`` it cannot be drawn.
        beside: The structure it is compared with.

    Returns:
        Nodes ``[name, column, row, changed]``, lines ``[source, target, label, kind]``, and how
        many nodes are ``left_out``; None for what cannot be drawn.

    Cost: linear in the structure.
    """
    if not hasattr(structure, "picture"):
        return None
    picture: Picture = structure.picture(beside)
    needs: dict[int, list[int]] = {number: [] for number in range(len(picture.names))}
    for line in picture.lines:
        if line.source not in needs[line.target]:
            needs[line.target].append(line.source)
    drawn = _nearest(needs)
    number_of = {node: number for number, node in enumerate(drawn)}
    lines = [each for each in picture.lines if {each.source, each.target} <= number_of.keys()]
    columns, rows = _places(drawn, needs)
    return {
        "nodes": [
            [
                picture.names[node][:NAME_LENGTH],
                columns[node],
                rows[node],
                int(node in picture.changed),
            ]
            for node in drawn
        ],
        "lines": [
            [number_of[each.source], number_of[each.target], each.label, each.kind]
            for each in lines
        ],
        "left_out": len(picture.names) - len(drawn),
    }


class Drawings:
    """Drawings by number, equal ones once.

    Attributes:
        all: The drawings, in the order they came.
    """

    def __init__(self) -> None:
        self.all: list[PlainData] = []
        self._numbers: dict[str, int] = {}

    def number_of(self, drawing: PlainData | None) -> int | None:
        """The number of a drawing; None for none."""
        if drawing is None:
            return None
        number = self._numbers.setdefault(json.dumps(drawing), len(self.all))
        if number == len(self.all):
            self.all.append(drawing)
        return number

    def forget_all_but(self, first: int) -> None:
        """Drop what came after the ``first`` drawings."""
        del self.all[first:]
        self._numbers = {key: n for key, n in self._numbers.items() if n < first}


def _nearest(needs: Mapping[int, Sequence[int]]) -> list[int]:
    """The nodes nearest to the target, as many as are drawn."""
    found, queue = {0: None}, deque([0])
    while queue and len(found) < MOST_NODES:
        for node in needs[queue.popleft()]:
            if node not in found and len(found) < MOST_NODES:
                found[node] = None
                queue.append(node)
    return list(found)


def _places(
    drawn: Sequence[int], needs: Mapping[int, Sequence[int]]
) -> tuple[dict[int, float], dict[int, int]]:
    """Columns and rows: as far above the target as the longest way, near those that need it."""
    depth = dict.fromkeys(drawn, 0)
    for _ in drawn:  # once for each edge of the longest way; a cycle ends with the last round
        deeper = {
            node: max([depth[node], *(depth[user] + 1 for user in drawn if node in needs[user])])
            for node in drawn
        }
        if deeper == depth:
            break
        depth = deeper
    columns: dict[int, float] = {}
    deepest = max(depth.values())
    for row in range(deepest + 1):
        here = [node for node in drawn if depth[node] == row]
        users = {n: [columns[u] for u in columns if n in needs[u]] for n in here}
        here.sort(key=lambda node: fmean(users[node]) if users[node] else 0.0)
        for index, node in enumerate(here):
            columns[node] = index - (len(here) - 1) / 2
    return columns, {node: deepest - depth[node] for node in drawn}
