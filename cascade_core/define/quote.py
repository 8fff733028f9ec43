"""``quote``: hand a value to a task as it is, without looking for lazy results inside."""

from __future__ import annotations

from typing import Any, Final, final


@final
class Quoted:
    """A value in quotes: part of a call's data, whatever it holds."""

    __slots__ = ("value",)

    value: Final[Any]

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"quote({self.value!r})"


def quote(value: Any) -> Quoted:
    """Pass ``value`` to a task unsearched: the task gets the very same object.

    The cure for containers that are costly to search (the search is linear in nested size) and for
    dict keys that cannot be part of a structure.

    Args:
        value: Anything; lazy results inside it are not run.

    Returns:
        A mark to use in place of the value, as an argument or inside a container.
    """
    return Quoted(value)
