"""Instances of a program's own classes as they are, without running code of their class.

A namedtuple or dataclass instance is its class and its fields. Whatever else it can hold is looked
for here, in its ``__dict__``, its slots and the layout of its memory, for a key that left it out
would be the key of another value too; what it means that there is something is for ``rules``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import fields
from types import MemberDescriptorType
from typing import Any, Final, NamedTuple

from cascade_core.graph.content.forms import make_form, text_form
from cascade_core.graph.content.names import ByIdentity, class_form, lock


class Layout(NamedTuple):
    """What instances of a namedtuple or dataclass hold."""

    names: tuple[str, ...]
    """The fields, in order."""
    slots: tuple[str, ...]
    head: bytes
    """Forms of the class and of the names."""
    holds_more: bool
    """Whether there is something that is no attribute, as there is in a subclass of ``list``."""


_layouts: ByIdentity[Layout] = ByIdentity()


def layout_of(kind: Any) -> Layout:
    """The layout of a namedtuple or dataclass, made once while the class lives."""
    layout = _layouts.get(kind)
    if layout is None:
        is_tuple = issubclass(kind, tuple)
        names = kind._fields if is_tuple else tuple(field.name for field in fields(kind))
        head = class_form(kind) + make_form(b"names", b"".join(map(text_form, names)))
        slots = tuple(_slot_names(kind))
        made = Layout(names, slots, head, _holds_more(kind, slots))
        with lock:
            layout = _layouts.setdefault(kind, made)
    return layout


def _slot_names(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        for name, attribute in vars(base).items():
            if type(attribute) is MemberDescriptorType:
                yield name


_POINTER: Final = struct.calcsize("P")


def _holds_more(kind: type, slots: tuple[str, ...]) -> bool:
    # The pointer to weak references lies before the object from Python 3.12 on, that to the
    # attributes lies there in all versions.
    pointers = len(slots) + (kind.__weakrefoffset__ > 0)
    return kind.__basicsize__ > object.__basicsize__ + pointers * _POINTER


def dict_of(value: object) -> dict[str, Any]:
    """The ``__dict__`` of an instance; empty if it has none."""
    has_dict = type(value).__dictoffset__
    return object.__getattribute__(value, "__dict__") if has_dict else {}


def slots_of(value: object, slots: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Name and value of those slots of an instance that are set."""
    for name in slots:
        try:
            yield name, object.__getattribute__(value, name)
        except AttributeError:  # it is not set
            continue
