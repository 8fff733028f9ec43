"""Content keys: the format, where keys agree, which values have one key and which have not."""

from __future__ import annotations

import copy
import enum
import math
import pickle
import struct
import uuid
from collections import OrderedDict, defaultdict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from fractions import Fraction
from hashlib import sha256
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from content_samples import VALUES, VALUES_SOURCE, M, f, in_process, key

from cascade_core.graph.content import content_key

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


WRAPS = {"list": lambda v: [v], "dict": lambda v: {"k": v}, "dataclass": M.Config}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
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
