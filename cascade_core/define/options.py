"""What a lazy result may have beside its arguments: order, condition, retry, limits and so on.

Which options are present is part of the structure (``OptionShape``); what they say is data, read
from the lazy result of this run (``Options.values``).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast, final

from cascade_core.caching import CachePolicy
from cascade_core.define.quote import Quoted
from cascade_core.errors import GraphError

if TYPE_CHECKING:
    from cascade_core.define.lazy import LazyResult


class OptionShape(NamedTuple):
    """Which options a call has; a token of the plan key, in front of the task's identity."""

    after: int
    """How many calls it comes after."""
    has_condition: bool
    constraints: tuple[str, ...]
    """The names of the resources it is limited by, sorted."""
    has_retry: bool
    has_timeout: bool
    has_cache: bool


@final
class Retry:
    """How often a call is tried, and how long to wait in between.

    Attributes:
        max_attempts: Calls at most, the first one too.
        delay: Seconds between the first two calls.
        backoff: What each further delay is multiplied by.
    """

    __slots__ = ("backoff", "delay", "max_attempts")

    def __init__(self, max_attempts: int, delay: float, backoff: float) -> None:
        if type(max_attempts) is not int or max_attempts < 1:
            raise GraphError(f"max_attempts must be an int >= 1, got {max_attempts!r}")
        self.max_attempts: Final = max_attempts
        self.delay: Final = checked_number("delay", delay)
        self.backoff: Final = checked_number("backoff", backoff)

    def __repr__(self) -> str:
        return f"<Retry {self.max_attempts}, delay {self.delay:g} s, backoff {self.backoff:g}>"


@final
class Options:
    """The options of one lazy result; absent ones are None or empty.

    Attributes:
        after: What it comes after.
        condition: What decides whether it runs.
        constraints: Name and amount, sorted by name.
        retry: How often it is tried.
        timeout: Seconds that an attempt may take.
        cache: Where its value is kept.
        shape: The part in the structure.
        values: What the present options say, in the order that ``decode.py`` reads: lazy or data.
    """

    __slots__ = (
        "after",
        "cache",
        "condition",
        "constraints",
        "retry",
        "shape",
        "timeout",
        "values",
    )

    def __init__(
        self,
        after: tuple[LazyResult[Any], ...] = (),
        condition: LazyResult[Any] | bool | None = None,
        constraints: tuple[tuple[str, Any], ...] = (),
        retry: Retry | None = None,
        timeout: float | None = None,
        cache: CachePolicy | None = None,
    ) -> None:
        self.after: Final = after
        self.condition: Final = condition
        self.constraints: Final = constraints
        self.retry: Final = retry
        self.timeout: Final = timeout
        self.cache: Final = cache
        self.shape: Final = OptionShape(
            len(after),
            condition is not None,
            tuple([name for name, _ in constraints]),
            retry is not None,
            timeout is not None,
            cache is not None,
        )
        self.values: Final = (
            *(() if condition is None else (condition,)),
            *after,
            *[amount for _, amount in constraints],
            *[Quoted(option) for option in (retry, timeout, cache) if option is not None],
        )

    def replaced(self, changes: dict[str, Any]) -> Options | None:
        """The same with some of them changed; None if none is left."""
        fields = {name: getattr(self, name) for name in OPTIONS}
        options = Options(**(fields | changes))
        return options if any(options.shape) else None

    def __reduce__(self) -> tuple[Any, ...]:
        return Options, tuple([getattr(self, name) for name in OPTIONS])


OPTIONS: Final = ("after", "condition", "constraints", "retry", "timeout", "cache")
"""The names of all options, in the order of the arguments of ``Options``."""

NO_OPTIONS: Final = Options()


def checked_number(what: str, value: Any) -> float:
    """Refuse what is no finite number >= 0."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value <= sys.float_info.max:
        return cast("float", value)
    raise GraphError(f"{what} must be a number >= 0, got {value!r}")


def checked_timeout(seconds: Any) -> float:
    """Refuse what is no finite number of seconds above 0."""
    if checked_number("timeout", seconds) == 0:
        raise GraphError(f"timeout must be a number of seconds > 0, got {seconds!r}")
    return float(seconds)


def checked_policy(policy: object) -> CachePolicy:
    """Refuse what has no ``get`` and ``set``."""
    if isinstance(policy, type) or not isinstance(policy, CachePolicy):
        raise TypeError(
            f"with_cache needs a policy with async get(key) and set(key, value), got {policy!r}"
        )
    return policy
