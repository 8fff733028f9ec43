"""The key of a call: its task's token, and label and form of each argument.

It owns the version of the format and the error that ends in a log.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Final

from cascade_core.define.task import TaskIdentity
from cascade_core.graph.content.encoding import Encoding
from cascade_core.graph.content.forms import make_form, text_form
from cascade_core.graph.content.rules import RULES

_FORMAT: Final = b"cascade content 1"
"""Raise the number when any form changes: stored results are then not found any more."""


class UnstableValue(Exception):
    """A call that has no content key, because of one of its values. Internal: it ends in a log.

    Attributes:
        reason: Where the value is and what is wrong with it, in one line.
        task: The name of the task that was called.
    """

    def __init__(self, reason: str, task: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.task = task


def content_key(
    identity: TaskIdentity, token: bytes, arguments: Iterable[tuple[str, Any]]
) -> bytes:
    """The content of one call.

    Args:
        identity: The task; errors name it. What the key says of it is ``token``.
        token: The task's, as ``task_token`` gives it.
        arguments: Label and value of each argument, in signature order, defaults applied.

    Returns:
        A SHA-256 digest. Equal for equal tokens, labels and values, types and order included.

    Raises:
        UnstableValue: A value, or something inside it, has no stable encoding.

    Cost: linear in the nested size of the values; the members of sets are sorted.
    """
    pairs = list(arguments)
    encoding = Encoding(RULES)
    try:
        forms = encoding.forms([value for _, value in pairs])
    except Exception as error:  # rules run code of foreign classes, which may raise anything
        label = pairs[encoding.position][0]
        raise UnstableValue(f"argument {label!r}{encoding.reason(error)}", identity.name) from error
    parts = [_FORMAT, make_form(b"token", token)]
    for (label, _), form in zip(pairs, forms, strict=True):
        parts.append(text_form(label))
        parts.append(form)
    return sha256(b"".join(parts)).digest()
