"""Content keys: a call as its task and the *values* of its arguments, for reusing results.

Two calls with one key would come to one value, here and in any other process. So a key is made of
what values are, never of ``repr``, ``id`` or ``hash``; and a value that has no such encoding makes
its call uncacheable, with a reason.

How a value becomes bytes. Its *form* is ``label length : payload``; no form is the beginning of
another, so forms may stand side by side and nothing in a payload can pass for structure. An atom's
payload is its content. Anything else is taken apart by the rule of its exact type, and its payload
is the forms of its members. A form that grows long is replaced by its hash (``#``, which begins no
label), so a member costs its container at most ``_LONGEST`` bytes, and the form of each object is
made once: objects that are shared, however often, keep the cost linear. The stack is explicit, so
nesting is bounded by memory.

Classes and tasks go by *name* where the name leads back to them, for names agree between
processes, and a name is given to one owner only, for ever. All others get random bytes of their
own: local functions, closures, and whatever took the place of an earlier owner of its name.
"""

from __future__ import annotations

import importlib.util
import os
import struct
import sys
import threading
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from hashlib import sha256
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from types import CodeType, EllipsisType, FunctionType, MemberDescriptorType
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar, final
from uuid import UUID
from weakref import WeakKeyDictionary

from cascade_core.define.task import Task, TaskIdentity

V = TypeVar("V")

_FORMAT: Final = b"cascade content 1"
"""Raise the number when any form changes: stored results are then not found any more."""

_LONGEST: Final = 64
"""Bytes of a form that stands for itself; twice a hash, so that few small values are hashed."""


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
    encoding = _Encoding(_RULES)
    try:
        forms = encoding.forms([value for _, value in pairs])
    except Exception as error:  # rules run code of foreign classes, which may raise anything
        label = pairs[encoding.position][0]
        raise UnstableValue(f"argument {label!r}{encoding.reason(error)}", identity.name) from error
    parts = [_FORMAT, _form(b"token", token)]
    for (label, _), form in zip(pairs, forms, strict=True):
        parts.append(_text(label))
        parts.append(form)
    return sha256(b"".join(parts)).digest()


# -- forms ----------------------------------------------------------------------------------------


def _form(label: bytes, payload: bytes) -> bytes:
    """Self-delimiting: labels hold no digits, and the length of the payload is told before it."""
    return b"%b%d:%b" % (label, len(payload), payload)


def _text(value: str) -> bytes:
    return _form(b"str", value.encode("utf-8", "surrogatepass"))


def _int(value: int) -> bytes:
    return _form(b"int", b"%x" % value)  # in hex: linear, and decimals end at 4,300 digits


def _path(value: Any) -> bytes:
    return _form(type(value).__name__.encode(), _text(str(value)))


_NONE: Final = _form(b"None", b"")


class _Parts(NamedTuple):
    """A value taken apart by its rule."""

    label: bytes
    members: Sequence[Any]
    """What the rest is made of: key and value by turns if the label is one of ``_MAPPINGS``."""
    names: Sequence[str] = ()
    """What reasons call the members, if they are attributes."""
    head: bytes = b""
    """Forms that come before those of the members."""


_MAPPINGS: Final = frozenset({b"dict", b"OrderedDict", b"defaultdict"})
_SETS: Final = frozenset({b"set", b"frozenset"})


@final
class _Open:
    """A value whose members are being encoded: ``forms`` of those that are done."""

    __slots__ = ("forms", "parts", "rest", "value")

    def __init__(self, value: object, parts: _Parts) -> None:
        self.value = value
        self.parts = parts
        self.rest = iter(parts.members)
        self.forms: list[bytes] = []

    def form(self) -> bytes:
        label, _, _, head = self.parts
        forms = sorted(self.forms) if label in _SETS else self.forms
        return _form(label, head + b"".join(forms))


@final
class _Encoding:
    """The forms of some values, and after a failure what failed where."""

    __slots__ = ("_known", "_rules", "_stack")

    def __init__(self, rules: Mapping[type, _Rule]) -> None:
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
        root = _Open(values, _Parts(b"values", values))
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
                raise _Refusal(f"a value of type {_type_name(type(value))} contains itself")
            return known[0]
        kind = type(value)
        rule = self._rules.get(kind) or _rule_of_class(kind)
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
        if isinstance(error, _Refusal):
            return f"{path}: {error}"
        inner = self._stack[-1]
        kind = type(inner.parts.members[len(inner.forms)])
        raised = _type_name(type(error))
        return f"{path}: a value of type {_type_name(kind)} cannot be read: it raised {raised}"


class _Refusal(Exception):
    """What is wrong with a value, without where it is."""


# -- reasons --------------------------------------------------------------------------------------


def _step(level: _Open) -> str:
    """From an open value to its member in work, as code would write it."""
    parts, index = level.parts, len(level.forms)
    if parts.names:
        return f".{parts.names[index]}"
    if parts.label in _SETS:
        return "[a member]"
    if parts.label not in _MAPPINGS:
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


def _type_name(kind: type) -> str:
    try:
        return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    except Exception:  # a metaclass may answer anything
        return "without a name"


# -- rules: how a value of exactly this type is written or taken apart ----------------------------


def _span(value: Any) -> _Parts:
    members = (value.start, value.stop, value.step)
    return _Parts(type(value).__name__.encode(), members, ("start", "stop", "step"))


def _mapping(value: Any, head: bytes = b"") -> _Parts:
    members = [part for item in value.items() for part in item]
    return _Parts(type(value).__name__.encode(), members, head=head)


def _ordered_dict(value: Any) -> _Parts:
    if _dict_of(value):
        raise _Refusal("an OrderedDict has attributes beside its items")
    return _mapping(value)


def _defaultdict(value: Any) -> _Parts:
    factory = value.default_factory
    if factory is None:
        return _mapping(value, _NONE)
    head = _class_form(factory) if issubclass(type(factory), type) else b""
    if not head.startswith(b"class"):
        raise _Refusal("a defaultdict's factory must be None or an importable class")
    return _mapping(value, head)


def _moment(value: Any) -> _Parts:
    """A datetime or a time."""
    naive = value.replace(tzinfo=None).isoformat()
    label = type(value).__name__.encode()
    return _Parts(label, (naive, value.fold, value.tzinfo), ("isoformat()", "fold", "tzinfo"))


def _timedelta(value: timedelta) -> bytes:
    return _form(b"timedelta", b"%d,%d,%d" % (value.days, value.seconds, value.microseconds))


def _decimal(value: Decimal) -> bytes:
    # All that it holds: sign, digits, exponent. Only the case of its letters is the context's.
    return _form(b"Decimal", str(value).upper().encode())


_Rule: TypeAlias = Callable[[Any], bytes | _Parts]

_RULES: Final[dict[type, _Rule]] = {
    type(None): lambda value: _NONE,
    bool: lambda value: _form(b"bool", b"1" if value else b"0"),
    int: _int,
    float: lambda value: _form(b"float", struct.pack(">d", value)),
    complex: lambda value: _form(b"complex", struct.pack(">dd", value.real, value.imag)),
    str: _text,
    bytes: lambda value: _form(b"bytes", value),
    bytearray: lambda value: _form(b"bytearray", value),
    list: lambda value: _Parts(b"list", list(value)),
    tuple: lambda value: _Parts(b"tuple", value),
    set: lambda value: _Parts(b"set", list(value)),
    frozenset: lambda value: _Parts(b"frozenset", list(value)),
    dict: _mapping,
    OrderedDict: _ordered_dict,
    defaultdict: _defaultdict,
    range: _span,
    slice: _span,
    date: lambda value: _form(b"date", value.isoformat().encode()),
    datetime: _moment,
    time: _moment,
    timedelta: _timedelta,
    timezone: lambda value: _Parts(b"timezone", (value.utcoffset(None), value.tzname(None))),
    Decimal: _decimal,
    Fraction: lambda value: _Parts(b"Fraction", (value.numerator, value.denominator)),
    UUID: lambda value: _Parts(b"UUID", (value.bytes, value.is_safe)),
    **dict.fromkeys((PurePosixPath, PureWindowsPath, PosixPath, WindowsPath), _path),
}


def _rule_of_class(kind: type) -> _Rule:
    """The rule of a class that a program defines itself."""
    if issubclass(kind, Flag):
        return _flag
    if issubclass(kind, Enum):
        return _enum_member
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _namedtuple
    if hasattr(kind, "__dataclass_fields__"):
        return _dataclass_instance
    raise _Refusal(
        f"a value of type {_type_name(kind)} has no stable encoding; "
        "pass plain data, a dataclass or an enum member instead"
    )


def _flag(value: Any) -> bytes:
    return _form(b"flag", _class_form(type(value)) + _int(value._value_))


def _enum_member(value: Any) -> bytes:
    kind, name = type(value), value._name_
    if kind.__members__.get(name) is not value:
        raise _Refusal(f"a value of type {_type_name(kind)} is no member of it")
    return _form(b"enum", _class_form(kind) + _text(name))


def _namedtuple(value: Any) -> _Parts:
    layout = _layout(type(value))
    members = tuple(tuple.__iter__(value))
    if _dict_of(value) or len(members) != len(layout.names):
        raise _Refusal(_MORE_THAN_FIELDS.format(_type_name(type(value))))
    return _Parts(b"namedtuple", members, layout.names, layout.head)


def _dataclass_instance(value: Any) -> _Parts:
    layout = _layout(type(value))
    attributes = [*_dict_of(value).items(), *_slots_of(value, layout.slots)]
    held = dict(attributes)
    # An attribute that is no field, or that hides another one, makes more attributes than fields.
    if layout.holds_more or len(attributes) > sum(name in held for name in layout.names):
        raise _Refusal(_MORE_THAN_FIELDS.format(_type_name(type(value))))
    members = [held[name] if name in held else getattr(value, name) for name in layout.names]
    return _Parts(b"dataclass", members, layout.names, layout.head)


_MORE_THAN_FIELDS: Final = "a value of type {} holds something beside its fields"


# -- instances as they are, without running code of their class -----------------------------------


class _Layout(NamedTuple):
    """What instances of a namedtuple or dataclass hold."""

    names: tuple[str, ...]
    """The fields, in order."""
    slots: tuple[str, ...]
    head: bytes
    """Forms of the class and of the names."""
    holds_more: bool
    """Whether there is something that is no attribute, as there is in a subclass of ``list``."""


def _layout(kind: Any) -> _Layout:
    layout = _layouts.get(kind)
    if layout is None:
        is_tuple = issubclass(kind, tuple)
        names = kind._fields if is_tuple else tuple(field.name for field in fields(kind))
        head = _class_form(kind) + _form(b"names", b"".join(map(_text, names)))
        slots = tuple(_slot_names(kind))
        made = _Layout(names, slots, head, _holds_more(kind, slots))
        with _lock:
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


def _dict_of(value: object) -> dict[str, Any]:
    has_dict = type(value).__dictoffset__
    return object.__getattribute__(value, "__dict__") if has_dict else {}


def _slots_of(value: object, slots: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for name in slots:
        try:
            yield name, object.__getattribute__(value, name)
        except AttributeError:  # it is not set
            continue


# -- names of classes and tasks -------------------------------------------------------------------


@final
class _ByIdentity(Generic[V]):
    """A value for each object while it lives; never asks for its ``__hash__`` or ``__eq__``."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Any], V]] = {}

    def get(self, owner: object) -> V | None:
        entry = self._entries.get(id(owner))
        return None if entry is None else entry[1]

    def setdefault(self, owner: object, value: V) -> V:
        """The value of ``owner``, now ``value`` if it had none.

        Raises:
            TypeError: Objects of this type cannot be referenced weakly.
        """
        entries, key = self._entries, id(owner)
        if key not in entries:
            entries[key] = (weakref.ref(owner, lambda _: entries.pop(key, None)), value)
        return entries[key][1]


class _Grant(NamedTuple):
    token: bytes
    holder: weakref.ref[TaskIdentity]


# Engines of several threads share what follows. The lock is reentrant because a finaliser, which
# may run at any time, may make a key.
_lock = threading.RLock()
_given: set[bytes] = set()
_class_forms: _ByIdentity[bytes] = _ByIdentity()
_layouts: _ByIdentity[_Layout] = _ByIdentity()
_task_tokens: WeakKeyDictionary[TaskIdentity, bytes] = WeakKeyDictionary()
_grants: _ByIdentity[dict[tuple[str, bool, str], _Grant]] = _ByIdentity()
"""For each function: which token its task of that name, ``pure`` and ``run_on`` has."""


def _claim(wanted: bytes | None) -> bytes:
    """``wanted`` for the first who asks, and bytes of their own for all others."""
    if wanted is None or wanted in _given:
        return _form(b"local", os.urandom(16))  # random, so that forked processes differ too
    _given.add(wanted)
    return wanted


def _resolve(name: str) -> Any:
    """What ``module:qualname`` leads to; raises anything where it leads nowhere."""
    module, _, qualname = name.partition(":")
    found: Any = sys.modules[module]
    for attribute in qualname.split("."):
        found = getattr(found, attribute)
    return found


def _class_form(kind: type) -> bytes:
    form = _class_forms.get(kind)
    if form is None:
        name = _class_name(kind)
        with _lock:
            form = _class_forms.get(kind) or _class_forms.setdefault(kind, _claim(name))
    return form


def _class_name(kind: type) -> bytes | None:
    try:
        name = f"{kind.__module__}:{kind.__qualname__}"
        return _form(b"class", name.encode()) if _resolve(name) is kind else None
    except Exception:  # modules and metaclasses may answer anything
        return None


def task_token(task: Task[Any]) -> bytes:
    """What content keys say of a task.

    A function without a closure that its qualified name leads to has a token made of that name,
    the task's name, ``pure``, ``run_on`` and the function's code; it is the same in every process
    of one Python version that runs the same source, wherever the source stands. All others have
    a token of their own in this process, as has a second function that would get the token of a
    first one. One function with the same options keeps its token for as long as it lives.

    Cost: constant, after the first time for a task: linear in its code.
    """
    token = _task_tokens.get(task.identity)
    if token is None:
        stable = _stable_token(task)
        with _lock:
            token = _task_tokens.setdefault(task.identity, _grant(task, stable))
    return token


def _grant(task: Task[Any], stable: bytes | None) -> bytes:
    try:
        grants = _grants.setdefault(task.fn, {})
    except TypeError:  # a callable without weak references
        return _claim(None)
    options = (task.name, task.pure, task.run_on)
    earlier = grants.get(options)
    if earlier is not None and earlier.holder() is not None:
        return _claim(None)
    token = _claim(stable) if earlier is None else earlier.token
    grants[options] = _Grant(token, weakref.ref(task.identity))
    return token


def _stable_token(task: Task[Any]) -> bytes | None:
    fn, name = task.fn, task.identity.qualified_name
    if type(fn) is not FunctionType or fn.__code__.co_freevars:
        return None
    try:
        found = _resolve(name)
        if found is not fn and found.fn is not fn:
            return None
        # Bytecode means something to one version of Python only, which the magic number tells.
        told = (name, task.name, task.pure, task.run_on, importlib.util.MAGIC_NUMBER, fn.__code__)
        return sha256(b"".join(_Encoding(_CONSTANT_RULES).forms(told))).digest()
    except Exception:  # the name leads nowhere, or the code was made by hand of strange constants
        return None


def _code(code: CodeType) -> _Parts:
    """All that decides what code does; neither its file nor its lines.

    Names are among it: those of variables are what keywords of inner functions refer to, and an
    inner function may be asked for its own.
    """
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    variables = (code.co_varnames, code.co_cellvars, code.co_freevars)
    bytecode = (code.co_code, code.co_exceptiontable, code.co_names, code.co_consts)
    return _Parts(b"code", (code.co_qualname, *counts, *variables, *bytecode))


_CONSTANT_RULES: Final[dict[type, _Rule]] = {
    **_RULES,
    CodeType: _code,
    EllipsisType: lambda value: _form(b"ellipsis", b""),
}
