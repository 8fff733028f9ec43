"""Words that texts share: numbers and lists as a reader expects them. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, noun: str) -> str:
    """``noun`` as it stands behind ``count``."""
    return noun if count == 1 else f"{noun}s"


def runs_were(count: int) -> str:
    """``1 run was`` or ``3 runs were``."""
    return f"{count} {plural(count, 'run')} {'was' if count == 1 else 'were'}"


def first_few(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
