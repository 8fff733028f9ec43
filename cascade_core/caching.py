"""Result caches: what a policy must offer, and one that keeps values in memory.

The lowest module of the core: it knows neither tasks nor how keys are made (``graph/content``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Protocol, final, runtime_checkable


@final
class _Missing:
    """The type of ``MISSING``; compared by identity, so it survives ``copy`` and ``pickle``."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "MISSING"  # copy and pickle take a string for the name of a global

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""No value: what a policy gives for a key it does not hold. ``None`` is a value."""


@runtime_checkable
class CachePolicy(Protocol):
    """Where results are kept: anything with these two coroutine functions.

    One that raises never fails a task: the error is logged and the task runs.
    """

    async def get(self, key: bytes) -> Any:
        """The value set last for ``key``, or ``MISSING``. A stored ``None`` is a value."""

    async def set(self, key: bytes, value: Any) -> None:
        """Keep ``value`` for ``key``, in place of an earlier one."""


@final
class MemoryCache:
    """A result cache in this process: least recently used values go first, old ones expire.

    A hit gives the very object that was stored, not a copy: whoever changes it changes what the
    next hit gives. Tasks, engines and runs of one thread may share a cache, also at once: nothing
    in it awaits. It has no lock, so it is not for several threads.

    Args:
        ttl: How many seconds a value is kept after it was set; None for ever.
        max_entries: How many values are kept at most.
        clock: Gives the time in seconds; never runs backwards.

    Raises:
        ValueError: ``ttl`` is neither None nor a number > 0, or ``max_entries`` no int >= 1.

    Cost: ``get`` and ``set`` take constant time.
    """

    __slots__ = ("_clock", "_entries", "_max_entries", "_ttl")

    def __init__(
        self,
        ttl: float | None = None,
        max_entries: int = 1024,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if ttl is not None and not _is_positive(ttl):
            raise ValueError(f"ttl must be None or a number of seconds > 0, got {ttl!r}")
        if type(max_entries) is not int or max_entries < 1:
            raise ValueError(f"max_entries must be an int >= 1, got {max_entries!r}")
        self._ttl = ttl
        self._max_entries = max_entries
        self._clock = clock
        # Value and time of setting by key, least recently used first: a dict keeps the order.
        self._entries: dict[bytes, tuple[Any, float]] = {}

    @property
    def ttl(self) -> float | None:
        """How many seconds a value is kept, or None."""
        return self._ttl

    @property
    def max_entries(self) -> int:
        """How many values are kept at most."""
        return self._max_entries

    async def get(self, key: bytes) -> Any:
        """The value of ``key``, now the most recently used; ``MISSING`` if unknown or expired."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return MISSING
        value, since = entry
        if self._ttl is not None and self._clock() - since >= self._ttl:
            return MISSING
        self._entries[key] = entry
        return value

    async def set(self, key: bytes, value: Any) -> None:
        """Keep ``value``, now the most recently used, and drop the least recently used if full."""
        self._entries.pop(key, None)
        if len(self._entries) == self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (value, self._clock())

    def clear(self) -> None:
        """Forget all values."""
        self._entries.clear()

    def __len__(self) -> int:
        """How many values it holds; an expired one counts until it is asked for or pushed out."""
        return len(self._entries)

    def __repr__(self) -> str:
        lifetime = "" if self._ttl is None else f", each for {self._ttl} s"
        return f"<MemoryCache {len(self)} of {self._max_entries} entries{lifetime}>"


def _is_positive(value: object) -> bool:
    """Whether it is a number above 0; NaN is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
