"""Whether work grew or shrank. Pure: counts before and now give lines or nothing."""

from __future__ import annotations

from typing import Final

from .file import Counts

WORK: Final = (
    "resolves",
    "misses",
    "builds",
    "lookups",
    "evictions",
    "iterations",
    "executions",
    "attempts",
    "runs",
)
"""The counts that are work. Hits and reuses are work saved: where they fall, one of these grows."""


def grown(before: Counts, now: Counts) -> str:
    """Name each count that is greater now, and its numbers; empty if none is."""
    return _changed(before, now, 1)


def shrunk(before: Counts, now: Counts) -> str:
    """Name each count that is less now, and its numbers; empty if none is."""
    return _changed(before, now, -1)


def _changed(before: Counts, now: Counts, sign: int) -> str:
    compared = [(name, before[name], now.get(name, 0)) for name in WORK if name in before]
    return ", ".join(
        f"{name} from {was} to {is_}" for name, was, is_ in compared if (is_ - was) * sign > 0
    )
