"""Structures: what is in a plan key, what is not, and digests of it for people."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections import OrderedDict
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from strategies import build, data_programs, fill, pairs, references

import cascade_core as cs


class Pair(NamedTuple):
    left: Any
    right: Any


@dataclasses.dataclass
class Config:
    x: Any
    y: Any = 0


@cs.task
def g(x=None):
    return x


@cs.task
def h(x=None):
    return x


@cs.task
def f(a=None, b=None):
    return a, b


@cs.task
def star(*args, **kwargs):
    return args, kwargs


def structure(lazy):
    return cs.build_graph(lazy).structure


def shared():
    x = g()
    return f(x, x)


SAME = {
    "literals": (lambda: f(1, "a"), lambda: f(2.5, None)),
    "literal types": (lambda: f(1), lambda: f([1, {2: 3}])),
    "bindings": (lambda: f(1, g()), lambda: f(b=g(), a=1)),
    "defaults": (lambda: f(1), lambda: f(1, None)),
    "literal containers": (lambda: f([1, 2]), lambda: f({})),
    "members beside lazy results": (lambda: f([g(), 1]), lambda: f([g(), "x"])),
    "literal and quoted": (lambda: f(1), lambda: f(cs.quote([g()]))),
    "extra keywords": (lambda: star(x=1), lambda: star(x=2)),
    "dataclass data": (lambda: f(Config(g(), 1)), lambda: f(Config(g(), 2))),
}

DIFFERENT = {
    "lazy or literal": (lambda: f(g()), lambda: f(1)),
    "other task": (lambda: f(g()), lambda: f(h())),
    "other place": (lambda: f(g(), 1), lambda: f(1, g())),
    "swapped": (lambda: f(g(), h()), lambda: f(h(), g())),
    "shared or equal": (shared, lambda: f(g(), g())),
    "depth": (lambda: g(g()), lambda: g(g(g()))),
    "list or tuple": (lambda: f([g()]), lambda: f((g(),))),
    "tuple or namedtuple": (lambda: f((g(), 1)), lambda: f(Pair(g(), 1))),
    "dict or OrderedDict": (lambda: f({"a": g()}), lambda: f(OrderedDict(a=g()))),
    "set or frozenset": (lambda: f({g()}), lambda: f(frozenset({g()}))),
    "container or not": (lambda: f(g()), lambda: f([g()])),
    "length": (lambda: f([g(), 1]), lambda: f([g(), 1, 2])),
    "position in a list": (lambda: f([g(), 1]), lambda: f([1, g()])),
    "nesting": (lambda: f([[g()], 1]), lambda: f([[g(), 1]])),
    "key type": (lambda: f({1: g()}), lambda: f({"1": g()})),
    "key bool": (lambda: f({1: g()}), lambda: f({True: g()})),
    "key bytes": (lambda: f({"a": g()}), lambda: f({b"a": g()})),
    "key with a separator": (
        lambda: f({"a": g(), "b": 1}),
        lambda: f({"a": g(), "b']['c": 1}),
    ),
    "key tuple": (lambda: f({(1, 2): g()}), lambda: f({(1, (2,)): g()})),
    "positional count": (lambda: star(1, 2), lambda: star(1)),
    "extra keyword names": (lambda: star(x=1), lambda: star(y=1)),
    "keyword or positional": (lambda: star(1), lambda: star(x=1)),
    "field of a dataclass": (lambda: f(Config(g(), 1)), lambda: f(Config(1, g()))),
    "container shared or equal": (
        lambda: (lambda box: f([box, box]))([(x := g()), x]),
        lambda: (lambda x: f([[x, x], [x, x]]))(g()),
    ),
    "set with and without data": (lambda: f({g()}), lambda: f({g(), 1})),
}


@pytest.mark.parametrize(("a", "b"), SAME.values(), ids=SAME)
def test_data_is_not_part_of_the_structure(a, b):
    assert structure(a()) == structure(b())
    assert hash(structure(a())) == hash(structure(b()))


@pytest.mark.parametrize(("a", "b"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_a_plan_depends_on_is_part_of_the_structure(a, b):
    assert structure(a()) != structure(b())


@pytest.mark.parametrize(("a", "b"), DIFFERENT.values(), ids=DIFFERENT)
def test_digests_differ_where_structures_do(a, b):
    assert structure(a()).digest != structure(b()).digest


@pytest.mark.parametrize(("a", "b"), DIFFERENT.values(), ids=DIFFERENT)
async def test_different_structures_give_their_own_values_on_one_engine(engine, a, b):
    async def both(engine):
        return [repr(await engine.run(make())) for make in (a, b, a, b)]

    assert await both(engine) == await both(cs.Engine(plan_cache=cs.PlanCache(0)))


def test_two_functions_of_one_name_are_two_structures_but_look_alike_in_digests():
    def make():
        @cs.task
        def same():
            return 1

        return same

    one, two = structure(make()()), structure(make()())

    assert one != two
    assert one.digest == two.digest


@pytest.mark.parametrize("options", [{"name": "other"}, {"pure": True}, {"run_on": "thread"}])
def test_task_options_are_part_of_the_structure(options):
    assert structure(g()) != structure(cs.task(g.fn, **options)())


def test_structure_equals_nothing_else():
    assert structure(g()) != "g"


def test_structure_shows_its_target():
    assert repr(structure(g())).startswith("<Structure g ")


@pytest.mark.slow
@given(pairs())
def test_structures_are_equal_exactly_if_the_calls_and_their_wiring_are(pair):
    a, b = pair
    assert (structure(build(a)) == structure(build(b))) == (wiring(a) == wiring(b))


@pytest.mark.slow
@given(data_programs())
def test_structure_does_not_depend_on_the_order_calls_were_made_in(program):
    """Puts a step that nothing needs before each one: numbers of steps change, wiring does not."""
    padded = []
    for step in program:
        padded += [program[0]._replace(args=(), kwargs=()), shifted(step)]

    assert structure(build(tuple(padded))) == structure(build(program))


def shifted(step):
    from strategies import Box, Ref

    def move(argument):
        if isinstance(argument, Ref):
            return Ref(2 * argument.index + 1)
        if isinstance(argument, Box):
            return argument._replace(members=tuple(map(move, argument.members)))
        return argument

    return step._replace(
        args=tuple(map(move, step.args)),
        kwargs=tuple((name, move(argument)) for name, argument in step.kwargs),
    )


def wiring(program):
    """What makes two programs one structure, worked out from the description alone."""
    from strategies import Box, Ref

    numbers: dict[int, int] = {}

    def is_live(argument):
        if isinstance(argument, Box):
            return any(is_live(member) for member in argument.members)
        return isinstance(argument, Ref)

    def shape(argument):
        if isinstance(argument, Ref):
            return ("call", numbers.setdefault(argument.index, len(numbers)))
        if is_live(argument):
            keys = tuple((type(key), key) for key in argument.keys)
            return (argument.kind, keys, tuple(map(shape, argument.members)))
        return "data"

    def bound(step):
        args, kwargs = step.args, dict(step.kwargs)
        if step.task == "twin":
            args = (*args, "default", "default", "default")[:3]
            kwargs = {name: kwargs.get(name, "default") for name in ("k", "m")}
        return [*map(shape, args)], [(name, shape(value)) for name, value in kwargs.items()]

    numbers[len(program) - 1] = 0
    seen = []
    for index in numbers_in_order(numbers):
        step = program[index]
        seen.append((step.task, bound(step)))
    return seen


def numbers_in_order(numbers):
    """The steps by number, those too that get one while the others are looked at."""
    number = 0
    while number < len(numbers):
        yield next(index for index, n in numbers.items() if n == number)
        number += 1


# -- graphs ---------------------------------------------------------------------------------------


def test_one_object_is_one_node_and_equal_calls_are_two():
    assert len(cs.build_graph(shared()).nodes) == 2
    assert len(cs.build_graph(f(g(), g())).nodes) == 3


def test_nodes_are_numbered_breadth_first_from_the_target():
    graph = cs.build_graph(f(g(h()), h()))

    assert graph.root == 0
    assert [node.name for node in graph.nodes] == ["f", "g", "h", "h"]
    assert [node.dependencies for node in graph.nodes] == [(1, 2), (3,), (), ()]


def test_edges_say_where_each_value_goes():
    graph = cs.build_graph(f([g(), {"k": h()}], b=Config(1, g())))

    assert [(edge.source, edge.target, edge.kind, edge.argument) for edge in graph.edges] == [
        (1, 0, "data", "a[0]"),
        (2, 0, "data", "a[1]['k']"),
        (3, 0, "data", "b.y"),
    ]


def test_value_that_goes_to_two_places_has_two_edges_and_is_one_dependency():
    graph = cs.build_graph(shared())

    assert [edge.argument for edge in graph.edges] == ["a", "b"]
    assert graph.nodes[0].dependencies == (1,)


def test_graph_gives_the_arguments_of_a_call_from_inputs_and_values():
    graph = cs.build_graph(f([g(), "x"], b=5))

    assert graph.arguments(0, ["x", 5, None], {1: "from g"}) == ([["from g", "x"], 5], {})


@pytest.mark.parametrize("target", [1, None, g, g.tail(), [g()]])
def test_graph_of_no_lazy_result_is_refused(target):
    with pytest.raises(TypeError, match="target must be a lazy result"):
        cs.build_graph(target)


@pytest.mark.slow
@given(data_programs())
def test_graph_has_one_node_per_call_that_is_needed(program):
    needed = {len(program) - 1}
    for index in range(len(program) - 1, -1, -1):
        if index in needed:
            needed |= references(program[index])

    graph = cs.build_graph(build(program))

    assert len(graph.nodes) == len(needed)


def test_mermaid_shows_each_node_and_edge():
    text = cs.build_graph(f(g(), b=h())).to_mermaid()

    assert text.splitlines() == [
        "flowchart TD",
        '    n0["f"]',
        '    n1["g"]',
        '    n2["h"]',
        '    n1 -->|"a"| n0',
        '    n2 -->|"b"| n0',
    ]


def test_dot_quotes_names():
    named = cs.task(g.fn, name='say "hi"\n')

    assert '[label="say \\"hi\\"\\n", shape=box]' in cs.build_graph(named()).to_dot()


def test_mermaid_encodes_what_has_a_meaning_there():
    named = cs.task(g.fn, name='a"]|b')

    assert 'n0["a#34;#93;#124;b"]' in cs.build_graph(named()).to_mermaid()


def test_graph_and_node_show_their_names():
    graph = cs.build_graph(f(g()))

    assert (repr(graph), repr(graph.nodes[1])) == ("<Graph f, 2 nodes>", "<Node 1 g>")


# -- ids and digests ------------------------------------------------------------------------------


def test_node_id_is_blind_to_sharing_but_the_digest_is_not():
    a, b = cs.build_graph(shared()), cs.build_graph(f(g(), g()))

    assert a.nodes[0].id == b.nodes[0].id
    assert a.structure.digest != b.structure.digest


def test_equal_looking_nodes_have_one_id():
    graph = cs.build_graph(f(g(1), g(2)))

    assert graph.nodes[1].id == graph.nodes[2].id


def test_node_id_covers_all_that_is_below():
    assert cs.build_graph(g(g(g()))).nodes[0].id != cs.build_graph(g(g(h()))).nodes[0].id


def test_node_id_of_a_shared_container_is_that_of_an_equal_one():
    x = g()
    box = [x]
    a, b = cs.build_graph(f([box, box])), cs.build_graph(f([[x], [x]]))

    assert a.nodes[0].id == b.nodes[0].id


@pytest.mark.slow
@given(pairs())
def test_equal_structures_have_equal_digests_and_ids(pair):
    a, b = pair
    one, two = cs.build_graph(build(a)), cs.build_graph(build(b))

    if one.structure == two.structure:
        assert [node.id for node in one.nodes] == [node.id for node in two.nodes]
    assert (one.structure == two.structure) == (one.structure.digest == two.structure.digest)


@pytest.mark.slow
@given(data_programs())
def test_reading_a_program_twice_gives_equal_ids(program):
    first, second = (cs.build_graph(build(program)) for _ in range(2))

    assert [node.id for node in first.nodes] == [node.id for node in second.nodes]


DIGESTS = """
import enum
import cascade_core as cs

class Colour(enum.Enum):
    RED = object()

@cs.task(name="leaf")
def leaf(x=None): return x
@cs.task
def other(): return 1
@cs.task
def top(*args, **kwargs): return 1

graph = cs.build_graph(top(
    {leaf(1), other(), leaf(leaf()), "data", b"more"}, object(),
    {"a": leaf(), (1, None, Colour.RED): other()}, k=frozenset({leaf(), other()}),
))
print(graph.structure.digest, *sorted(node.id for node in graph.nodes))
"""


@pytest.mark.slow
def test_digests_agree_between_processes_and_hash_seeds():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }

    assert len(outputs) == 1


@pytest.mark.slow
def test_digest_of_a_wide_graph_takes_time_linear_in_its_size():
    """Were it quadratic, this would take minutes."""
    graph = cs.build_graph(star(*[g() for _ in range(50_000)]))

    assert len(graph.structure.digest) == 64


def test_fill_of_the_strategies_makes_what_the_graph_makes():
    from strategies import Box, Literal, Ref

    box = Box("dict", (Ref(0), Literal(1)), ("a", "b"))

    assert fill(box, [7]) == {"a": 7, "b": 1}
