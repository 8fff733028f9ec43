"""Keys beside lazy values: which can be part of a structure, and how they are written there.

Dict keys and the route keys of ``select`` follow the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum, Flag
from typing import Any, TypeAlias

from cascade_core.errors import GraphError

KeyToken: TypeAlias = tuple[type, Any]
"""Type and value, so that ``1``, ``True`` and ``"1"`` differ; for a tuple its length, followed by
the tokens of its members."""

SUGGEST_QUOTE = "; pass it as quote(value) if it is not meant to be searched"


def key_tokens(key: object, what: str, is_live: Callable[[Any], bool]) -> Iterator[KeyToken]:
    """One key, flat and typed.

    Args:
        key: What stands beside a lazy value.
        what: What messages call it: ``dict key``.
        is_live: Tells which values stand for something other than themselves.

    Raises:
        GraphError: The key cannot be part of a structure.
    """
    stack = [key]
    while stack:
        part = stack.pop()
        kind = type(part)
        if kind in (str, int, bool, bytes, type(None)):
            yield (kind, part)
        elif isinstance(part, Enum):  # a combination of flags has no member of its own
            yield (kind, part.value if isinstance(part, Flag) else part.name)
        elif is_live(part):
            raise GraphError(f"a {what} holds a lazy result: {part!r}{SUGGEST_QUOTE}")
        elif type(part) is tuple:
            yield (tuple, len(part))
            stack.extend(reversed(part))
        else:
            raise GraphError(
                f"{what} {part!r} of type {kind.__name__} cannot stand beside lazy values: "
                f"expected str, int, bool, None, bytes, an enum member or a tuple of these"
                f"{SUGGEST_QUOTE}"
            )


def keys_text(tokens: Iterable[Any]) -> str:
    """Key tokens (or counts) as text that is the same in every process, for digests."""
    return ",".join(_token_text(token) for token in tokens)


def _token_text(token: Any) -> str:
    if isinstance(token, tuple):
        kind, content = token
        return f"{type_name(kind)}:{content!r}"
    return repr(token)


def type_name(kind: type) -> str:
    """``module:qualname`` of a type."""
    return f"{kind.__module__}:{kind.__qualname__}"
