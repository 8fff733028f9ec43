"""``select``: one of several routes runs, the others are pruned with what only they need."""

from __future__ import annotations

import asyncio
import enum
import itertools
import os
import subprocess
import sys
from collections import OrderedDict
from types import MappingProxyType

import pytest
from fakes import EventLog
from ways import engine_of, run

import cascade_core as cs


def skips(log: EventLog) -> list[tuple[str, str]]:
    return [(event.task, event.reason) for event in log.of(cs.TaskSkipped)]


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args, **kwargs):
    return args or kwargs


@cs.task
async def later(x=None):
    await asyncio.sleep(0)
    return x


class Ran(list):
    """Makes tasks that note that they ran."""

    def task(self, name: str, is_async: bool = False) -> cs.Task:
        def note(*args):
            self.append(name)
            return name

        async def note_later(*args):
            self.append(name)
            await asyncio.sleep(0)
            return name

        return cs.task(note_later if is_async else note, name=name)


@pytest.fixture
def ran() -> Ran:
    return Ran()


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1


# -- choosing -------------------------------------------------------------------------------------

SELECTORS = {
    "data": lambda: "b",
    "parameter": lambda: cs.Param("key"),
    "parameter's default": lambda: cs.Param("absent", default="b"),
    "variable": lambda: cs.Env("CASCADE_KEY"),
    "resource": lambda: cs.inject("key"),
    "sync task": lambda: noop("b"),
    "async task": lambda: later("b"),
    "task below a task": lambda: noop(later("b")),
    "sub-graph": lambda: cs.task(lambda: noop("b"))(),
    "another select": lambda: cs.select(1, {1: "b", 2: "a"}),
    "item of a container": lambda: cs.task(lambda xs: xs[0])(later.map(x=["b"])),
}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("selector", SELECTORS.values(), ids=SELECTORS)
async def test_only_the_chosen_route_runs(way, ran, monkeypatch, selector, is_async):
    monkeypatch.setenv("CASCADE_KEY", "b")
    routes = {key: ran.task(key, is_async)() for key in "abc"}
    target = noop(cs.select(selector(), routes))

    value = await run(way, target, {"key": "b"}, resources={"key": lambda: "b"})

    assert (value, ran) == ("b", ["b"])


async def test_selector_may_be_a_tuple_of_lazy_results(way, ran):
    routes = {(1, "x"): ran.task("a")(), (2, "x"): ran.task("b")()}

    assert await run(way, cs.select((later(2), noop("x")), routes)) == "b"
    assert ran == ["b"]


KEYS = [1, "1", None, False, b"1", Colour.RED, (1, "1"), (), ((None,), True), "a.b", "", -5]


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("is_lazy", [False, True])
async def test_keys_of_mixed_types_are_told_apart(way, key, is_lazy):
    routes = {other: noop(repr(other)) for other in KEYS}

    assert await run(way, cs.select(noop(key) if is_lazy else key, routes)) == repr(key)


@pytest.mark.parametrize(("selector", "key"), [(1.0, 1), (True, 1), (Level.LOW, 1), (1, Level.LOW)])
async def test_keys_are_found_by_equality_as_in_a_dict(way, selector, key):
    assert await run(way, cs.select(selector, {key: "found"})) == "found"


async def test_routes_may_be_any_mapping(way):
    for mapping in (OrderedDict, MappingProxyType):
        assert await run(way, cs.select("a", mapping({"a": noop(1)}))) == 1


async def test_routes_may_be_data(way):
    data = [1, {"x": 2}]

    assert await run(way, cs.select("a", {"a": data, "b": later()})) is data


async def test_none_is_a_route(way):
    assert await run(way, f(cs.select("a", {"a": None, "b": 1}))) == (None,)


async def test_quoted_route_arrives_unsearched(way):
    lazy = noop()

    assert await run(way, f(cs.select("a", {"a": cs.quote([lazy])}))) == ([lazy],)


async def test_routes_may_be_containers_of_lazy_results(way, ran):
    routes = {"a": [ran.task("a")(), {"x": ran.task("x")()}], "b": (ran.task("b")(), 1)}

    assert await run(way, cs.select("a", routes)) == ["a", {"x": "x"}]
    assert sorted(ran) == ["a", "x"]


async def test_route_may_be_a_sub_graph_and_a_map(way):
    expand = cs.task(lambda n: noop(later(n)))

    assert await run(way, f(cs.select(1, {1: expand(5), 2: 0}))) == (5,)
    assert await run(way, cs.select(2, {1: 0, 2: expand.map(n=[1, 2])})) == [1, 2]


async def test_value_of_a_select_that_is_used_twice_is_made_once(way, ran):
    chosen = cs.select("a", {"a": ran.task("a")()})

    assert await run(way, f(chosen, noop(chosen))) == ("a", "a")
    assert ran == ["a"]


async def test_routes_in_routes(way, ran):
    inner = cs.select(later("y"), {"x": ran.task("x")(), "y": ran.task("y")()})
    target = cs.select(later("in"), {"in": inner, "out": ran.task("out")()})

    assert await run(way, target) == "y"
    assert ran == ["y"]


async def test_unchosen_select_does_not_even_run_its_selector(way, ran):
    inner = cs.select(ran.task("selector")(), {"x": 1}, default=2)

    assert await run(way, cs.select("a", {"a": 0, "b": inner})) == 0
    assert ran == []


async def test_routes_in_routes_two_hundred_deep(way):
    target = later("bottom")
    for _ in range(200):
        target = cs.select(later(1), {0: later(), 1: target})

    assert await run(way, target) == "bottom"


async def test_two_selects_on_one_consumer(way, ran):
    def one(key):
        return cs.select(later(key), {k: ran.task(k)() for k in (key, f"not {key}")})

    assert await run(way, f(one("a"), one("b"))) == ("a", "b")
    assert sorted(ran) == ["a", "b"]


async def test_two_selects_that_share_their_routes(way, ran):
    routes = {"a": ran.task("a")(), "b": ran.task("b")(), "c": ran.task("c")()}

    value = await run(way, f(cs.select("a", routes), cs.select(later("b"), routes)))

    assert value == ("a", "b")
    assert sorted(ran) == ["a", "b"]


async def test_two_selects_that_choose_the_same_node_run_it_once(way, ran):
    routes = {"a": ran.task("a", True)(), "b": ran.task("b")()}

    value = await run(way, f(cs.select("a", routes), cs.select(later("a"), routes)))

    assert (value, ran) == (("a", "a"), ["a"])


# -- unknown keys ---------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", ["c", 1, None, ["a"], {"a": 1}, ("a", ["b"])])
@pytest.mark.parametrize("is_lazy", [False, True])
async def test_unknown_or_unhashable_key_takes_the_default(way, ran, selector, is_lazy):
    selector = noop(selector) if is_lazy else selector
    target = cs.select(selector, {"a": ran.task("a")()}, default=ran.task("default")())

    assert await run(way, target) == "default"
    assert ran == ["default"]


async def test_default_does_not_run_if_a_route_is_chosen(way, ran):
    assert await run(way, cs.select("a", {"a": 1}, default=ran.task("default")())) == 1
    assert ran == []


@pytest.mark.parametrize("default", [None, 0, (), [1]])
async def test_default_may_be_data(way, default):
    assert await run(way, cs.select("x", {"a": 1}, default=default)) is default


async def test_default_may_hold_lazy_results(way):
    assert await run(way, cs.select("x", {"a": 1}, default=[later(1), 2])) == [1, 2]


@pytest.mark.parametrize("selector", ["c", ["a"]])
async def test_unknown_key_without_default_is_an_error_that_lists_the_keys(way, selector):
    with pytest.raises(cs.UnknownNameError) as caught:
        await run(way, f(cs.select(later(selector), {"b": 1, "a": later()})))

    error = caught.value
    assert (error.name, error.known) == (selector, ("a", "b"))
    assert str(error) == f"unknown route {selector!r}; known: 'a', 'b'"
    assert error.__notes__ == ["in task 'select' at f(args[0]=)"]


async def test_error_lists_keys_of_mixed_types_in_their_order(way):
    with pytest.raises(cs.UnknownNameError, match=r"known: 'b', 1, \(1, None\)"):
        await run(way, cs.select("c", {"b": 1, 1: 2, (1, None): 3}))


async def test_select_without_routes_has_its_default(way):
    assert await run(way, cs.select(later(1), {}, default=later(2))) == 2


async def test_select_with_no_routes_at_all_knows_none(way):
    with pytest.raises(cs.UnknownNameError, match="unknown route 1; known: none"):
        await run(way, cs.select(1, {}))


async def test_default_is_no_key(way):
    with pytest.raises(cs.UnknownNameError):
        await run(way, cs.select("default", {"a": 1}))
    assert await run(way, cs.select("default", {"default": 1}, default=2)) == 1


# -- pruning --------------------------------------------------------------------------------------


async def test_what_only_an_unchosen_route_needs_is_pruned(way, ran):
    """a <- deep <- deeper, with its condition, its order and its amount."""
    deeper = ran.task("deeper")()
    deep = ran.task("deep")(deeper).after(ran.task("before")()).run_if(ran.task("condition")())
    deep = deep.with_constraints(slots=ran.task("amount")())
    target = cs.select(later("b"), {"a": ran.task("a")(deep), "b": ran.task("b")()})

    assert await run(way, target, resources={"slots": 1}) == "b"
    assert ran == ["b"]


async def test_what_a_running_node_needs_too_survives(way, ran):
    shared = ran.task("shared")()
    target = f(cs.select("b", {"a": ran.task("a")(shared), "b": 1}), noop(shared))

    assert await run(way, target) == (1, "shared")
    assert ran == ["shared"]


async def test_unchosen_route_that_a_running_node_needs_runs(way, ran):
    route = ran.task("a")()

    assert await run(way, f(cs.select("b", {"a": route, "b": 1}), route)) == (1, "a")
    assert ran == ["a"]


async def test_chosen_route_that_has_run_already_does_not_run_again(way, ran):
    route = ran.task("a")()

    assert await run(way, cs.select(noop(route), {"a": route})) == "a"
    assert ran == ["a"]


async def test_what_two_routes_share_runs_once_for_the_chosen_one(way, ran):
    shared = ran.task("shared")()
    routes = {"a": ran.task("a")(shared), "b": ran.task("b")(shared)}

    assert await run(way, cs.select(later("b"), routes)) == "b"
    assert ran == ["shared", "b"]


async def test_route_that_is_another_routes_dependency_runs_with_it(way, ran):
    first = ran.task("first")()
    routes = {"first": first, "second": ran.task("second")(first)}

    assert await run(way, cs.select(later("second"), routes)) == "second"
    assert ran == ["first", "second"]


async def test_only_sequence_edge_of_a_running_node_keeps_a_node_alive(way, ran):
    route = ran.task("route")()
    target = f(cs.select("b", {"a": route, "b": 1}), noop(2).after(route))

    assert await run(way, target) == (1, 2)
    assert ran == ["route"]


async def test_nothing_of_a_route_starts_before_the_selector_is_done(way, ran):
    """Routes without dependencies would be ready at once."""

    @cs.task
    async def selector():
        for _ in range(5):
            await asyncio.sleep(0)
        ran.append("selector")
        return "a"

    await run(way, cs.select(selector(), {"a": ran.task("a")(), "b": ran.task("b", True)()}))

    assert ran == ["selector", "a"]


async def test_nothing_that_only_a_route_needs_starts_before_the_selector_is_done(way, ran):
    routes = {"a": ran.task("a")(ran.task("deep", True)()), "b": 0}

    await run(way, cs.select(ran.task("a", True)(), routes))

    assert ran == ["a", "deep", "a"]


async def test_sibling_in_the_selectors_own_stage_does_not_run_early(way, ran):
    """The sibling is what a route needs; it stands beside the selector in any plan by stages."""
    sibling = ran.task("sibling")()
    target = f(cs.select(ran.task("b")(), {"a": noop(sibling), "b": ran.task("chosen")()}))

    assert await run(way, target) == ("chosen",)
    assert ran == ["b", "chosen"]


async def test_selector_starts_while_others_run(way):
    reached = asyncio.Event()

    @cs.task
    async def wait():
        await reached.wait()
        return "waited"

    @cs.task
    async def reach():
        reached.set()
        return "reached"

    async with asyncio.timeout(5):
        target = f(wait(), cs.select(later("a"), {"a": reach()}))
        assert await run(way, target) == ("waited", "reached")


async def test_pruned_nodes_are_told_once_with_their_reason(engine, log):
    deep = noop(later())
    target = f(cs.select(later("b"), {"a": noop(deep), "b": 1}), cs.select(2, {2: 1, 3: deep}))

    await engine.run(target)

    assert skips(log) == [("later", "pruned"), ("noop", "pruned"), ("noop", "pruned")]


async def test_pruned_nodes_are_told_before_the_run_is_finished(engine, log):
    await engine.run(cs.select("b", {"a": noop(), "b": 1}))

    assert log.kinds()[-2:] == ["TaskSkipped", "RunFinished"]


async def test_pruned_nodes_are_told_in_each_iteration_and_sub_graph(engine, log):
    chosen = cs.task(lambda: cs.select("b", {"a": noop(), "b": 1}))
    loop = cs.task(lambda n, x=None: n if n == 0 else loop(n - 1, chosen()))

    await engine.run(loop(3))

    assert skips(log) == [("noop", "pruned")] * 3


async def test_pruned_nodes_of_a_sub_graph_that_tail_calls_are_told(engine, log):
    loop = cs.task(lambda n, x: n if n == 0 else loop(n - 1, cs.select("b", {"a": noop(), "b": 1})))

    await engine.run(f(loop(2, 0)))

    assert skips(log) == [("noop", "pruned")] * 2


async def test_select_itself_is_no_execution(engine, log):
    await engine.run(cs.select(noop("a"), {"a": noop(1)}))

    assert log.started() == ["noop", "noop"]
    assert (engine.stats.executions, engine.stats.lookups) == (2, 1)


async def test_failure_in_the_chosen_route_is_raised_with_its_path(way):
    @cs.task
    def boom():
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom") as caught:
        await run(way, f(cs.select("a", {"a": noop(boom())})))

    assert caught.value.__notes__ == ["in task 'boom' at f(args[0]=select(routes['a']=noop(x=)))"]


# -- with options ---------------------------------------------------------------------------------


async def test_retry_on_a_route_applies_if_it_is_chosen(way):
    calls = []

    @cs.task
    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("boom")
        return "ok"

    assert await run(way, cs.select(later("a"), {"a": flaky().with_retry(3)})) == "ok"


async def test_timeout_and_cache_and_constraints_on_a_route(way):
    policy = cs.MemoryCache()
    route = later(1).with_timeout(5).with_cache(policy).with_constraints(slots=1)

    assert await run(way, cs.select("a", {"a": route, "b": 2}), resources={"slots": 1}) == 1
    assert len(policy) == 1


async def test_constraint_of_an_unchosen_route_is_checked_all_the_same(engine):
    with pytest.raises(cs.ConstraintError, match="no capacity called 'gpu'"):
        await engine.run(cs.select("a", {"a": 1, "b": noop().with_constraints(gpu=1)}))


async def test_false_condition_on_a_select_skips_it_and_prunes_all_routes(engine, log, ran):
    chosen = cs.select("a", {"a": ran.task("a")(), "b": ran.task("b")()}).run_if(later(False))
    target = f(1).after(chosen)

    assert await engine.run(target) == (1,)
    assert ran == []
    assert skips(log) == [("select", "condition_false"), ("a", "pruned"), ("b", "pruned")]


async def test_true_condition_on_a_select_lets_it_choose(way, ran):
    chosen = cs.select("a", {"a": ran.task("a")()}).run_if(later(True))

    assert await run(way, noop(chosen)) == "a"


async def test_skipped_selector_skips_the_select_and_starts_no_route(engine, log, ran):
    chosen = cs.select(noop("a").run_if(False), {"a": ran.task("a")()})

    await engine.run(f().after(chosen))

    assert ran == []
    assert skips(log) == [
        ("noop", "condition_false"),
        ("select", "upstream_skipped"),
        ("a", "pruned"),
    ]


async def test_skipped_chosen_route_skips_the_select(engine, log):
    chosen = cs.select(later("a"), {"a": noop().run_if(later(False)), "b": 1})

    await engine.run(f().after(chosen))

    assert skips(log) == [("noop", "condition_false"), ("select", "upstream_skipped")]


async def test_skipped_member_of_a_chosen_container_skips_the_select(way):
    target = cs.select("a", {"a": [later(1), noop().run_if(False)]})

    with pytest.raises(cs.DependencyMissingError) as caught:
        await run(way, target)

    assert (caught.value.task, caught.value.reason) == ("select", "upstream_skipped")


async def test_skipped_node_of_an_unchosen_route_does_not_matter(way):
    skipped = noop().run_if(False)

    assert await run(way, f(cs.select("b", {"a": skipped, "b": 1}), f().after(skipped))) == (1, {})


async def test_select_may_be_a_condition_and_an_amount(way):
    condition = cs.select(later("no"), {"no": later(False), "yes": True})
    amount = cs.select(later("few"), {"few": later(1), "many": 5})
    target = f(noop(1).with_constraints(slots=amount), f().after(noop().run_if(condition)), noop(2))

    assert await run(way, target, resources={"slots": 2}) == (1, {}, 2)


async def test_select_waits_for_what_it_comes_after(way, ran):
    chosen = cs.select("a", {"a": ran.task("a")()}).after(ran.task("first", True)())

    await run(way, chosen)

    assert ran == ["first", "a"]


async def test_pure_routes_are_merged_with_running_calls(way):
    ran = []

    @cs.task(pure=True)
    def note(x):
        ran.append(x)
        return x

    assert await run(way, f(note(1), cs.select(later("a"), {"a": note(1), "b": note(2)}))) == (1, 1)
    assert ran == [1]


@pytest.mark.parametrize(
    "option",
    [
        lambda lazy: lazy.with_retry(2),
        lambda lazy: lazy.with_timeout(1),
        lambda lazy: lazy.with_cache(cs.MemoryCache()),
        lambda lazy: lazy.with_constraints(gpu=1),
    ],
    ids=["retry", "timeout", "cache", "constraints"],
)
def test_options_of_calls_are_refused_on_a_select(option):
    with pytest.raises(cs.GraphError, match="needs the call of a task or a map, got"):
        option(cs.select(1, {1: 2}))


# -- targets, loops, sub-graphs -------------------------------------------------------------------


async def test_select_is_a_sub_graph(way, ran):
    expand = cs.task(lambda key: cs.select(key, {k: ran.task(k)() for k in "ab"}))

    assert await run(way, f(expand("a"), expand("b"))) == ("a", "b")
    assert sorted(ran) == ["a", "b"]


async def test_select_is_a_tail_call(way):
    engine = engine_of(way)
    step = cs.task(lambda n: cs.select(n > 0, {True: step_again(n), False: "done"}))
    step_again = cs.task(lambda n: step(n - 1))

    assert await engine.run(step(3), use_vm=way == "vm") == "done"


async def test_route_of_a_target_that_returns_a_call_is_a_sub_graph(way):
    """The select is the target, not its route."""
    engine = engine_of(way)
    expand = cs.task(lambda: noop(5))

    assert await engine.run(cs.select("a", {"a": expand()}), use_vm=way == "vm") == 5
    assert (engine.stats.iterations, engine.stats.lookups) == (1, 2)


async def test_select_in_a_loop_is_planned_once_whatever_it_chooses(way):
    engine = engine_of(way)
    odd, even = [], []
    note_odd = cs.task(odd.append)
    note_even = cs.task(even.append)

    @cs.task
    def loop(n, seen=None):
        if n == 0:
            return "done"
        routes = {1: note_odd(n), 0: note_even(n)}
        return loop(n - 1, cs.select(n % 2, routes))

    assert await engine.run(loop(100), use_vm=way == "vm") == "done"
    assert (len(odd), len(even), engine.stats.resolves) == (50, 50, 2)


async def test_select_in_an_item_of_a_map_chooses_for_each(way):
    expand = cs.task(lambda n: cs.select(later(n % 2), {0: noop("even"), 1: noop("odd")}))

    assert await run(way, expand.map(n=[0, 1, 2])) == ["even", "odd", "even"]


async def test_cached_plan_forgets_what_it_chose(engine):
    def target(key):
        return cs.select(later(key), {"a": later("A"), "b": noop("B")}, default=[later("D")])

    values = [await engine.run(target(key)) for key in ("a", "b", "x", "b", "a")]

    assert values == ["A", "B", ["D"], "B", "A"]
    assert engine.stats.resolves == 1


async def test_random_selects_give_what_a_dict_gives(way):
    """All ways to choose on three levels, each against plain Python."""
    for keys in itertools.product((0, 1, 2), repeat=3):
        expected, target = "bottom", later("bottom")
        for level, key in enumerate(keys):
            expected = {0: expected, 1: ("one", level)}.get(key, ("default", level))
            routes = {0: target, 1: later(("one", level))}
            target = cs.select(later(key), routes, default=noop(("default", level)))

        assert await run(way, target) == expected


# -- structure ------------------------------------------------------------------------------------


def structure(lazy):
    return cs.build_graph(lazy).structure


SAME = {
    "selector": (lambda: cs.select(1, {1: 2}), lambda: cs.select("x", {1: 3})),
    "default": (lambda: cs.select(1, {1: 2}), lambda: cs.select(1, {1: 2}, default=4)),
    "mapping": (lambda: cs.select(1, {1: 2}), lambda: cs.select(1, OrderedDict({1: 2}))),
}
DIFFERENT = {
    "keys": (lambda: cs.select(1, {1: 2}), lambda: cs.select(1, {2: 2})),
    "key types": (lambda: cs.select(1, {1: 2}), lambda: cs.select(1, {"1": 2})),
    "key bool": (lambda: cs.select(1, {1: 2}), lambda: cs.select(1, {True: 2})),
    "key enum": (lambda: cs.select(1, {1: 2}), lambda: cs.select(1, {Level.LOW: 2})),
    "key order": (lambda: cs.select(1, {1: 2, 3: 4}), lambda: cs.select(1, {3: 4, 1: 2})),
    "tuple keys": (lambda: cs.select(1, {(1, 2): 2}), lambda: cs.select(1, {(1, (2,)): 2})),
    "two keys or a tuple": (lambda: cs.select(1, {1: 0, 2: 0}), lambda: cs.select(1, {(1, 2): 0})),
    "lazy route": (lambda: cs.select(1, {1: noop()}), lambda: cs.select(1, {1: 2})),
    "lazy selector": (lambda: cs.select(noop(), {1: 2}), lambda: cs.select(1, {1: 2})),
    "lazy default": (lambda: cs.select(1, {1: 2}, default=noop()), lambda: cs.select(1, {1: 2})),
    "route or default": (
        lambda: cs.select(1, {1: noop()}, default=0),
        lambda: cs.select(1, {1: 0}, default=noop()),
    ),
    "other task": (lambda: cs.select(1, {1: noop()}), lambda: cs.select(1, {1: later()})),
    "separator in a key": (
        lambda: cs.select(1, {"a": 1, "b": 2}),
        lambda: cs.select(1, {"a,builtins:str:'b'": 1}),
    ),
}


@pytest.mark.parametrize(("a", "b"), SAME.values(), ids=SAME)
def test_selector_and_data_are_not_part_of_the_structure(a, b):
    assert structure(a()) == structure(b())
    assert structure(a()).digest == structure(b()).digest


@pytest.mark.parametrize(("a", "b"), DIFFERENT.values(), ids=DIFFERENT)
def test_keys_and_wiring_are_part_of_the_structure(a, b):
    one, two = a(), b()

    assert structure(one) != structure(two)
    assert structure(one).digest != structure(two).digest


def test_edges_say_what_is_data_and_what_is_a_route():
    graph = cs.build_graph(
        cs.select((noop(), 1), {"fast": noop(), 2: [later()]}, default={"x": later()})
    )

    assert [(edge.source, edge.kind, edge.argument) for edge in graph.edges] == [
        (1, "data", "selector[0]"),
        (2, "route", "routes['fast']"),
        (3, "route", "routes[2][0]"),
        (4, "route", "default['x']"),
    ]


def test_route_is_a_dependency_of_the_select():
    graph = cs.build_graph(cs.select(noop(), {1: later()}))

    assert (graph.nodes[0].name, graph.nodes[0].dependencies) == ("select", (1, 2))


def test_explain_tells_the_keys_that_changed():
    (change,) = cs.explain(cs.select(1, {1: noop()}), cs.select(1, {2: noop()}))

    assert change.before != change.now


def test_explain_names_the_route_that_changed():
    changes = cs.explain(cs.select(1, {"a": noop()}), cs.select(1, {"a": 5}))

    assert [(c.path, c.before, c.now) for c in changes] == [
        ("select(routes['a']=)", "noop()", "a literal")
    ]


KEYS_SCRIPT = """
import enum
import cascade_core as cs

class Colour(enum.Enum):
    RED = object()

@cs.task(name="leaf")
def leaf(): return 1

routes = {1: leaf(), "1": 2, None: 3, (b"x", Colour.RED): leaf()}
graph = cs.build_graph(cs.select(leaf(), routes))
print(graph.structure.digest, graph.nodes[0].id)
"""


@pytest.mark.slow
def test_digests_of_selects_agree_between_processes():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", KEYS_SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }

    assert len(outputs) == 1


async def test_selects_of_equal_keys_share_a_plan_and_others_do_not(engine):
    await engine.run(cs.select(1, {1: noop()}))
    await engine.run(cs.select(1, {1: noop(2)}))
    await engine.run(cs.select(True, {True: noop()}))

    assert engine.stats.resolves == 2


# -- misuse ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("routes", [None, [1, 2], "ab", noop()])
def test_routes_that_are_no_mapping_are_refused(routes):
    with pytest.raises(TypeError, match="select needs a mapping of keys to routes, got"):
        cs.select(1, routes)


@pytest.mark.parametrize(
    "key", [1.5, frozenset(), object(), (1, 2.5), type("Text", (str,), {})("a")]
)
def test_keys_that_cannot_be_part_of_a_structure_are_refused(key):
    with pytest.raises(cs.GraphError, match=r"route key .* cannot stand beside lazy values"):
        cs.select(1, {key: 1})


@pytest.mark.parametrize("key", [noop(), (1, noop())])
def test_lazy_keys_are_refused(key):
    with pytest.raises(cs.GraphError, match="a route key holds a lazy result"):
        cs.select(1, {key: 1})


@pytest.mark.parametrize(
    "bad",
    [
        lambda: cs.select(noop.tail(), {1: 2}),
        lambda: cs.select(1, {1: noop.tail()}),
        lambda: cs.select(1, {1: 2}, default=noop.tail()),
    ],
    ids=["selector", "route", "default"],
)
def test_tail_call_is_refused_as_an_argument(bad):
    with pytest.raises(TypeError, match="a TailCall cannot be an argument"):
        bad()


def test_routes_are_read_when_select_is_called():
    routes = {"a": noop()}
    chosen = cs.select("a", routes)
    routes["b"] = noop()

    assert len(cs.build_graph(chosen).nodes) == 2
