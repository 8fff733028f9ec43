"""What the tests of content keys share: values of each kind, and ways to ask for keys."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import cascade_core
from cascade_core.define.task import task
from cascade_core.graph.content import UnstableValue, content_key


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


def in_process(tmp_path: Path, script: str, seed: str = "0", **modules: str) -> str:
    """What a script prints in another process that can import these modules."""
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(source)
    root = Path(cascade_core.__file__).parents[1]
    return subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(root)])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


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
