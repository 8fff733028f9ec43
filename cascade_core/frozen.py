"""Frozen things: made once, read often, and equal where all that they hold is.

What a frozen dataclass gives, for a fraction of its price: no code is written and compiled when the
class is made, which every import would pay for, and an instance is made by plain assignments, which
every event pays for. A dataclass refuses changes in ``__setattr__``, and so has to get around
itself in ``__init__``; here the values stand in private slots, and what is public only reads.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any


class Frozen:
    """A base for frozen things.

    A subclass lists its fields in ``__match_args__``, in the order that its constructor takes them;
    for each it has a private slot, and a public attribute that ``reads`` it.
    """

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def _held(self) -> tuple[Any, ...]:
        """The values of its fields."""
        return tuple([getattr(self, name) for name in self.__match_args__])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Frozen) and type(other) is type(self):
            return self._held() == other._held()
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._held())

    def __repr__(self) -> str:
        pairs = zip(self.__match_args__, self._held(), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{n}={value!r}' for n, value in pairs)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._held()


def reads(slot: str) -> Any:
    """An attribute that gives what a private slot holds, and that can be neither set nor deleted.

    Its type is declared where it is used: ``task: Final[str] = reads("_task")``.
    """
    return property(attrgetter(slot))
