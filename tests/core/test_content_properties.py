"""Two values have one content key if and only if they are equal, types and all."""

from __future__ import annotations

import dataclasses
import enum
import math
import pickle
import struct
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from typing import Any

import pytest
from content_samples import M, key
from hypothesis import example, given
from hypothesis import strategies as st


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
@given(values, values)
@example([1], (1,))
@example({1: 2}, {True: 2})
def test_any_two_values_have_one_key_only_if_equal_with_types(a, b):
    assert (key(a) == key(b)) == (typed(a) == typed(b))


@given(small_values, small_values)
def test_small_values_have_one_key_only_if_equal_with_types(a, b):
    assert (key(a) == key(b)) == (typed(a) == typed(b))
    assert (key([a, b]) == key([b, a])) == (typed(a) == typed(b))


@given(values)
def test_rebuilt_value_has_the_key_of_the_original(value):
    rebuilt = pickle.loads(pickle.dumps(value))

    assert (key(rebuilt) == key(value)) == (typed(rebuilt) == typed(value))
    assert typed(rebuilt) == typed(value)


@pytest.mark.slow
@given(st.lists(keys, unique_by=typed, max_size=6), st.randoms())
def test_set_has_one_key_whatever_order_it_was_filled_in(members, random):
    shuffled = list(members)
    random.shuffle(shuffled)

    a, b = set(members), set(shuffled)

    assert (key(a) == key(b)) == (typed(a) == typed(b))
