"""The memo: pure calls of one iteration by content, so that equal ones run once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, final

from cascade_core.caching import MISSING

if TYPE_CHECKING:
    from cascade_core.run.frame import Frame


@final
class Entry:
    """One pure call that has begun.

    Attributes:
        value: What it came to; MISSING while it is in flight.
        waiters: The equal calls that wait for it, as frame and rank.
    """

    __slots__ = ("_waits_for", "value", "waiters")

    def __init__(self) -> None:
        self.value: Any = MISSING
        self.waiters: list[tuple[Frame, int]] = []
        self._waits_for: list[Entry] = []

    def add_waiter(self, frame: Frame, rank: int) -> bool:
        """Let an equal call wait for this one, unless this one waits for that, over however many.

        Two calls that would wait for each other are what plain recursion does without end; each
        goes on by itself then.

        Returns:
            Whether the call waits.
        """
        depend_on_it = list(_open_entries(frame))
        if any(entry in depend_on_it for entry in self._reachable()):
            return False
        for entry in depend_on_it:
            entry._waits_for.append(self)
        self.waiters.append((frame, rank))
        return True

    def _reachable(self) -> Iterable[Entry]:
        """This entry and all that it waits for."""
        seen = [self]
        for entry in seen:
            seen.extend(other for other in entry._waits_for if other not in seen)
        return seen


def _open_entries(frame: Frame | None) -> Iterable[Entry]:
    """The entries that cannot be complete before ``frame`` is."""
    while frame is not None:
        owed = frame.owed.get(frame.target, ())
        if frame.parent is not None:
            owed = (*owed, *frame.parent.frame.owed.get(frame.parent.rank, ()))
        yield from (obligation for obligation in owed if isinstance(obligation, Entry))
        frame = None if frame.parent is None else frame.parent.frame
