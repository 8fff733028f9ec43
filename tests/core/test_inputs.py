"""``Param`` and ``Env``: values that come from outside the graph."""

from __future__ import annotations

import asyncio

import pytest
from ways import engine_of, run

import cascade_core as cs


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    monkeypatch.setenv("CASCADE_SET", "value")
    monkeypatch.setenv("CASCADE_EMPTY", "")
    monkeypatch.delenv("CASCADE_UNSET", raising=False)


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


PLACES = {
    "target": lambda lazy: lazy,
    "argument": lambda lazy: noop(lazy),
    "keyword": lambda lazy: cs.task(lambda *, x: x)(x=lazy),
    "async argument": lambda lazy: later(lazy),
    "list": lambda lazy: cs.task(lambda xs: xs[1])([0, lazy]),
    "dict": lambda lazy: cs.task(lambda xs: xs["a"]["b"])({"a": {"b": lazy}}),
    "default of another": lambda lazy: cs.Param("absent", default=lazy),
    "route": lambda lazy: cs.select("a", {"a": lazy}),
    "sub-graph": lambda lazy: noop(cs.task(lambda: lazy)()),
    "tail call": lambda lazy: cs.task(lambda: lazy)(),
    "map item": lambda lazy: cs.task(lambda xs: xs[0])(noop.map(x=[lazy])),
}


# -- Param ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_parameter_has_the_value_of_the_run(way, place):
    assert await run(way, place(cs.Param("a")), {"a": 5, "b": 6}) == 5


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_parameter_that_the_run_lacks_has_its_default(way, place):
    assert await run(way, place(cs.Param("a", default=7)), {"b": 6}) == 7


@pytest.mark.parametrize("default", [None, 0, False, "", ()])
async def test_false_defaults_are_values(way, default):
    assert await run(way, f(cs.Param("a", default=default))) == (default,)


@pytest.mark.parametrize("value", [None, 0, False, ""])
async def test_false_values_are_values(way, value):
    assert await run(way, f(cs.Param("a", default=1)), {"a": value}) == (value,)


async def test_value_is_the_very_object_that_was_passed(way):
    value = [1, {"x": 2}]

    assert await run(way, noop(cs.Param("a")), {"a": value}) is value


async def test_default_may_be_lazy(way):
    target = f(cs.Param("a", default=later(1)), cs.Param("b", default=[later(2), 3]))

    assert await run(way, target) == (1, [2, 3])


async def test_lazy_default_runs_even_if_it_is_not_needed(way):
    """It is an argument like any other; ``select`` is what prunes."""
    ran = []
    note = cs.task(lambda: ran.append(1))

    assert await run(way, cs.Param("a", default=note()), {"a": 5}) == 5
    assert ran == [1]


async def test_skipped_default_skips_the_parameter(way):
    with pytest.raises(cs.DependencyMissingError, match="upstream_skipped"):
        await run(way, cs.Param("a", default=noop().run_if(False)), {"a": 1})


async def test_missing_parameter_is_an_error_that_lists_the_others(way):
    with pytest.raises(cs.UnknownNameError) as caught:
        await run(way, f(noop(cs.Param("c"))), {"b": 1, "a": 2})

    error = caught.value
    assert (error.name, error.known) == ("c", ("a", "b"))
    assert str(error) == "unknown parameter 'c'; known: 'a', 'b'"
    assert error.__notes__ == ["in task 'Param' at f(args[0]=noop(x=))"]


async def test_missing_parameter_of_a_run_without_any_knows_none(way):
    with pytest.raises(cs.UnknownNameError, match="unknown parameter 'a'; known: none"):
        await run(way, cs.Param("a"))


async def test_missing_parameter_inside_a_loop_is_an_error_there(way):
    engine = engine_of(way)
    loop = cs.task(lambda n, x=None: loop(n - 1, cs.Param("a" if n > 1 else "missing")))

    with pytest.raises(cs.UnknownNameError, match="'missing'"):
        await engine.run(loop(2), {"a": 1}, use_vm=way == "vm")
    assert engine.stats.iterations == 3


async def test_parameter_inside_a_loop(way):
    loop = cs.task(lambda n, seen=0: seen if n == 0 else loop(n - 1, cs.Param("a")))

    assert await run(way, loop(1_000), {"a": 5}) == 5


async def test_parameter_of_a_pruned_route_may_be_missing(way):
    assert await run(way, cs.select("a", {"a": 1, "b": cs.Param("missing")})) == 1


async def test_parameter_of_a_skipped_node_is_evaluated_all_the_same(way):
    with pytest.raises(cs.UnknownNameError):
        await run(way, f().after(noop(cs.Param("missing")).run_if(False)))


async def test_parameter_that_is_skipped_may_be_missing(way):
    assert await run(way, f().after(cs.Param("missing").run_if(False))) == {}


async def test_parameter_waits_for_what_it_comes_after(way):
    order = []
    note = cs.task(lambda x: order.append(x))
    first = cs.task(lambda: order.append("first"))

    await run(way, note(cs.Param("a").after(first())), {"a": "then"})

    assert order == ["first", "then"]


async def test_parameter_is_a_condition(way):
    target = f().after(noop(1).run_if(cs.Param("go")))

    assert await run(way, target, {"go": False}) == {}
    assert await run(way, noop(1).run_if(cs.Param("go")), {"go": [0]}) == 1


async def test_parameter_is_an_amount(way):
    target = noop(1).with_constraints(slots=cs.Param("n"))

    assert await run(way, target, {"n": 2}, resources={"slots": 2}) == 1
    with pytest.raises(cs.ConstraintError, match="3 of 'slots' can never be met"):
        await run(way, target, {"n": 3}, resources={"slots": 2})


async def test_parameter_is_the_key_of_a_pure_call(way):
    ran = []
    note = cs.task(lambda x: ran.append(x), pure=True)

    await run(
        way, f(note(cs.Param("a")), note(cs.Param("b")), note(cs.Param("c", 1))), {"a": 1, "b": 1}
    )

    assert ran == [1]


async def test_names_of_parameters_are_data(engine):
    assert await engine.run(noop(cs.Param("a")), {"a": 1, "b": 2}) == 1
    assert await engine.run(noop(cs.Param("b", default=3)), {"a": 1, "b": 2}) == 2
    assert engine.stats.resolves == 1


async def test_parameters_of_two_runs_at_once_are_their_own(engine):
    values = await asyncio.gather(
        engine.run(f(later(), cs.Param("a")), {"a": 1}),
        engine.run(f(later(), cs.Param("a")), {"a": 2}),
    )

    assert values == [(None, 1), (None, 2)]


async def test_parameters_are_read_when_the_run_starts(engine):
    params = {"a": 1}
    change = cs.task(lambda: params.update(a=2))

    assert await engine.run(noop(cs.Param("a").after(change())), params) == 1


@pytest.mark.parametrize("params", [[("a", 1)], "a", 5])
async def test_parameters_that_are_no_mapping_are_refused(engine, params):
    with pytest.raises(TypeError, match="params must be a mapping"):
        await engine.run(cs.Param("a"), params)

    assert engine.stats.runs == 0


async def test_parameters_are_no_executions(engine, log):
    await engine.run(f(cs.Param("a", 1), cs.Env("CASCADE_SET")))

    assert log.started() == ["f"]
    assert engine.stats.executions == 1


# -- Env ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
async def test_variable_is_read_as_text(way, place):
    assert await run(way, place(cs.Env("CASCADE_SET"))) == "value"


async def test_empty_variable_is_a_value(way):
    assert await run(way, f(cs.Env("CASCADE_EMPTY", default=1))) == ("",)


@pytest.mark.parametrize("default", [None, 7, later(7)], ids=["None", "data", "lazy"])
async def test_variable_that_is_not_set_has_its_default(way, default):
    value = await run(way, f(cs.Env("CASCADE_UNSET", default=default)))

    assert value == (None if default is None else 7,)


async def test_missing_variable_is_an_error_that_does_not_list_the_others(way):
    with pytest.raises(cs.UnknownNameError) as caught:
        await run(way, f(cs.Env("CASCADE_UNSET")))

    assert (caught.value.name, caught.value.known) == ("CASCADE_UNSET", ())
    assert str(caught.value) == (
        "unknown environment variable 'CASCADE_UNSET'; set it, or give Env a default"
    )


async def test_variable_is_read_when_its_node_runs(engine, monkeypatch):
    target = noop(cs.Env("CASCADE_SET"))
    monkeypatch.setenv("CASCADE_SET", "changed")
    change = cs.task(lambda: monkeypatch.setenv("CASCADE_SET", "again"))

    assert await engine.run(target) == "changed"
    assert await engine.run(noop(cs.Env("CASCADE_SET").after(change()))) == "again"


async def test_variable_is_read_anew_in_each_iteration(way, monkeypatch):
    @cs.task
    def loop(n, seen=()):
        monkeypatch.setenv("CASCADE_SET", str(n))
        return seen if n == 0 else loop(n - 1, add(seen, cs.Env("CASCADE_SET")))

    add = cs.task(lambda seen, value: (*seen, value))

    assert await run(way, loop(3)) == ("3", "2", "1")


async def test_variable_selects_a_route(way):
    routes = {"value": later(1), "other": later(2)}

    assert await run(way, cs.select(cs.Env("CASCADE_SET"), routes)) == 1


# -- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [cs.Param, cs.Env, cs.inject])
@pytest.mark.parametrize("name", [None, 5, b"a", noop(), ["a"]])
def test_names_that_are_no_strings_are_refused(make, name):
    with pytest.raises(TypeError, match=f"{make.__name__} needs a name, got"):
        make(name)


@pytest.mark.parametrize("make", [cs.Param, cs.Env])
def test_tail_call_as_a_default_is_refused(make):
    with pytest.raises(TypeError, match="a TailCall cannot be a default"):
        make("a", default=noop.tail())


@pytest.mark.parametrize("lazy", [cs.Param("a"), cs.Env("a"), cs.inject("a")], ids=repr)
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
def test_options_of_calls_are_refused_on_inputs(lazy, option):
    with pytest.raises(
        cs.GraphError, match=r"with_\w+ needs the call of a task or a map, got <Laz"
    ):
        option(lazy)


@pytest.mark.parametrize("make", [cs.Param, cs.Env])
def test_structure_knows_a_lazy_default_from_data_and_no_names(make):
    def structure(lazy):
        return cs.build_graph(lazy).structure

    assert structure(make("a")) == structure(make("b", default=1))
    assert structure(make("a", default=noop())) != structure(make("a"))


def test_parameter_and_variable_are_two_structures():
    one, two = (cs.build_graph(make("a")).structure for make in (cs.Param, cs.Env))

    assert one != two
    assert one.digest != two.digest


async def test_tail_call_on_the_vm_may_be_followed_by_parameters():
    engine = cs.Engine()

    @cs.task
    def loop(n):
        return loop.tail(n - 1) if n else noop(cs.Param("a"))

    assert await engine.run(loop(3), {"a": 5}, use_vm=True) == 5


async def test_tail_call_with_a_lazy_parameter_goes_on_on_the_graph_path():
    loop = cs.task(lambda n, x=None: loop.tail(n - 1, cs.Param("a")) if n else x)

    assert await cs.Engine().run(loop(3), {"a": 5}, use_vm=True) == 5
