"""Rules: how a value of exactly one type is written or taken apart.

One rule for each plain type, in a table, and one for each kind of class that a program defines
itself. A type without a rule has no form: there is no falling back to a base class, whose rule
would leave out what the class adds.

Rules see one value and never its members; going down is for ``encoding``.
"""

from __future__ import annotations

import struct
from collections import OrderedDict, defaultdict
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, Final
from uuid import UUID

from cascade_core.graph.content.forms import (
    NONE_FORM,
    Parts,
    Refusal,
    Rule,
    int_form,
    make_form,
    text_form,
    type_name,
)
from cascade_core.graph.content.instances import dict_of, layout_of, slots_of
from cascade_core.graph.content.names import class_form


def _path(value: Any) -> bytes:
    return make_form(type(value).__name__.encode(), text_form(str(value)))


def _span(value: Any) -> Parts:
    members = (value.start, value.stop, value.step)
    return Parts(type(value).__name__.encode(), members, ("start", "stop", "step"))


def _mapping(value: Any, head: bytes = b"") -> Parts:
    members = [part for item in value.items() for part in item]
    return Parts(type(value).__name__.encode(), members, head=head)


def _ordered_dict(value: Any) -> Parts:
    if dict_of(value):
        raise Refusal("an OrderedDict has attributes beside its items")
    return _mapping(value)


def _defaultdict(value: Any) -> Parts:
    factory = value.default_factory
    if factory is None:
        return _mapping(value, NONE_FORM)
    head = class_form(factory) if issubclass(type(factory), type) else b""
    if not head.startswith(b"class"):
        raise Refusal("a defaultdict's factory must be None or an importable class")
    return _mapping(value, head)


def _moment(value: Any) -> Parts:
    """A datetime or a time."""
    naive = value.replace(tzinfo=None).isoformat()
    label = type(value).__name__.encode()
    return Parts(label, (naive, value.fold, value.tzinfo), ("isoformat()", "fold", "tzinfo"))


def _timedelta(value: timedelta) -> bytes:
    return make_form(b"timedelta", b"%d,%d,%d" % (value.days, value.seconds, value.microseconds))


def _decimal(value: Decimal) -> bytes:
    # All that it holds: sign, digits, exponent. Only the case of its letters is the context's.
    return make_form(b"Decimal", str(value).upper().encode())


RULES: Final[dict[type, Rule]] = {
    type(None): lambda value: NONE_FORM,
    bool: lambda value: make_form(b"bool", b"1" if value else b"0"),
    int: int_form,
    float: lambda value: make_form(b"float", struct.pack(">d", value)),
    complex: lambda value: make_form(b"complex", struct.pack(">dd", value.real, value.imag)),
    str: text_form,
    bytes: lambda value: make_form(b"bytes", value),
    bytearray: lambda value: make_form(b"bytearray", value),
    list: lambda value: Parts(b"list", list(value)),
    tuple: lambda value: Parts(b"tuple", value),
    set: lambda value: Parts(b"set", list(value)),
    frozenset: lambda value: Parts(b"frozenset", list(value)),
    dict: _mapping,
    OrderedDict: _ordered_dict,
    defaultdict: _defaultdict,
    range: _span,
    slice: _span,
    date: lambda value: make_form(b"date", value.isoformat().encode()),
    datetime: _moment,
    time: _moment,
    timedelta: _timedelta,
    timezone: lambda value: Parts(b"timezone", (value.utcoffset(None), value.tzname(None))),
    Decimal: _decimal,
    Fraction: lambda value: Parts(b"Fraction", (value.numerator, value.denominator)),
    UUID: lambda value: Parts(b"UUID", (value.bytes, value.is_safe)),
    **dict.fromkeys((PurePosixPath, PureWindowsPath, PosixPath, WindowsPath), _path),
}


def rule_of_class(kind: type) -> Rule:
    """The rule of a class that a program defines itself."""
    if issubclass(kind, Flag):
        return _flag
    if issubclass(kind, Enum):
        return _enum_member
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _namedtuple
    if hasattr(kind, "__dataclass_fields__"):
        return _dataclass_instance
    raise Refusal(
        f"a value of type {type_name(kind)} has no stable encoding; "
        "pass plain data, a dataclass or an enum member instead"
    )


def _flag(value: Any) -> bytes:
    return make_form(b"flag", class_form(type(value)) + int_form(value._value_))


def _enum_member(value: Any) -> bytes:
    kind, name = type(value), value._name_
    if kind.__members__.get(name) is not value:
        raise Refusal(f"a value of type {type_name(kind)} is no member of it")
    return make_form(b"enum", class_form(kind) + text_form(name))


def _namedtuple(value: Any) -> Parts:
    layout = layout_of(type(value))
    members = tuple(tuple.__iter__(value))
    if dict_of(value) or len(members) != len(layout.names):
        raise Refusal(_MORE_THAN_FIELDS.format(type_name(type(value))))
    return Parts(b"namedtuple", members, layout.names, layout.head)


def _dataclass_instance(value: Any) -> Parts:
    layout = layout_of(type(value))
    attributes = [*dict_of(value).items(), *slots_of(value, layout.slots)]
    held = dict(attributes)
    # An attribute that is no field, or that hides another one, makes more attributes than fields.
    if layout.holds_more or len(attributes) > sum(name in held for name in layout.names):
        raise Refusal(_MORE_THAN_FIELDS.format(type_name(type(value))))
    members = [held[name] if name in held else getattr(value, name) for name in layout.names]
    return Parts(b"dataclass", members, layout.names, layout.head)


_MORE_THAN_FIELDS: Final = "a value of type {} holds something beside its fields"
