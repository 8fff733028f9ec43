"""Values that have no content key, and what the reasons tell."""

from __future__ import annotations

import array
import asyncio
import collections
import dataclasses
import enum
import functools
import os
import re
import threading
import types
import uuid
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any
from unittest.mock import MagicMock, Mock
from zoneinfo import ZoneInfo

import pytest
from content_samples import M, f, key, reason

from cascade_core.define.quote import quote
from cascade_core.graph.content import UnstableValue

# -- types without a rule -------------------------------------------------------------------------


class Plain:
    pass


class OwnList(list):
    pass


class OwnDict(dict):
    pass


class OwnStr(str):
    pass


class OwnInt(int):
    pass


class OwnDatetime(datetime):
    pass


class OwnDecimal(Decimal):
    pass


class OwnZone(tzinfo):
    pass


class FieldsOnly:
    _fields = ("a",)


def function():
    pass


UNSTABLE: list[Any] = [
    *(object(), Plain(), Plain, int, lambda: 1, function, len, [].append, functools.partial(len)),
    *(OwnList(), OwnDict(), OwnStr("a"), OwnInt(1), OwnDecimal(1), OwnDatetime(2024, 1, 1)),
    *(f, f(1), quote(1), f.tail(1), f.identity, types, FieldsOnly()),
    *(Mock(), MagicMock(), Mock(spec=str), MagicMock(spec=M.Config), Mock(spec=M.Colour)),
    *(deque([1]), Counter("a"), UserDict(), collections.ChainMap(), types.MappingProxyType({})),
    *(iter([]), (i for i in ()), memoryview(b""), array.array("b"), ..., NotImplemented),
    *({}.keys(), {}.items(), zip(), ValueError("x"), re.compile("a"), re.match("", ""), OwnZone()),
    *(M.Config, M.Colour, M.Right, M.Pair, os.stat(os.curdir), threading.Lock(), function.__code__),
    types.SimpleNamespace(a=1),
    ZoneInfo("UTC"),
]


@pytest.mark.parametrize("value", UNSTABLE, ids=lambda value: type(value).__name__)
def test_other_values_have_no_key(value):
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")

    assert reason(value) == (
        f"argument 'x': a value of type {name} has no stable encoding; "
        "pass plain data, a dataclass or an enum member instead"
    )


def test_coroutine_has_no_key():
    async def coroutine():
        pass

    made = coroutine()
    assert "type coroutine has" in reason(made)
    made.close()


async def test_future_has_no_key():
    assert "Future has" in reason(asyncio.get_running_loop().create_future())


def test_error_tells_the_task_and_its_reason():
    with pytest.raises(UnstableValue) as caught:
        key(object())

    assert caught.value.task == "f"
    assert str(caught.value) == caught.value.reason


def test_argument_that_fails_is_named():
    with pytest.raises(UnstableValue, match=r"argument 'y'\[1\]: a value of type object"):
        key([1, 2], [1, object()], object())


PATHS = {
    "[0]": [Plain()],
    "[2][1]": (0, 0, [0, Plain()]),
    "['a']": {1: 2, "a": Plain()},
    "[b'a']": {b"a": Plain()},
    "[1]": {1: Plain()},
    "[True]": OrderedDict({True: Plain()}),
    "[None]": defaultdict(list, {None: Plain()}),
    "[key 1]": {"a": 1, Plain(): 1},
    "[key 0][0]": {(Plain(),): 1},
    "[value 1]": {"a": 1, (1, 2): Plain()},
    "[value 0]": {"a" * 41: Plain()},
    f"[{'a' * 40!r}]": {"a" * 40: Plain()},
    "[value 0][0]": {10**5000: [Plain()]},
    "[18446744073709551615]": {2**64 - 1: Plain()},
    "[a member]": {Plain()},
    "[a member][1]": frozenset({(1, Plain())}),
    ".retries": M.Config(1, Plain()),
    ".url.retries[0]": M.Config(M.Slotted(1, [Plain()])),
    ".left": M.Pair(Plain(), 1),
    ".stop": slice(1, Plain()),
    "[0].tzinfo": [datetime(2024, 1, 1, tzinfo=OwnZone())],
    "['a\\nb']": {"a\nb": Plain()},
}


@pytest.mark.parametrize("path", PATHS)
def test_reason_leads_to_the_value(path):
    told = reason(PATHS[path])

    assert told.startswith(f"argument 'x'{path}: a value of type ")
    assert "\n" not in told


def test_path_to_a_deep_value_is_shortened():
    nested: Any = Plain()
    for level in range(50):
        nested = [nested] if level % 2 else [0, nested]

    assert reason(nested).startswith("argument 'x'[0][1][0][1][0][1]...[1][0][1][0][1]: a value")


def test_path_of_twelve_steps_is_shown_whole():
    nested: Any = Plain()
    for _ in range(12):
        nested = [nested]

    assert reason(nested).startswith(f"argument 'x'{'[0]' * 12}: a value")


def test_zones_other_than_timezone_have_no_key():
    assert "argument 'x'.tzinfo: a value of type zoneinfo.ZoneInfo has" in reason(
        datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC"))
    )


FACTORIES = {
    "function": lambda: 1,
    "partial": functools.partial(list),
    "bound method": Plain().__init__,
    "builtin function": len,
}


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_defaultdict_of_a_function_has_no_key(factory):
    assert reason([defaultdict(factory)]) == (
        "argument 'x'[0]: a defaultdict's factory must be None or an importable class"
    )


def test_defaultdict_of_a_local_class_has_no_key():
    class Local:
        pass

    assert "importable class" in reason(defaultdict(Local))


def test_attributes_beside_the_items_of_an_ordered_dict_have_no_key():
    value = OrderedDict(a=1)
    value.extra = 1

    assert reason(value) == "argument 'x': an OrderedDict has attributes beside its items"


# -- values that raise ----------------------------------------------------------------------------


@dataclasses.dataclass
class RaisingProperty:
    x: Any = 1


def _raise(self):
    raise ValueError("secret")


class RaisingMeta(type):
    def __getattr__(cls, name):
        raise ValueError(name)


class NamelessMeta(type):
    def __getattribute__(cls, name):
        raise ValueError(name)


class RaisingHashMeta(type):
    def __hash__(cls):
        raise ValueError


def of(meta: type) -> Any:
    """An instance of a class of this metaclass; made in tests, for pytest looks at classes too."""
    return type.__call__(types.new_class("Kind", (), {"metaclass": meta}))


class RaisingLookup:
    def __getattr__(self, name):
        raise ValueError(name)

    @property
    def __class__(self):
        raise ValueError


class FalseTuple(tuple):
    _fields = (1,)


def test_property_that_raises_makes_a_reason(monkeypatch):
    value = RaisingProperty()
    del value.__dict__["x"]
    monkeypatch.setattr(RaisingProperty, "x", property(_raise))

    assert reason([value]) == (
        f"argument 'x'[0]: a value of type {__name__}.RaisingProperty cannot be read: "
        "it raised ValueError"
    )


RAISING = {
    "class attribute": (lambda: of(RaisingMeta), "Kind cannot be read: it raised ValueError"),
    "name of the class": (
        lambda: of(NamelessMeta),
        "a value of type without a name cannot be read: it raised ValueError",
    ),
    "hash of the class": (lambda: of(RaisingHashMeta), "Kind cannot be read: it raised ValueError"),
    "attribute": (RaisingLookup, "RaisingLookup has no stable encoding"),
    "field names": (lambda: FalseTuple((1,)), "FalseTuple cannot be read: it raised"),
    "empty uuid": (
        lambda: object.__new__(uuid.UUID),
        "uuid.UUID cannot be read: it raised AttributeError",
    ),
    "empty enum member": (
        lambda: object.__new__(M.Colour),
        "Colour cannot be read: it raised AttributeError",
    ),
    "empty flag": (
        lambda: object.__new__(M.Right),
        "Right cannot be read: it raised AttributeError",
    ),
}


@pytest.mark.parametrize(("make", "told"), RAISING.values(), ids=RAISING)
def test_value_that_raises_while_it_is_read_has_no_key(make, told):
    assert told in reason((1, make()))


def test_error_without_a_name_makes_a_reason():
    class Meta(type):
        def __getattr__(cls, name):
            raise types.new_class("NamelessError", (Exception,), {"metaclass": NamelessMeta})

    assert "it raised without a name" in reason(of(Meta))


def test_cause_of_a_failure_is_kept():
    with pytest.raises(UnstableValue) as caught:
        key(of(RaisingMeta))

    assert isinstance(caught.value.__cause__, ValueError)


def test_interruption_passes():
    class Meta(type):
        def __getattr__(cls, name):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        key(of(Meta))


def test_false_member_of_an_enum_has_no_key():
    forged = object.__new__(M.Colour)
    forged._name_, forged._value_ = "RED", 2
    unknown = object.__new__(M.Colour)
    unknown._name_, unknown._value_ = "GREEN", 3

    assert reason(forged).endswith("a value of type content_key_values.Colour is no member of it")
    assert reason(unknown).endswith("is no member of it")


def test_member_that_an_enum_made_up_has_no_key():
    class Open(enum.Enum):
        KNOWN = 1

        @classmethod
        def _missing_(cls, value):
            made = object.__new__(cls)
            made._name_, made._value_ = "UNKNOWN", value
            return made

    assert "is no member of it" in reason(Open(5))


# -- values that contain themselves ---------------------------------------------------------------


def own_list():
    value: list[Any] = [1]
    value.append(value)
    return value


def own_dict():
    value: dict[str, Any] = {}
    value["a"] = [value]
    return value


def own_tuple():
    inner: list[Any] = []
    value = (inner,)
    inner.append(value)
    return value


def own_config():
    value = M.Config(1)
    value.retries = {"k": value}
    return value


OWN = {
    "list": (own_list, "argument 'x'[1]: a value of type list contains itself"),
    "dict": (own_dict, "argument 'x'['a'][0]: a value of type dict contains itself"),
    "tuple": (own_tuple, "argument 'x'[0][0]: a value of type tuple contains itself"),
    "dataclass": (
        own_config,
        ".retries['k']: a value of type content_key_values.Config contains itself",
    ),
}


@pytest.mark.parametrize(("make", "told"), OWN.values(), ids=OWN)
def test_value_that_contains_itself_has_no_key(make, told):
    assert reason(make()).endswith(told)


def test_value_that_contains_itself_deep_inside_has_no_key():
    assert reason([0, own_list()]) == "argument 'x'[1][1]: a value of type list contains itself"


def test_value_met_twice_does_not_contain_itself():
    value = [1]

    assert key([value, [value], {"a": value}], value)
