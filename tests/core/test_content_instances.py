"""Content keys of instances of a program's own classes."""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
import functools
import gc
import types
import weakref
from datetime import tzinfo
from hashlib import sha256
from typing import Any, Generic, NamedTuple, TypeVar

import pytest
from content_samples import M, key, module, reason

from cascade_core.graph.content import instances, names

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
    monkeypatch.setattr(names, "_given", set())  # as if the second class were in a later process
    keys = set()
    for field in ("x", "y"):
        made = dataclasses.make_dataclass("Versioned", [field])
        made.__module__ = M.__name__
        monkeypatch.setattr(M, "Versioned", made, raising=False)
        names._given.clear()
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


LOCAL = {
    "enum": local_colour,
    "flag": local_flag,
    "dataclass": local_config,
    "namedtuple": local_pair,
}


@pytest.mark.parametrize("make", LOCAL.values(), ids=LOCAL)
def test_local_classes_of_one_name_do_not_mix(make):
    a, b = make(), make()

    assert key(a) != key(b)


@pytest.mark.parametrize("make", LOCAL.values(), ids=LOCAL)
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
    monkeypatch.setattr(names, "_given", set())  # as if this were another process

    assert key(made.Colour.RED) != liar


@pytest.mark.parametrize("name", [None, 5, "no.such.module"], ids=["none", "no text", "no module"])
def test_class_with_a_strange_module_is_local(name):
    value = local_colour()
    type(value).__module__ = name

    assert key(value) == key(value)


def test_local_class_is_not_kept_alive():
    values = [make() for make in LOCAL.values()]
    for value in values:
        key(value)
    alive = [weakref.ref(type(value)) for value in values]
    count = len(names._class_forms._entries), len(instances._layouts._entries)

    del values, value
    gc.collect()

    assert [ref() for ref in alive] == [None] * 4
    # The tables are private, but a leak shows nowhere else.
    assert len(names._class_forms._entries) <= count[0] - 4
    assert len(instances._layouts._entries) <= count[1] - 2


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
