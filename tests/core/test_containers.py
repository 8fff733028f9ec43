"""Containers with lazy results inside: what is searched, what arrives, what is refused."""

from __future__ import annotations

import dataclasses
import enum
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from typing import Any, NamedTuple

import pytest

import cascade_core as cs


@cs.task
def one():
    return 1


@cs.task
def two():
    return 2


@cs.task
def echo(value):
    return value


@cs.task
def kind(value):
    return type(value)


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass
class Config:
    url: Any
    retries: Any = 3
    seen: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any
    y: Any = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    x: Any
    y: Any = 0


@dataclasses.dataclass
class Checked:
    x: Any

    def __post_init__(self):
        self.checks = getattr(self, "checks", 0) + 1


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


# -- what arrives ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: [one(), "x", two()], [1, "x", 2]),
        (lambda: (one(), "x", two()), (1, "x", 2)),
        (lambda: {"a": one(), "b": 5}, {"a": 1, "b": 5}),
        (lambda: {one(), two(), 7}, {1, 2, 7}),
        (lambda: frozenset({one(), 7}), frozenset({1, 7})),
        (lambda: OrderedDict(b=one(), a=2), OrderedDict(b=1, a=2)),
        (lambda: defaultdict(list, a=one()), defaultdict(list, a=1)),
        (lambda: Pair(one(), "x"), Pair(1, "x")),
        (lambda: Config(one()), Config(1)),
        (lambda: Frozen(one(), 2), Frozen(1, 2)),
        (lambda: Slotted(1, two()), Slotted(1, 2)),
        (lambda: [{"a": (one(), {two()})}], [{"a": (1, {2})}]),
        (lambda: [Frozen(Pair([one()], 2))], [Frozen(Pair([1], 2))]),
        (lambda: [[], (), {}, one()], [[], (), {}, 1]),
    ],
)
async def test_lazy_results_inside_arrive_as_values_in_a_container_of_the_same_type(
    engine, make, expected
):
    value = await engine.run(echo(make()))

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        [1, [2]],
        (1, [2]),
        {"a": [1]},
        {1, 2},
        frozenset({1}),
        OrderedDict(a=1),
        defaultdict(list),
        Pair(1, [2]),
        Config("u"),
        Slotted(1),
        {1.5: object()},
        [],
    ],
)
async def test_container_without_lazy_results_arrives_as_the_same_object(engine, value):
    assert await engine.run(echo(value)) is value


async def test_data_beside_lazy_results_arrives_as_the_same_object(engine):
    data = [1, 2]

    result = await engine.run(echo([data, one()]))

    assert result[0] is data


async def test_callers_container_is_left_as_it_was(engine):
    container = [one(), {"a": two()}]

    result = await engine.run(echo(container))

    assert result is not container
    assert isinstance(container[0], cs.LazyResult)


async def test_defaultdict_keeps_its_factory(engine):
    value = await engine.run(echo(defaultdict(list, a=one())))

    assert value["new"] == []


async def test_dict_arrives_in_its_own_order(engine):
    first = await engine.run(echo({"a": one(), "b": two()}))
    second = await engine.run(echo({"b": two(), "a": one()}))

    assert [list(first.items()), list(second.items())] == [
        [("a", 1), ("b", 2)],
        [("b", 2), ("a", 1)],
    ]


async def test_dataclass_is_copied_without_running_its_constructor(engine):
    value = await engine.run(echo(Checked(one())))

    assert (value.x, value.checks) == (1, 1)


async def test_dataclass_attributes_that_are_no_fields_survive(engine):
    config = Config(one())
    config.extra = "kept"

    assert (await engine.run(echo(config))).extra == "kept"


async def test_dataclass_with_an_unset_field_is_copied(engine):
    frozen = Slotted(one())
    object.__delattr__(frozen, "y")

    value = await engine.run(echo(frozen))

    assert value.x == 1
    assert not hasattr(value, "y")


async def test_two_instances_of_a_dataclass_share_a_plan_and_keep_their_data(engine):
    values = [await engine.run(echo(Frozen(one(), n))) for n in (5, 6)]

    assert values == [Frozen(1, 5), Frozen(1, 6)]
    assert engine.stats.resolves == 1


async def test_container_used_twice_in_one_call_arrives_as_one_object(engine):
    shared = [one()]

    value = await engine.run(echo([shared, shared]))

    assert value == [[1], [1]]
    assert value[0] is value[1]


async def test_container_used_in_two_calls_arrives_in_both(engine):
    shared = [one()]

    @cs.task
    def both(a, b):
        return a, b

    assert await engine.run(both(echo(shared), echo(shared))) == ([1], [1])


async def test_lazy_result_used_twice_in_a_container_runs_once(engine):
    @cs.task
    def fresh():
        return object()

    shared = fresh()
    a, b = await engine.run(echo([shared, {"x": shared}]))

    assert a is b["x"]


@pytest.mark.parametrize("make", [Counter, UserDict, deque])
async def test_other_containers_are_data(engine, make):
    lazy = one()
    container = make({"a": lazy}) if make is not deque else deque([lazy])

    assert await engine.run(echo(container)) is container


async def test_subclass_of_list_is_data(engine):
    class Own(list):
        pass

    container = Own([one()])

    assert await engine.run(echo(container)) is container


async def test_dataclass_class_itself_is_data(engine):
    assert await engine.run(echo([Config, one()])) == [Config, 1]


# -- sets -----------------------------------------------------------------------------------------


async def test_set_of_different_lazy_results_hits_whatever_its_order(engine):
    for _ in range(20):
        assert await engine.run(echo({one(), two(), 3})) == {1, 2, 3}

    assert engine.stats.resolves == 1


async def test_sets_with_equally_many_data_members_share_a_plan(engine):
    values = [await engine.run(echo({one(), n})) for n in (5, 6)]

    assert values == [{1, 5}, {1, 6}]


async def test_set_of_equal_looking_lazy_results_is_right_even_without_a_hit(engine):
    @cs.task
    def give(n):
        return n

    for _ in range(5):
        assert await engine.run(echo({give(1), give(2), give(3)})) == {1, 2, 3}


async def test_set_with_a_live_container_inside_is_refused(engine):
    with pytest.raises(cs.GraphError, match="quote"):
        await engine.run(echo({(one(),), 2}))


async def test_set_whose_lazy_members_come_to_one_value_shrinks(engine):
    assert await engine.run(echo({one(), cs.task(lambda: 1)(), 1})) == {1}


# -- keys -----------------------------------------------------------------------------------------

ALLOWED = [
    "a",
    "",
    "a']['b",
    1,
    -1,
    True,
    None,
    b"x",
    Colour.RED,
    Level.LOW,
    Right.READ,
    Right.READ | Right.WRITE,
    Right(0),
    (),
    (1, "a"),
    (1, (True, (None, Colour.BLUE)), b""),
]


@pytest.mark.parametrize("key", ALLOWED, ids=lambda key: type(key).__name__)
async def test_key_beside_a_lazy_value_arrives_as_it_was(engine, key):
    value = await engine.run(echo({"first": 0, key: one(), "last": [two()]}))

    arrived = list(value)[1]
    assert (arrived, type(arrived), value) == (
        key,
        type(key),
        {"first": 0, key: 1, "last": [2]},
    )


class Plain:
    pass


@pytest.mark.parametrize(
    "key",
    [1.5, 2j, frozenset({1}), (1, 1.5), Plain(), Plain, range(3)],
    ids=lambda key: type(key).__name__,
)
async def test_key_that_cannot_be_in_a_structure_is_refused_with_the_cure(engine, key):
    with pytest.raises(cs.GraphError, match=r"quote\(value\)"):
        await engine.run(echo({key: one()}))


@pytest.mark.parametrize("make", [lambda lazy: lazy, lambda lazy: (1, lazy)])
async def test_lazy_key_is_refused_with_the_cure(engine, make):
    with pytest.raises(cs.GraphError, match=r"dict key holds a lazy result.*quote\(value\)"):
        await engine.run(echo({make(one()): 1}))


async def test_quote_cures_a_refused_key(engine):
    lazy = one()

    assert await engine.run(echo(cs.quote({1.5: lazy}))) == {1.5: lazy}


async def test_refused_key_inside_quoted_data_is_no_problem(engine):
    value = await engine.run(echo([one(), {1.5: "data"}]))

    assert value == [1, {1.5: "data"}]


async def test_keys_that_are_equal_but_of_other_types_are_other_structures(engine):
    for key in (1, True, "1", b"1", (1,), Level.LOW):
        value = await engine.run(echo({key: one()}))
        assert type(next(iter(value))) is type(key)

    assert engine.stats.resolves == 6


# -- quote ----------------------------------------------------------------------------------------


async def test_quoted_value_arrives_as_the_same_object_unsearched(engine):
    value = [one()]

    assert await engine.run(echo(cs.quote(value))) is value


async def test_quoted_lazy_result_is_not_run(engine):
    lazy = one()

    assert await engine.run(echo([two(), cs.quote(lazy)])) == [2, lazy]


async def test_quoted_value_alone_in_a_container_is_unwrapped(engine):
    assert await engine.run(echo({"a": cs.quote((one,))})) == {"a": (one,)}


async def test_quoted_member_of_a_set_is_unwrapped(engine):
    assert await engine.run(echo({cs.quote(7), one()})) == {7, 1}


# -- cycles and depth -----------------------------------------------------------------------------


async def test_list_that_contains_itself_is_data_without_lazy_results(engine):
    loop: list[Any] = [1]
    loop.append(loop)

    assert await engine.run(echo(loop)) is loop


async def test_list_that_contains_itself_and_a_lazy_result_is_a_cycle(engine):
    loop: list[Any] = [one()]
    loop.append({"again": loop})

    with pytest.raises(cs.CycleError) as caught:
        await engine.run(echo(loop))
    assert caught.value.cycle == ("list", "dict", "list")


async def test_call_that_depends_on_itself_through_a_list_is_a_cycle_with_names(engine):
    @cs.task
    def outer(x):
        return x

    held: list[Any] = []
    inner = echo(held)
    held.append(outer(inner))

    with pytest.raises(cs.CycleError) as caught:
        await engine.run(kind(inner))
    assert caught.value.cycle == ("echo", "outer", "echo")


async def test_cycle_is_refused_before_it_is_a_run(engine):
    held: list[Any] = []
    held.append(echo(held))

    with pytest.raises(cs.CycleError):
        await engine.run(held[0])
    assert engine.stats.runs == 0


@pytest.mark.slow
async def test_nesting_of_100_000_levels_neither_recurses_nor_overflows(engine):
    nested: Any = one()
    for level in range(100_000):
        nested = (nested,) if level % 2 else [nested]

    value = await engine.run(echo(nested))

    depth = 0
    while value != 1:
        value, depth = value[0], depth + 1
    assert depth == 100_000


@pytest.mark.slow
async def test_data_nested_in_100_000_levels_arrives_as_the_same_object(engine):
    nested: Any = 1
    for _ in range(100_000):
        nested = [nested]

    assert await engine.run(kind(cs.quote(nested))) is list
    assert await engine.run(kind(nested)) is list


async def test_key_nested_in_10_000_tuples_arrives(engine):
    key: Any = 1
    for _ in range(10_000):
        key = (key,)
    lengths = cs.task(lambda mapping: [len(k) for k in mapping])

    assert await engine.run(lengths({key: one()})) == [1]


# -- data never enters a plan ---------------------------------------------------------------------


async def test_literal_list_changed_after_the_run_leaves_no_trace(engine):
    first = [1, 2]
    await engine.run(echo(first))
    first.append(3)

    assert await engine.run(echo([9])) == [9]
    assert engine.stats.hits == 1


async def test_members_beside_lazy_results_come_from_this_run(engine):
    values = [await engine.run(echo([n, one(), {"k": n}])) for n in range(3)]

    assert values == [[n, 1, {"k": n}] for n in range(3)]
    assert engine.stats.resolves == 1
