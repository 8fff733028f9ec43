"""From values to forms, and after a failure the path to what failed.

A form that grows long is replaced by its hash (``#``, which begins no label), so a member costs
its container at most ``_LONGEST`` bytes, and the form of each object is made once: objects that
are shared, however often, keep the cost linear. The stack is explicit, so nesting is bounded by
memory; it is also where a reason reads the path from.

It knows no types but sets and mappings: what a value is made of is told by its rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, final

from cascade_core.graph.content.forms import (
    MAPPINGS,
    SETS,
    Parts,
    Refusal,
    Rule,
    make_form,
    type_name,
)
from cascade_core.graph.content.rules import rule_of_class

_LONGEST: Final = 64
"""Bytes of a form that stands for itself; twice a hash, so that few small values are hashed."""


@final
class _Open:
    """A value whose members are being encoded: ``forms`` of those that are done."""

    __slots__ = ("forms", "parts", "rest", "value")

    def __init__(self, value: object, parts: Parts) -> None:
        self.value = value
        self.parts = parts
        self.rest = iter(parts.members)
        self.forms: list[bytes] = []

    def form(self) -> bytes:
        label, _, _, head = self.parts
        forms = sorted(self.forms) if label in SETS else self.forms
        return make_form(label, head + b"".join(forms))


@final
class Encoding:
    """The forms of some values, and after a failure what failed where."""

    __slots__ = ("_known", "_rules", "_stack")

    def __init__(self, rules: Mapping[type, Rule]) -> None:
        self._rules = rules
        # Form by id, None while the object is open. The objects are kept alive with their forms,
        # for some are made by the rules and their ids would be given to others.
        self._known: dict[int, tuple[bytes | None, object]] = {}
        self._stack: list[_Open] = []

    def forms(self, values: Sequence[Any]) -> list[bytes]:
        """One form for each value.

        Raises:
            Exception: A value has no form; ``reason`` tells which.
        """
        root = _Open(values, Parts(b"values", values))
        stack = self._stack = [root]
        while True:
            top = stack[-1]
            for member in top.rest:
                form = self._form_of(member)
                if form is None:
                    break
                top.forms.append(form)
            else:
                if top is root:
                    return root.forms
                stack.pop()
                stack[-1].forms.append(self._keep(top.value, top.form()))

    def _form_of(self, value: object) -> bytes | None:
        """The form of a value, or None if it had to be opened."""
        known = self._known.get(id(value))
        if known is not None:
            if known[0] is None:
                raise Refusal(f"a value of type {type_name(type(value))} contains itself")
            return known[0]
        kind = type(value)
        rule = self._rules.get(kind) or rule_of_class(kind)
        parts = rule(value)
        if isinstance(parts, bytes):
            return parts if len(parts) <= _LONGEST else self._keep(value, parts)
        self._known[id(value)] = (None, value)
        self._stack.append(_Open(value, parts))
        return None

    def _keep(self, value: object, form: bytes) -> bytes:
        if len(form) > _LONGEST:
            form = b"#" + sha256(form).digest()
        self._known[id(value)] = (form, value)
        return form

    @property
    def position(self) -> int:
        """Which of the values failed."""
        return len(self._stack[0].forms)

    def reason(self, error: Exception) -> str:
        """The path from the failing value to the failing part, and what is wrong with it."""
        path = _shortened([_step(level) for level in self._stack[1:]])
        if isinstance(error, Refusal):
            return f"{path}: {error}"
        inner = self._stack[-1]
        kind = type(inner.parts.members[len(inner.forms)])
        raised = type_name(type(error))
        return f"{path}: a value of type {type_name(kind)} cannot be read: it raised {raised}"


def _step(level: _Open) -> str:
    """From an open value to its member in work, as code would write it."""
    parts, index = level.parts, len(level.forms)
    if parts.names:
        return f".{parts.names[index]}"
    if parts.label in SETS:
        return "[a member]"
    if parts.label not in MAPPINGS:
        return f"[{index}]"
    if index % 2 == 0:
        return f"[key {index // 2}]"
    key = parts.members[index - 1]
    return f"[{key!r}]" if _can_be_shown(key) else f"[value {index // 2}]"


def _can_be_shown(key: object) -> bool:
    """Whether the ``repr`` of a key is safe to take and fit for one line."""
    if type(key) is str or type(key) is bytes:
        return len(key) <= 40
    if type(key) is int:
        return key.bit_length() <= 64
    return key is None or type(key) is bool


def _shortened(steps: list[str]) -> str:
    return "".join(steps if len(steps) <= 12 else [*steps[:6], "...", *steps[-5:]])
