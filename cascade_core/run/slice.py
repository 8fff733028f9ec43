"""Time slices: a loop that never awaits gives way by the clock, not by the iteration."""

from __future__ import annotations

import asyncio
import math
from time import perf_counter
from typing import Final, final


@final
class TimeSlice:
    """How long a run may keep the event loop to itself before it yields.

    Attributes:
        end: When the slice is over, on the clock of ``perf_counter``.
    """

    __slots__ = ("_seconds", "end")

    def __init__(self, slice_ms: float) -> None:
        self._seconds: Final = slice_ms / 1000
        self.end = perf_counter() + self._seconds

    async def renew(self) -> None:
        """Yield to the event loop once; a new slice begins when it comes back."""
        await asyncio.sleep(0)
        self.end = perf_counter() + self._seconds


def checked_slice_ms(slice_ms: object) -> float:
    """Refuse what is no duration in milliseconds; infinity is one that never ends."""
    if isinstance(slice_ms, int | float) and not isinstance(slice_ms, bool) and slice_ms >= 0:
        return float(slice_ms)
    raise ValueError(f"slice_ms must be a number >= 0 (or {math.inf}), got {slice_ms!r}")
