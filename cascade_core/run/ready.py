"""The nodes that are ready: those of the oldest frame first, each frame's in plan order."""

from __future__ import annotations

import heapq
from collections import deque
from typing import final

from cascade_core.run.frame import Frame


@final
class Ready:
    """A queue by frame and rank.

    Most nodes become ready in the order in which they are to start. They stand in a row, each frame
    with its ranks, and need neither sorting nor an object each; the others go to a heap beside.
    """

    __slots__ = ("_row", "_strays")

    def __init__(self) -> None:
        self._row: deque[tuple[Frame, deque[int]]] = deque()
        self._strays: list[tuple[int, int, Frame]] = []

    def __bool__(self) -> bool:
        return bool(self._row or self._strays)

    def push(self, frame: Frame, ranks: list[int]) -> None:
        """Add nodes of a frame, at least one, in ascending order."""
        row = self._row
        last, last_ranks = row[-1] if row else (frame, deque())
        if last is frame and row and last_ranks[-1] < ranks[0]:
            last_ranks.extend(ranks)
        elif not row or last.serial < frame.serial:
            row.append((frame, deque(ranks)))
        else:
            for rank in ranks:
                heapq.heappush(self._strays, (frame.serial, rank, frame))

    def pop(self) -> tuple[Frame, int] | None:
        """Take the node that starts next, if there is one."""
        row, strays = self._row, self._strays
        if strays and not (row and (row[0][0].serial, row[0][1][0]) < strays[0]):
            _, rank, frame = heapq.heappop(strays)
            return frame, rank
        if not row:
            return None
        frame, ranks = row[0]
        rank = ranks.popleft()
        if not ranks:
            row.popleft()
        return frame, rank

    def take(self, frame: Frame, most: int) -> list[int]:
        """Take the ranks that start next, as long as they are of one frame, up to a number."""
        row = self._row
        if self._strays or not row or row[0][0] is not frame:
            return []
        ranks = row[0][1]
        taken = [ranks.popleft() for _ in range(min(most, len(ranks)))]
        if not ranks:
            row.popleft()
        return taken
