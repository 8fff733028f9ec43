"""Content keys of large, deep and shared values."""

from __future__ import annotations

import dataclasses
from hashlib import sha256
from typing import Any

import pytest
from content_samples import in_process, key

from cascade_core.graph.content import encoding, keys

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

    monkeypatch.setattr(encoding, "sha256", counting)
    monkeypatch.setattr(keys, "sha256", counting)
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
