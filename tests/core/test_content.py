"""Content keys: which values are one, which are not, which have no key, and where keys agree."""

from __future__ import annotations

import array
import asyncio
import collections
import copy
import dataclasses
import enum
import functools
import gc
import math
import os
import pickle
import re
import struct
import subprocess
import sys
import threading
import types
import uuid
import weakref
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, localcontext
from fractions import Fraction
from hashlib import sha256
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Generic, NamedTuple, TypeVar
from unittest.mock import MagicMock, Mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cascade_core.define.quote import quote
from cascade_core.define.task import Task, task
from cascade_core.graph import content
from cascade_core.graph.content import UnstableValue, content_key, task_token


@task
def f(x=None, y=None):
    return x, y


def key(*values: Any, token: bytes = b"token") -> bytes:
    """The content key of a call with these arguments, labelled ``x``, ``y``, ``z``."""
    return content_key(f.identity, token, zip("xyz", values, strict=False))


def reason(value: Any) -> str:
    """Why a value has no key."""
    with pytest.raises(UnstableValue) as caught:
        key(value)
    return caught.value.reason


def module(name: str, source: str, monkeypatch: pytest.MonkeyPatch | None = None) -> Any:
    """A module made of source text; with a monkeypatch it goes when the test ends."""
    made = types.ModuleType(name)
    if monkeypatch is None:
        sys.modules[name] = made
    else:
        monkeypatch.setitem(sys.modules, name, made)
    exec(compile(source, f"{name}.py", "exec"), made.__dict__)
    return made


VALUES_SOURCE = """
import dataclasses, enum, typing, uuid
from collections import OrderedDict, defaultdict, namedtuple
from datetime import *
from decimal import Decimal
from fractions import Fraction
from pathlib import *

class Colour(enum.Enum):
    RED = 1
    BLUE = 2
    CRIMSON = 1

class Paint(enum.Enum):
    RED = 1

class Level(enum.IntEnum):
    LOW = 1

class Mode(enum.StrEnum):
    ON = "on"

class Right(enum.Flag):
    READ = 1
    WRITE = 2

class Pair(typing.NamedTuple):
    left: object
    right: object = None

Point = namedtuple("Point", "left right")

@dataclasses.dataclass
class Config:
    url: object
    retries: object = 3

@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    url: object
    retries: object = 3

class Outer:
    @dataclasses.dataclass
    class Inner:
        x: object

VALUES = {
    "none": None, "true": True, "zero": 0, "minus": -12, "large": 10**40, "float": -0.0,
    "nan": float("nan"), "complex": 1 - 2j, "text": "\\u00e4\\U0001f600\\ud800\\0",
    "long": "x" * 99,
    "bytes": b"\\0\\xff", "bytearray": bytearray(b"1"),
    "list": [1, [2, (3, ())], {}], "tuple": (1, "a", b"a"),
    "dict": {"b": 1, 2: [None], (1, 2): True}, "ordered": OrderedDict(a=1),
    "default": defaultdict(list, a=[1]), "no factory": defaultdict(None, a=1),
    "set": {"a", "b", "c", 1, 2.5, None, (1, "x"), b"c", frozenset("xyz")},
    "frozenset": frozenset({"d", "e", "f", "g", Colour.RED, Colour.BLUE}),
    "range": range(1, 10, 2), "slice": slice(None, "a"),
    "enum": Colour.RED, "int enum": Level.LOW, "str enum": Mode.ON,
    "flags": Right.READ | Right.WRITE, "no flags": Right(0),
    "namedtuple": Pair(1, [2]), "old namedtuple": Point(1, 2),
    "dataclass": Config("u", [Colour.BLUE]), "slots": Slotted("u"), "inner": Outer.Inner({1}),
    "date": date(2024, 2, 29), "datetime": datetime(2024, 2, 29, 1, 2, 3, 4, fold=1),
    "aware": datetime(2024, 2, 29, tzinfo=timezone.utc), "time": time(1, 2, 3),
    "zoned time": time(1, tzinfo=timezone(timedelta(hours=-1), "X")),
    "timedelta": timedelta(-1, 2, 3), "timezone": timezone.utc,
    "decimal": Decimal("-1.50E+9"), "fraction": Fraction(-1, 3),
    "uuid": uuid.UUID(int=7), "path": PurePosixPath("/a/b"), "windows": PureWindowsPath("C:/a"),
}
"""
M = module("content_key_values", VALUES_SOURCE)
VALUES: dict[str, Any] = M.VALUES


# -- the format -----------------------------------------------------------------------------------


def test_key_is_the_hash_of_token_labels_and_forms():
    told = b"cascade content 1" + b"token5:token" + b"str1:xint1:1" + b"str1:ylist7:str2:hi"

    assert content_key(f.identity, b"token", [("x", 1), ("y", ["hi"])]) == sha256(told).digest()


def test_form_of_more_than_64_bytes_is_replaced_by_its_hash():
    form = b"str58:" + b"a" * 58
    longer = b"str59:" + b"a" * 59
    start = b"cascade content 1" + b"token5:token" + b"str1:x"

    assert key("a" * 58) == sha256(start + form).digest()
    assert key("a" * 59) == sha256(start + b"#" + sha256(longer).digest()).digest()


GOLDEN: dict[str, str] = {
    "none": "a9adbe603f0a873a41c4d93d",
    "true": "02dab7a12198999659e7845f",
    "zero": "a58e20833f676905e9b8ce57",
    "minus": "ba05260d6988be37b06fdaba",
    "large": "af2bbd70fc86da5aca40747f",
    "float": "ee157b6e51d9be239ef5ffb3",
    "nan": "fc7e3163d61ec34864a94ba2",
    "complex": "747e18283e4e40a6eae6e2b2",
    "text": "74586070caf391d6df7b4240",
    "long": "3d91acb29b57e911758505d9",
    "bytes": "dab00f27e15d74d4cbbb9b96",
    "bytearray": "8016a328c02b5afcbde6bf28",
    "list": "3908409608fd0d9e628faac3",
    "tuple": "6ab1d45972b56846ef9d22c2",
    "dict": "f9d63782965ed1e51227b6b4",
    "ordered": "fface55307772427bfc61ff9",
    "default": "a70599897bc32028755a0531",
    "no factory": "3a198342442aa0e02ab0e4ed",
    "set": "d45a37a35b61b728a17f0cda",
    "frozenset": "ea4d1c349faf92842a9b0de5",
    "range": "4b1ab0becac5b9419c587a80",
    "slice": "571927e67f8c58dbf40df50e",
    "enum": "b1ede2e4b9ee1a558e7d62ec",
    "int enum": "148270476d393dc65e4e06f2",
    "str enum": "6a2580dc824627d9de670092",
    "flags": "363345c90245e57be7245d35",
    "no flags": "f1b984977b671677434a2152",
    "namedtuple": "881dd7b67b660797a551e163",
    "old namedtuple": "8e133ab025bd36994d8671b2",
    "dataclass": "e71fa7ad585b1d2185df092e",
    "slots": "f8181f9ede4db6bdb17b75d3",
    "inner": "9ad7e88f7add155f344088ff",
    "date": "621bdea6b6ee7eba0068b862",
    "datetime": "749685eea0b479593b5a2ac4",
    "aware": "13a1793c28b9362f02de0241",
    "time": "54f3a1af43462a55444bf584",
    "zoned time": "d207beb3e7f98694a1f5ef4d",
    "timedelta": "6af99d31535234aaa0a1cee7",
    "timezone": "5fb80a32b60b1b23c30a44c8",
    "decimal": "16f2e52df7f7e729bc62a088",
    "fraction": "30be4f3374ad73fe724de5f9",
    "uuid": "5fcf8b8b4aca40f5be445c04",
    "path": "60f3cf2ab810b545022f41b2",
    "windows": "ac8524565f5df78434acdb7f",
}


@pytest.mark.parametrize("name", VALUES)
def test_key_is_the_same_in_every_version_of_python(name):
    assert key(VALUES[name]).hex()[:24] == GOLDEN[name]


PROCESS = """
import sys
from cascade_core.define.task import task
from cascade_core.graph.content import content_key, task_token
import content_key_values
for name, value in content_key_values.VALUES.items():
    print(name, content_key(task(print).identity, b"token", [("x", value)]).hex()[:24])
"""


@pytest.mark.parametrize("seed", ["0", "1", "77"])
def test_keys_agree_between_processes_and_hash_seeds(tmp_path, seed):
    printed = in_process(tmp_path, PROCESS, seed, content_key_values=VALUES_SOURCE)

    assert dict(line.rsplit(" ", 1) for line in printed.splitlines()) == {
        name: key(value).hex()[:24] for name, value in VALUES.items()
    }


def in_process(tmp_path: Path, script: str, seed: str = "0", **modules: str) -> str:
    """What a script prints in another process that can import these modules."""
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(source)
    root = Path(content.__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


# -- different values -----------------------------------------------------------------------------


def nan(bits: int) -> float:
    return struct.unpack(">d", bits.to_bytes(8, "big"))[0]


shared_list = [1]

DIFFERENT: list[Any] = [
    *VALUES.values(),
    *(False, 1, -1, 2, 255, -255, 16**63, 16**64, 16**65, 1.0, 0.0, 1.5, 1j, 0j, complex(0, -0.0)),
    *(math.inf, -math.inf, nan(0x7FF8000000000001), nan(0xFFF8000000000000), complex(-0.0, 0.0)),
    *(
        "",
        "0",
        "1",
        "None",
        "True",
        "a",
        "A",
        "?",
        "\u00e9",
        "e\u0301",
        "\ud800",
        "\x00",
        "x" * 98,
        "x" * 100,
    ),
    *(b"", b"1", b"a", bytearray(), bytearray(b"a"), b"x" * 99, bytearray(b"x" * 99)),
    *([], (), {}, set(), frozenset(), OrderedDict(), defaultdict(None), defaultdict(list)),
    *([None], [[]], [()], [[], []], [[[]]], [1], (1,), {1}, frozenset({1}), {1: None}, [1, 1]),
    *([1, 2], [2, 1], [[1], 2], [[1, 2]], [[1, 2], []], [[1], [2]], [1, [2]], (1, 2), ((1,), 2)),
    *(["ab", "c"], ["a", "bc"], ["abc"], ["a,b"], ["a", "b"], ["str1:a", ""], ["str1:astr1:b"]),
    *(b"int1:1", "int1:1", ["int1:1int1:2"], b"list6:int1:1", b"#" + bytes(32), "#"),
    *({"a": 1}, {"a": True}, {b"a": 1}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": {"b": 2}}),
    *({1: 2}, {2: 1}, {True: 2}, {1.0: 2}, {"1": 2}, {(1,): 2}, {None: 2}, [1, 2, 3, 4]),
    *({1: 2, 3: 4}, {1: 3, 2: 4}, {1: (2, 3)}, OrderedDict({1: 2}), [(1, 2)]),
    *(OrderedDict([(1, 2), (3, 4)]), OrderedDict([(3, 4), (1, 2)])),
    *(defaultdict(list, {1: 2}), defaultdict(dict, {1: 2}), defaultdict(None, {1: 2})),
    *({1, 2}, {1, 3}, {True}, {1.0}, {"1"}, {1, "1"}, frozenset({frozenset({1})}), {(1, 2)}),
    *({math.nan}, {math.nan, float("nan")}),
    *({frozenset({1, 2}), frozenset({3})}, {frozenset({1}), frozenset({2, 3})}),
    *(range(0), range(1), range(2), range(0, 2, 2), range(0, 0, 2), slice(1), slice(1, None, 1)),
    *(slice(None), slice(1, 2), slice(0, 2, 2), (None, None, None)),
    *(M.Colour.BLUE, M.Paint.RED, M.Right.READ, M.Right.WRITE, "on", "RED", "Colour.RED"),
    *(M.Pair(1, (2,)), M.Pair([2], 1), M.Pair(1), M.Point(1, [2]), (1, [2]), {"left": 1}),
    *(M.Config("u"), M.Config(3, "u"), M.Config(["u"]), M.Config("u", "3"), {"url": "u"}),
    *(M.Config(M.Config("u")), M.Slotted("u", 4), M.Outer.Inner(1), M.Outer.Inner({"x": 1})),
    *(date(2024, 2, 28), datetime(2024, 2, 29), datetime(2024, 2, 29, fold=1), "2024-02-29"),
    *(datetime(2024, 2, 29, 0, 0, 1), datetime(2024, 2, 29, 0, 0, 0, 1), time(0), time(0, 0, 1)),
    datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=1))),
    datetime(2024, 2, 29, 1, tzinfo=timezone(timedelta(hours=1))),
    *(time(1), time(1, fold=1), time(1, tzinfo=UTC), time(1, 2, 3, 4)),
    *(timedelta(), timedelta(1), timedelta(0, 1), timedelta(0, 0, 1), timedelta(0, 11), (0, 1, 1)),
    *(timezone(timedelta(0), "GMT"), timezone(timedelta(1 / 2)), timezone(timedelta(1 / 2), "X")),
    timezone(timedelta(1 / 4), "X"),
    *map(Decimal, ("0", "-0", "1", "1.0", "1E+1", "10", "NaN", "sNaN", "NaN1", "Infinity")),
    *(Fraction(1), Fraction(1, 2), Fraction(2), uuid.UUID(int=1), "/a/b", Path("/a/b")),
    *(uuid.UUID(int=1, is_safe=uuid.SafeUUID.safe), uuid.SafeUUID.safe, uuid.UUID(int=1).bytes),
    *(PurePosixPath("/a/B"), PurePosixPath("a/b"), PurePosixPath(), PureWindowsPath("c:/A")),
    PureWindowsPath("/a/b"),
]


def test_values_that_differ_in_type_content_or_order_have_different_keys():
    seen: dict[bytes, Any] = {}
    for value in DIFFERENT:
        other = seen.setdefault(key(value), value)
        assert other is value, f"{value!r} has the key of {other!r}"
    assert len(seen) > 200


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"k": v}, M.Config])
def test_values_that_differ_inside_a_container_have_different_keys(wrap):
    assert len({key(wrap(value)) for value in DIFFERENT}) == len(DIFFERENT)


def test_order_and_number_of_arguments_matter():
    calls = [(), (1,), (1, 2), (2, 1), ((1, 2),), (1, 2, None), (None,), ("x", 1)]

    assert len({key(*call) for call in calls}) == 8


def test_labels_matter_and_cannot_run_into_values():
    calls: list[list[tuple[str, Any]]] = [
        *([("x", 1)], [("y", 1)], [("x", 1), ("y", 1)], [("y", 1), ("x", 1)], [("x[0]", 1)]),
        *([("xint1:1y", 1)], [("xint1:1str1:y", 1)], [("\ud800", 1)], [("?", 1)], [("", 1)]),
    ]

    assert len({content_key(f.identity, b"", call) for call in calls}) == 10


def test_tokens_matter_and_cannot_run_into_arguments():
    tokens = [b"", b"a", b"b", b"astr1:x", b"a" * 100]
    call = [("x", 1), ("y", 2)]

    assert len({key(1, token=token) for token in tokens}) == 5
    assert content_key(f.identity, b"tstr1:xint1:1", call[1:]) != content_key(
        f.identity, b"t", call
    )


def test_key_has_32_bytes():
    assert len(key([1])) == 32


# -- equal values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VALUES)
def test_copies_have_the_key_of_the_original(name):
    value = VALUES[name]

    assert key(copy.deepcopy(value)) == key(value)
    assert key(pickle.loads(pickle.dumps(value))) == key(value)
    assert key([value, copy.deepcopy(value)]) == key([value, value])


SAME = {
    "large ints": (10**5000, int("1" + "0" * 2) ** 2500),
    "nan": (math.nan, float("nan")),
    "joined text": ("".join(["a", "b" * 99]), "a" + "b" * 99),
    "set order": ({8, 0}, {0, 8}),
    "set of equal-looking nans": ({float("nan"), float("nan")}, {float("nan"), float("nan")}),
    "shared or equal": ([shared_list, shared_list], [[1], [1]]),
    "alias": (M.Colour.CRIMSON, M.Colour.RED),
    "flags": (M.Right.READ | M.Right.WRITE, M.Right(3)),
    "decimal": (Decimal("1e1"), Decimal("1E+1")),
    "fraction": (Fraction(2, 4), Fraction(1, 2)),
    "path": (PurePosixPath("a//b/"), PurePosixPath("a", "b")),
    "timezone": (UTC, timezone(timedelta(0))),
    "dataclass with an attribute of its class": (M.Config(1, 3), M.Config(1)),
}


@pytest.mark.parametrize(("a", "b"), SAME.values(), ids=SAME)
def test_values_of_one_content_have_one_key(a, b):
    assert key(a) == key(b)


def test_decimal_does_not_depend_on_the_context():
    value = Decimal("1E+20")
    expected = key(value)

    with localcontext() as context:
        context.capitals = 0
        context.prec = 1
        assert key(value) == expected


def test_changed_container_has_another_key():
    value = [1, [2]]
    before = key(value)

    value[1].append(3)

    assert key(value) != before


def test_int_subclass_bool_of_a_flag_is_its_value():
    class Own(enum.Flag):
        A = True

    assert key(Own.A) == key(Own(1))


# -- a property: one key if and only if equal, types and all --------------------------------------


def typed(value: Any) -> Any:
    """The value as something that ``==`` compares by type and content; written independently."""
    kind = type(value).__qualname__
    if isinstance(value, enum.Enum):
        return kind, value.name
    if dataclasses.is_dataclass(value):
        return kind, tuple(typed(getattr(value, n.name)) for n in dataclasses.fields(value))
    if isinstance(value, dict):
        extra = getattr(value, "default_factory", None)
        return kind, extra, tuple((typed(k), typed(v)) for k, v in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(Counter(map(typed, value)).items())
    if isinstance(value, list | tuple):
        return kind, tuple(map(typed, value))
    if isinstance(value, float):
        return kind, struct.pack("d", value)
    return kind, repr(value)


ATOMS: list[Any] = [
    *(None, False, True, 0, 1, -1, 2, 0.0, -0.0, 1.0, math.nan, 1j, "", "a", "1", b"", b"1"),
    *("a" * 70, bytearray(b"1"), M.Colour.RED, M.Paint.RED, M.Level.LOW, M.Right.READ, Decimal(1)),
]
atoms = st.sampled_from(ATOMS)
any_atoms = atoms | st.integers() | st.floats() | st.text() | st.binary() | st.fractions()
keys = st.recursive(
    any_atoms.filter(lambda value: not isinstance(value, bytearray)),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=2),
    max_leaves=3,
)


def containers(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    mappings = st.dictionaries(keys, members, max_size=2)
    return st.one_of(
        st.lists(members, max_size=2),
        st.lists(members, max_size=2).map(tuple),
        mappings,
        mappings.map(OrderedDict),
        mappings.map(lambda items: defaultdict(list, items)),
        st.sets(keys, max_size=3),
        st.builds(M.Pair, members, members),
        st.builds(M.Point, members, members),
        st.builds(M.Config, members, members),
        st.builds(M.Slotted, members),
    )


values = st.recursive(any_atoms, containers, max_leaves=8)
small_values = st.recursive(atoms, containers, max_leaves=2)


@pytest.mark.slow
@settings(deadline=None)
@given(values, values)
@example([1], (1,))
@example({1: 2}, {True: 2})
def test_any_two_values_have_one_key_only_if_equal_with_types(a, b):
    assert (key(a) == key(b)) == (typed(a) == typed(b))


@settings(deadline=None)
@given(small_values, small_values)
def test_small_values_have_one_key_only_if_equal_with_types(a, b):
    assert (key(a) == key(b)) == (typed(a) == typed(b))
    assert (key([a, b]) == key([b, a])) == (typed(a) == typed(b))


@settings(deadline=None)
@given(values)
def test_rebuilt_value_has_the_key_of_the_original(value):
    rebuilt = pickle.loads(pickle.dumps(value))

    assert (key(rebuilt) == key(value)) == (typed(rebuilt) == typed(value))
    assert typed(rebuilt) == typed(value)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(keys, unique_by=typed, max_size=6), st.randoms())
def test_set_has_one_key_whatever_order_it_was_filled_in(members, random):
    shuffled = list(members)
    random.shuffle(shuffled)

    a, b = set(members), set(shuffled)

    assert (key(a) == key(b)) == (typed(a) == typed(b))


# -- no key ---------------------------------------------------------------------------------------


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
    *(f, f(1), quote(1), f.tail(1), f.identity, content, FieldsOnly()),
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


@pytest.mark.parametrize("factory", [lambda: 1, functools.partial(list), Plain().__init__, len])
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


# -- classes of one's own -------------------------------------------------------------------------

T = TypeVar("T")


@dataclasses.dataclass
class Base:
    x: Any = 1
    constant: dataclasses.InitVar[int] = 5


class Derived(Base):
    """No dataclass of its own: its instances have the fields of the base."""


@dataclasses.dataclass
class ListOfFields(list):
    x: Any = 1


@dataclasses.dataclass
class ErrorOfFields(Exception):
    x: Any = 1


@dataclasses.dataclass
class ZoneOfFields(tzinfo):
    x: Any = 1


@dataclasses.dataclass(slots=True, weakref_slot=True)
class WeakSlots(Generic[T]):
    x: Any = 1
    y: Any = 2


class SlotBase:
    __slots__ = ("hidden",)


@dataclasses.dataclass(slots=True)
class SlotDerived(SlotBase):
    x: Any = 1


class TwiceBase:
    __slots__ = ("x",)


class Twice(TwiceBase):
    __slots__ = ("x",)


@dataclasses.dataclass
class Both(SlotBase):
    """Has slots and a ``__dict__``."""

    x: Any = 1


@dataclasses.dataclass
class Lazily:
    x: Any = 1

    @functools.cached_property
    def twice(self):
        return 2 * self.x


@dataclasses.dataclass
class DerivedField:
    x: Any
    y: int = dataclasses.field(init=False, default=7)


class Keyed(NamedTuple):
    a: Any
    b: Any


class KeyedMore(Keyed):
    """A namedtuple whose instances have a ``__dict__``."""


def with_attribute(value: Any, name: str = "extra") -> Any:
    object.__setattr__(value, name, 1)
    return value


MORE = {
    "attribute": lambda: with_attribute(Base()),
    "attribute of a derived class": lambda: with_attribute(Derived()),
    "slot of a base": lambda: with_attribute(SlotDerived(), "hidden"),
    "slot beside a dict": lambda: with_attribute(Both(), "hidden"),
    "cached property": lambda: (value := Lazily(), value.twice)[0],
    "list": ListOfFields,
    "exception": ErrorOfFields,
    "namedtuple": lambda: with_attribute(KeyedMore(1, 2)),
    "short namedtuple": lambda: tuple.__new__(Keyed, (1,)),
    "long namedtuple": lambda: tuple.__new__(Keyed, (1, 2, 3)),
}


@pytest.mark.parametrize("make", MORE.values(), ids=MORE)
def test_instance_that_holds_something_beside_its_fields_has_no_key(make):
    value = make()

    assert reason(value) == (
        f"argument 'x': a value of type {type(value).__module__}.{type(value).__qualname__} "
        "holds something beside its fields"
    )


def test_slot_that_hides_a_slot_is_something_beside_the_fields():
    kind = dataclasses.make_dataclass("kind", ["x"], bases=(Twice,))
    value = kind(1)
    TwiceBase.x.__set__(value, "hidden")

    assert "beside its fields" in reason(value)


def test_attribute_that_a_slot_hides_is_something_beside_the_fields():
    kind = dataclasses.make_dataclass("kind", ["hidden"], bases=(SlotBase,))
    value = kind(1)
    assert key(value)

    value.__dict__["hidden"] = 2

    assert "beside its fields" in reason(value)


def test_instances_with_nothing_but_fields_have_keys():
    fine = [Base(), Derived(), SlotDerived(), Both(), Lazily(), WeakSlots(), KeyedMore(1, 2)]
    fine += [Keyed(1, 2), ZoneOfFields(), DerivedField(1), Twice]
    fine.pop()

    assert len({key(value) for value in fine}) == len(fine)


def test_field_that_only_the_class_holds_is_read_there():
    value, same, changed = DerivedField(1), DerivedField(1), DerivedField(1)
    same.y = 7
    changed.y = 8

    assert "y" not in vars(value)
    assert key(value) == key(same) != key(changed)


def test_slots_count_as_fields():
    assert len({key(WeakSlots(1, 2)), key(WeakSlots(2, 1)), key(WeakSlots(1, 1))}) == 3


def test_unset_slot_has_no_key():
    value = WeakSlots()
    del value.y

    assert "cannot be read: it raised AttributeError" in reason(value)


def test_fields_that_are_equal_but_named_otherwise_differ(monkeypatch):
    monkeypatch.setattr(content, "_given", set())  # as if the second class were in a later process
    keys = set()
    for field in ("x", "y"):
        made = dataclasses.make_dataclass("Versioned", [field])
        made.__module__ = M.__name__
        monkeypatch.setattr(M, "Versioned", made, raising=False)
        content._given.clear()
        keys.add(key(made(1)))

    assert len(keys) == 2


def local_colour():
    class Colour(enum.Enum):
        RED = 1

    return Colour.RED


def local_flag():
    class Right(enum.Flag):
        READ = 1

    return Right.READ


def local_config():
    @dataclasses.dataclass
    class Config:
        x: int = 1

    return Config()


def local_pair():
    return collections.namedtuple("Pair", "a b")(1, 2)


LOCAL = [local_colour, local_flag, local_config, local_pair]


@pytest.mark.parametrize("make", LOCAL)
def test_local_classes_of_one_name_do_not_mix(make):
    a, b = make(), make()

    assert key(a) != key(b)


@pytest.mark.parametrize("make", LOCAL)
def test_values_of_one_local_class_mix(make):
    value = make()

    assert key(value) == key([value][0]) == key(copy.copy(value))


def test_class_goes_by_its_name_in_place_of_its_members():
    """So keys agree between processes; a redefined enum with other values is a new version."""
    form = b"dataclass57:class30:content_key_values:Outer.Inner" + b"names6:str1:x" + b"int1:1"
    start = b"cascade content 1" + b"token5:token" + b"str1:x"

    assert key(M.Outer.Inner(1)) == sha256(start + b"#" + sha256(form).digest()).digest()


def test_class_that_took_the_place_of_another_does_not_mix_with_it(monkeypatch):
    source = "import enum\nclass Colour(enum.Enum):\n    RED = 1"
    first = module("content_key_reloaded", source, monkeypatch).Colour
    before = key(first.RED)
    second = module("content_key_reloaded", source, monkeypatch).Colour

    assert key(second.RED) != before
    assert key(first.RED) == before
    assert key(second.RED) == key(second.RED)


def test_class_that_took_the_place_of_a_dead_one_does_not_mix_with_it(monkeypatch):
    source = "import enum\nclass Colour(enum.Enum):\n    RED = 1"
    before = key(module("content_key_dead", source, monkeypatch).Colour.RED)
    gc.collect()

    assert key(module("content_key_dead", source, monkeypatch).Colour.RED) != before


def test_class_whose_name_leads_elsewhere_is_local(monkeypatch):
    class Liar(enum.Enum):
        RED = 1

    made = module("content_key_mine", "import enum\nclass Colour(enum.Enum): RED = 1", monkeypatch)
    Liar.__module__, Liar.__qualname__ = "content_key_mine", "Colour"
    liar = key(Liar.RED)
    monkeypatch.setattr(content, "_given", set())  # as if this were another process

    assert key(made.Colour.RED) != liar


@pytest.mark.parametrize("name", [None, 5, "no.such.module"])
def test_class_with_a_strange_module_is_local(name):
    value = local_colour()
    type(value).__module__ = name

    assert key(value) == key(value)


def test_local_class_is_not_kept_alive():
    values = [make() for make in LOCAL]
    for value in values:
        key(value)
    alive = [weakref.ref(type(value)) for value in values]
    count = len(content._class_forms._entries), len(content._layouts._entries)

    del values, value
    gc.collect()

    assert [ref() for ref in alive] == [None] * 4
    # The tables are private, but a leak shows nowhere else.
    assert len(content._class_forms._entries) <= count[0] - 4
    assert len(content._layouts._entries) <= count[1] - 2


def test_methods_of_a_value_are_not_asked():
    def forbidden(*args):
        raise AssertionError

    @dataclasses.dataclass
    class Loud:
        x: int = 1
        __eq__ = __hash__ = __repr__ = __getattribute__ = forbidden

    class LoudPair(NamedTuple):
        a: Any
        __eq__ = __hash__ = __repr__ = __iter__ = __len__ = __getitem__ = forbidden

    assert key(Loud()) == key(Loud()) != key(Loud(2))
    assert key(LoudPair(1)) == key(LoudPair(1)) != key(LoudPair(2))


def test_classes_that_say_they_are_equal_do_not_mix():
    class Meta(type):
        def __eq__(cls, other):
            return True

        def __hash__(cls):
            return 1

    kinds = [dataclasses.dataclass(types.new_class("kind", (), {"metaclass": Meta})) for _ in "ab"]

    assert len({key(kind()) for kind in kinds}) == 2


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


def test_property_that_raises_makes_a_reason():
    value = RaisingProperty()
    del value.__dict__["x"]
    type(value).x = property(_raise)

    assert reason([value]) == (
        f"argument 'x'[0]: a value of type {__name__}.RaisingProperty cannot be read: "
        "it raised ValueError"
    )


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: of(RaisingMeta), "Kind cannot be read: it raised ValueError"),
        (
            lambda: of(NamelessMeta),
            "a value of type without a name cannot be read: it raised ValueError",
        ),
        (lambda: of(RaisingHashMeta), "Kind cannot be read: it raised ValueError"),
        (RaisingLookup, "RaisingLookup has no stable encoding"),
        (lambda: FalseTuple((1,)), "FalseTuple cannot be read: it raised"),
        (lambda: object.__new__(uuid.UUID), "uuid.UUID cannot be read: it raised AttributeError"),
        (lambda: object.__new__(M.Colour), "Colour cannot be read: it raised AttributeError"),
        (lambda: object.__new__(M.Right), "Right cannot be read: it raised AttributeError"),
    ],
)
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


# -- size, depth and sharing ----------------------------------------------------------------------

DEEP = """
import sys, dataclasses
from cascade_core.define.task import task
from cascade_core.graph.content import UnstableValue, content_key

@dataclasses.dataclass
class Box:
    x: object

def nested(inner):
    for level in range(100_000):
        inner = ([inner], (inner,), {"k": inner}, Box(inner))[level % 4]
    return inner

f = task(print)
sys.setrecursionlimit(200)
keys = {content_key(f.identity, b"", [("x", nested(n))]) for n in (1, 1, 2)}
frozen = frozenset()
for _ in range(10_000):
    frozen = frozenset([frozen])
keys.add(content_key(f.identity, b"", [("x", frozen)]))
print(len(keys))
try:
    content_key(f.identity, b"", [("x", nested(object()))])
except UnstableValue as error:
    print(error)
"""


@pytest.mark.slow
def test_nesting_of_100_000_levels_neither_recurses_nor_overflows(tmp_path):
    printed = in_process(tmp_path, DEEP).splitlines()

    assert printed[0] == "3"
    assert printed[1].startswith("argument 'x'.x['k'][0][0].x['k']...")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is hashed."""
    sizes: list[int] = []

    def counting(data: bytes) -> Any:
        sizes.append(len(data))
        return sha256(data)

    monkeypatch.setattr(content, "sha256", counting)
    return sizes


def test_shared_containers_are_encoded_once(hashed):
    """As a tree, the value has 2**5000 leaves."""
    value: Any = ["leaf"]
    for _ in range(5_000):
        value = [value, value]

    key(value)

    assert len(hashed) <= 5_002
    assert sum(hashed) < 500_000


def test_shared_text_is_encoded_once(hashed):
    text = "x" * 100_000

    key([text] * 1_000, (text,), {"a": text})

    assert sum(hashed) < 200_000


@pytest.mark.parametrize("size", [100, 10_000])
def test_cost_is_linear_in_size(hashed, size):
    key([[i, str(i)] for i in range(size)])

    assert sum(hashed) < 50 * size


@dataclasses.dataclass
class Listed:
    x: Any
    made: Any = dataclasses.field(init=False, default=None)


Listed.made = property(lambda self: [self.x])  # type: ignore[assignment]  # made at each reading


def test_objects_made_while_encoding_do_not_take_each_others_forms():
    """They are gone when the next one is made, perhaps at the same address."""
    made, held = ([Listed(n) for n in range(100)] for _ in "ab")
    for value in held:
        vars(value)["made"] = [value.x]

    assert key(made) == key(held)


def long_lists():
    return [[[n] * 50, (str(n) * 99,)] for n in range(200)]


def test_forms_do_not_depend_on_what_was_encoded_before():
    value = long_lists()

    assert key(value) == key(long_lists())
    assert len({key(member) for member in value}) == 200


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


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (own_list, "argument 'x'[1]: a value of type list contains itself"),
        (own_dict, "argument 'x'['a'][0]: a value of type dict contains itself"),
        (own_tuple, "argument 'x'[0][0]: a value of type tuple contains itself"),
        (own_config, ".retries['k']: a value of type content_key_values.Config contains itself"),
    ],
)
def test_value_that_contains_itself_has_no_key(make, told):
    assert reason(make()).endswith(told)


def test_value_that_contains_itself_deep_inside_has_no_key():
    assert reason([0, own_list()]) == "argument 'x'[1][1]: a value of type list contains itself"


def test_value_met_twice_does_not_contain_itself():
    value = [1]

    assert key([value, [value], {"a": value}], value)


# -- tasks ----------------------------------------------------------------------------------------


TASK = "from cascade_core.define.task import task\n"


def token_in_new_process(source: str, name: str = "f", before=None) -> bytes:
    """The token of task ``name`` in a module of this source, none given out before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "_given", set())
        made = module("content_key_task", TASK + source, patch)
        if before is not None:
            before(made)
        return task_token(getattr(made, name))


def is_stable(source: str, name: str = "f") -> bool:
    return token_in_new_process(source, name) == token_in_new_process(source, name)


STABLE = {
    "task": "@task\ndef f(x): return x",
    "async": "@task\nasync def f(x): return x",
    "options": "@task(name='other', pure=True, run_on='thread')\ndef f(x): return x",
    "wrapped by hand": "def f(x): return x\nf = task(f)",
    "beside its function": "def g(x): return x\nf = task(g)",
    "inner function": "@task\ndef f(x):\n    def g(y): return x + y\n    return [g(i) for i in x]",
    "try": "@task\ndef f(x):\n    try: return 1 / x\n    except ZeroDivisionError: return ...",
    "constants": "@task\ndef f(x): return x in {1, 'a', b'c'}, (1, 2.5, 1j), ..., -0.0, 9**50",
    "method": "class A:\n    @task\n    def m(self): return self\nf = A.m",
    "static method": "class A:\n    @staticmethod\n    @task\n    def m(x): return x\nf = A.m",
    "inner class": "class A:\n    class B:\n        @task\n        def m(self): pass\nf = A.B.m",
    "globals": "import math\n@task\ndef f(x): return math.sqrt(x)",
    "defaults": "@task\ndef f(x=[]): return x",
}

UNSTABLE_TASKS = {
    "closure": "def make(n):\n    @task\n    def f(): return n\n    return f\nf = make(1)",
    "local": "def make():\n    @task\n    def f(): return 1\n    return f\nf = make()",
    "lambda": "f = task(lambda: 1)",
    "partial": "import functools\nf = task(functools.partial(int))",
    "class": "class A: pass\nf = task(A)",
    "callable": "class A:\n    def __call__(self): pass\nf = task(A())",
    "callable without weak references":
        "class A:\n    __slots__ = ()\n    def __call__(self): pass\nf = task(A())",
    "bound method": "class A:\n    def m(self): pass\nf = task(A().m)",
    "super": "class A:\n    @task\n    def m(self): return super().__repr__()\nf = A.m",
    "wrapper": (
        "import functools\n"
        "def twice(fn):\n"
        "    @functools.wraps(fn)\n"
        "    def inner(x): return fn(fn(x))\n"
        "    return inner\n"
        "@task\n@twice\ndef f(x): return x"
    ),
    "another's name": "def g(x): return x\ng.__qualname__ = 'h'\ndef h(x): return x\nf = task(g)",
    "another task's name":
        "def g(x): return x\ng.__qualname__ = 'h'\n@task\ndef h(x): return x\nf = task(g)",
    "name of a value": "h = 5\ndef g(x): return x\ng.__qualname__ = 'h'\nf = task(g)",
    "no module": "def g(x): return x\ng.__module__ = 'no.such'\nf = task(g)",
    "strange constant":
        "def g(x): return 12345\n"
        "g.__code__ = g.__code__.replace(co_consts=(None, object(), 12345))\nf = task(g)",
}  # fmt: skip


@pytest.mark.parametrize("source", STABLE.values(), ids=STABLE)
def test_task_that_its_name_leads_to_has_one_token_in_all_processes(source):
    assert is_stable(source)


@pytest.mark.parametrize("source", UNSTABLE_TASKS.values(), ids=UNSTABLE_TASKS)
def test_other_task_has_a_token_of_its_own_each_time(source):
    assert not is_stable(source)


def test_task_whose_name_was_taken_over_has_a_token_of_its_own_each_time():
    assert not is_stable("@task\ndef f(x): return x\ng = f\ndef f(x): return x", "g")


def test_builtin_function_has_another_token_in_another_process(tmp_path):
    script = "from cascade_core.graph.content import task_token\nprint(task_token(task(len)).hex())"

    printed = in_process(tmp_path, TASK + script)

    assert printed.strip() != task_token(task(len)).hex()
    assert task_token(task(len)) == task_token(task(len))


@pytest.mark.slow
def test_tokens_agree_between_processes_and_hash_seeds(tmp_path):
    sources = {f"content_key_{i}": source for i, source in enumerate(STABLE.values())}
    sources = {n: TASK + s for n, s in sources.items()}
    script = "from cascade_core.graph.content import task_token\n" + "".join(
        f"import {name}\nprint(task_token({name}.f).hex())\n" for name in sources
    )

    first, second = (in_process(tmp_path, script, seed, **sources) for seed in ("1", "2"))

    assert first == second
    assert len(set(first.split())) == len(STABLE)


VARIANTS = {
    "": "@task\ndef f(x): return x + 1",
    "constant": "@task\ndef f(x): return x + 2",
    "type of a constant": "@task\ndef f(x): return x + 1.0",
    "truth": "@task\ndef f(x): return x + True",
    "zero": "@task\ndef f(x): return x + 0.0",
    "minus zero": "@task\ndef f(x): return x + -0.0",
    "operator": "@task\ndef f(x): return x - 1",
    "global": "@task\ndef f(x): return y + 1",
    "other global": "@task\ndef f(x): return z + 1",
    "attribute": "@task\ndef f(x): return x.a + 1",
    "keyword-only": "@task\ndef f(*, x): return x + 1",
    "positional-only": "@task\ndef f(x, /): return x + 1",
    "second parameter": "@task\ndef f(x, y): return x + 1",
    "rest": "@task\ndef f(*x): return x + 1",
    "keywords": "@task\ndef f(**x): return x + 1",
    "assigned": "@task\ndef f(x):\n    y = 1\n    return x + y",
    "assigned parameter": "@task\ndef f(x, y):\n    y = 1\n    return x + y",
    "assigned, keyword-only": "@task\ndef f(*, x):\n    y = 1\n    return x + y",
    "assigned parameter, keyword-only": "@task\ndef f(*, x, y):\n    y = 1\n    return x + y",
    "async": "@task\nasync def f(x): return x + 1",
    "generator": "@task\ndef f(x): yield x + 1",
    "name": "@task(name='g')\ndef f(x): return x + 1",
    "pure": "@task(pure=True)\ndef f(x): return x + 1",
    "run_on": "@task(run_on='thread')\ndef f(x): return x + 1",
    "inner": "@task\ndef f(x):\n    def g(y): return y\n    return g(1)",
    "inner constant": "@task\ndef f(x):\n    def g(y): return 7\n    return g(1)",
    "inner constant's type": "@task\ndef f(x):\n    def g(y): return 7.0\n    return g(1)",
    "inner name": "@task\ndef f(x):\n    def h(y): return 7\n    return h(1)",
    "inner lambda": "@task\ndef f(x):\n    g = lambda y: 7\n    return g(1)",
    "tuple": "@task\ndef f(x): return x in (1, 2)",
    "frozenset": "@task\ndef f(x): return x in {1, 2}",
    "nested constants": "@task\ndef f(x): return x in (1, 2.0)",
    "call by keywords": "@task\ndef f(x):\n    def g(a, b): return a - b\n    return g(a=1, b=2)",
    "call by others": "@task\ndef f(x):\n    def g(b, a): return b - a\n    return g(a=1, b=2)",
    "except": "@task\ndef f(x):\n    try: a()\n    except E: pass\n    b()",
    "except more": "@task\ndef f(x):\n    try:\n        a()\n        b()\n    except E: pass",
    "other name of the function": "@task\ndef g(x): return x + 1\nf = g",
}


def test_what_a_task_does_is_part_of_its_token():
    seen: dict[bytes, str] = {}
    for name, source in VARIANTS.items():
        other = seen.setdefault(token_in_new_process(source), name)
        assert other == name
        assert is_stable(source)


def test_range_of_a_try_is_part_of_the_token():
    """The bytecode of both is one; only the table of handlers differs."""
    source = "@task\ndef f(x):\n    try: return x.y\n    except KeyError: return 1"

    def forget_handlers(made):
        made.f.fn.__code__ = made.f.fn.__code__.replace(co_exceptiontable=b"")

    assert token_in_new_process(source) != token_in_new_process(source, before=forget_handlers)


SAME_TOKEN = {
    "lines": "\n\n\n@task\n\ndef f(x):\n\n    # a comment\n    return x + 1",
    "indentation": "if True:\n        @task\n        def f(x): return (x\n            + 1)",
    "defaults, for they are arguments": "@task\ndef f(x=5): return x + 1",
    "annotations": "@task\ndef f(x: int) -> int: return x + 1",
}


@pytest.mark.parametrize("source", SAME_TOKEN.values(), ids=SAME_TOKEN)
def test_where_and_how_a_task_is_written_is_not_part_of_its_token(source):
    assert token_in_new_process(source) == token_in_new_process(VARIANTS[""])


def test_file_is_not_part_of_the_token():
    def elsewhere(made):
        made.f.fn.__code__ = made.f.fn.__code__.replace(co_filename="x", co_firstlineno=7)

    assert token_in_new_process(VARIANTS[""]) == token_in_new_process(VARIANTS[""], "f", elsewhere)


def test_code_that_has_run_hot_and_traced_has_the_token_of_cold_code():
    source = "@task\ndef f(x):\n    total = 0\n    for i in range(x): total += i\n    return total"

    def heat(made):
        for _ in range(100):
            made.f.fn(100)
        before = sys.gettrace()
        sys.settrace(lambda *args: None)
        made.f.fn(100)
        sys.settrace(before)

    assert token_in_new_process(source) == token_in_new_process(source, before=heat)


def test_bytecode_of_another_python_is_another_token(monkeypatch):
    before = token_in_new_process(VARIANTS[""])
    monkeypatch.setattr("importlib.util.MAGIC_NUMBER", b"next")

    assert token_in_new_process(VARIANTS[""]) != before


def test_module_is_part_of_the_token(monkeypatch):
    source = TASK + STABLE["task"]
    a = module("content_key_a", source, monkeypatch)
    b = module("content_key_b", source, monkeypatch)

    assert task_token(a.f) != task_token(b.f)


# -- tokens in one process ------------------------------------------------------------------------


def local_task(n=0):
    @task
    def same():
        return n

    return same


def test_token_of_a_task_stays():
    local = local_task()

    assert task_token(local) == task_token(local)
    assert task_token(f) == task_token(f)


def test_local_tasks_of_one_name_do_not_mix():
    tasks = [local_task() for _ in range(10)]

    assert len({task_token(t) for t in tasks}) == 10


def test_tasks_that_took_the_place_of_another_do_not_mix_with_it(monkeypatch):
    source = TASK + VARIANTS[""]
    tokens, tasks = [], []
    for _ in range(3):
        made = module("content_key_again", source, monkeypatch)
        tasks.append(made.f)
        tokens.append(task_token(made.f))

    assert len(set(tokens)) == 3
    assert [task_token(t) for t in tasks] == tokens


def test_task_that_took_the_place_of_a_dead_one_does_not_mix_with_it(monkeypatch):
    source = TASK + VARIANTS[""]
    before = task_token(module("content_key_gone", source, monkeypatch).f)
    gc.collect()

    assert task_token(module("content_key_gone", source, monkeypatch).f) != before


@pytest.mark.parametrize("make", [lambda: f.fn, lambda: local_task().fn], ids=["named", "local"])
def test_function_that_is_made_a_task_again_keeps_its_token(make):
    """A task is its function and options; the wrapper may go while the function stays."""
    fn = make()

    def token(**options):
        given = task_token(task(fn, **options))
        gc.collect()
        return given

    again = {"name": "again"}
    before = token(**again)

    assert token(**again) == before
    assert len({before, token(), token(**again, pure=True), token(**again, run_on="thread")}) == 4
    assert token(**again) == before


def test_two_tasks_that_are_alive_do_not_mix_even_with_one_function():
    twin = Task(f.fn, f.name, f.pure, f.run_on)

    assert task_token(f) != task_token(twin)
    assert task_token(twin) == task_token(twin)


def test_callables_that_are_equal_do_not_mix():
    @dataclasses.dataclass
    class Call:
        n: int

        def __call__(self):
            return self.n

    a, b = Call(1), Call(1)
    assert a == b

    tokens = {task_token(made) for made in (task(a), task(b))}

    assert len(tokens) == 2


def test_function_is_not_kept_alive():
    count = len(content._grants._entries)
    alive = []
    for _ in range(100):
        local = local_task()
        task_token(local)
        alive.append(weakref.ref(local.fn))

    del local
    gc.collect()

    assert [ref() for ref in alive] == [None] * 100
    assert len(content._grants._entries) <= count  # private, but a leak shows nowhere else


def test_local_tokens_are_not_remembered():
    count = len(content._given)

    for _ in range(100):
        task_token(local_task())

    assert len(content._given) == count


def test_many_threads_get_one_token():
    local = local_task()
    tokens: set[bytes] = set()
    barrier = threading.Barrier(8)

    def ask():
        barrier.wait()
        tokens.add(task_token(local))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tokens == {task_token(local)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_do_not_share_local_tokens(tmp_path):
    script = (
        "import os\n"
        f"{TASK}"
        "from cascade_core.graph.content import task_token\n"
        "child = os.fork()\n"
        "child and os.waitpid(child, 0)\n"
        "print(task_token(task(lambda: 1)).hex(), flush=True)\n"
    )

    assert len(set(in_process(tmp_path, script).split())) == 2


def test_token_of_a_real_task_makes_a_key():
    token = task_token(f)

    assert content_key(f.identity, token, [("x", 1)]) == content_key(f.identity, token, [("x", 1)])
    assert content_key(f.identity, token, [("x", 1)]) != content_key(
        f.identity, task_token(local_task()), [("x", 1)]
    )
