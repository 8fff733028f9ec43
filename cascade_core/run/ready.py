"""The nodes that are ready: those of the oldest frame first, each frame's in plan order."""

from __future__ import annotations

import heapq
from collections import deque
from typing import TypeAlias, final

from cascade_core.run.frame import Frame

Entry: TypeAlias = tuple[int, int, Frame]
"""The frame's serial, the node's rank, and the frame."""


@final
class Ready:
    """A queue by frame and rank.

    Most nodes become ready in the order in which they are to start, and need no sorting; the others
    go to a heap beside.
    """

    __slots__ = ("_row", "_strays")

    def __init__(self) -> None:
        self._row: deque[Entry] = deque()
        self._strays: list[Entry] = []

    def __bool__(self) -> bool:
        return bool(self._row or self._strays)

    def push(self, frame: Frame, ranks: list[int]) -> None:
        """Add nodes of a frame, in ascending order."""
        row, serial = self._row, frame.serial
        for rank in ranks:
            entry = (serial, rank, frame)
            if not row or row[-1] < entry:
                row.append(entry)
            else:
                heapq.heappush(self._strays, entry)

    def pop(self) -> Entry | None:
        """Take the one that starts next, if there is one."""
        row, strays = self._row, self._strays
        if strays and not (row and row[0] < strays[0]):
            return heapq.heappop(strays)
        return row.popleft() if row else None
