"""Forms: what the bytes of one value look like, and what a rule may answer about it.

The *form* of a value is ``label length : payload``; no form is the beginning of another, so forms
may stand side by side and nothing in a payload can pass for structure. An atom's payload is its
content. Anything else is taken apart by the rule of its exact type, and its payload is the forms
of its members.

It owns the format, not the rules: which value gets which form is told by ``rules``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias


def make_form(label: bytes, payload: bytes) -> bytes:
    """A form; it tells its end: labels hold no digits, and the payload comes after its length."""
    return b"%b%d:%b" % (label, len(payload), payload)


def text_form(value: str) -> bytes:
    """The form of a text; half surrogate pairs are text too."""
    return make_form(b"str", value.encode("utf-8", "surrogatepass"))


def int_form(value: int) -> bytes:
    """The form of an int."""
    return make_form(b"int", b"%x" % value)  # in hex: linear, and decimals end at 4,300 digits


NONE_FORM: Final = make_form(b"None", b"")


class Parts(NamedTuple):
    """A value taken apart by its rule."""

    label: bytes
    members: Sequence[Any]
    """What the rest is made of: key and value by turns if the label is one of ``MAPPINGS``."""
    names: Sequence[str] = ()
    """What reasons call the members, if they are attributes."""
    head: bytes = b""
    """Forms that come before those of the members."""


MAPPINGS: Final = frozenset({b"dict", b"OrderedDict", b"defaultdict"})
"""Labels of values whose members are keys and values by turns."""

SETS: Final = frozenset({b"set", b"frozenset"})
"""Labels of values whose members have no order."""

Rule: TypeAlias = Callable[[Any], bytes | Parts]
"""How a value of one exact type is written, as a form, or taken apart."""


class Refusal(Exception):
    """What is wrong with a value, without where it is."""


def type_name(kind: type) -> str:
    """What reasons call a type."""
    try:
        return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    except Exception:  # a metaclass may answer anything
        return "without a name"
