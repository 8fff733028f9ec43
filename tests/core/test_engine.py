"""The engine's own surface: parts, arguments of ``run``, values, and ``cs.run``."""

from __future__ import annotations

import inspect

import pytest

import cascade_core as cs


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args):
    return args


# -- making one -----------------------------------------------------------------------------------


def test_engine_makes_its_parts(engine):
    assert isinstance(engine.solver, cs.NativeSolver)
    assert isinstance(engine.executor, cs.LocalExecutor)
    assert isinstance(engine.bus, cs.MessageBus)
    assert isinstance(engine.plan_cache, cs.PlanCache)


def test_engine_takes_its_parts():
    parts = cs.NativeSolver(), cs.LocalExecutor(), cs.MessageBus(), cs.PlanCache(3)

    engine = cs.Engine(*parts[:3], plan_cache=parts[3])

    assert (engine.solver, engine.executor, engine.bus, engine.plan_cache) == parts


def test_empty_plan_cache_that_is_given_is_kept():
    """It has no truth value to trip over."""
    cache = cs.PlanCache(0)

    assert cs.Engine(plan_cache=cache).plan_cache is cache


@pytest.mark.parametrize("part", ["solver", "executor", "bus", "plan_cache"])
def test_part_that_is_none_of_the_kind_is_refused(part):
    with pytest.raises(TypeError, match=f"{part} must have a method"):
        cs.Engine(**{part: object()})


@pytest.mark.parametrize("slice_ms", [-1, -0.1, "1", None, True, float("nan"), 1j])
def test_slice_that_is_no_duration_is_refused(slice_ms):
    with pytest.raises(ValueError, match="slice_ms must be a number >= 0"):
        cs.Engine(slice_ms=slice_ms)


@pytest.mark.parametrize("slice_ms", [0, 0.5, 10, float("inf")])
def test_slice_may_be_any_duration(slice_ms):
    assert cs.run(noop(1), slice_ms=slice_ms) == 1


# -- targets --------------------------------------------------------------------------------------


def test_run_is_a_coroutine_function(engine):
    assert inspect.iscoroutinefunction(engine.run)


@pytest.mark.parametrize("target", [1, None, noop, noop.tail(), [noop()], cs.quote(1)])
async def test_target_that_is_no_lazy_result_is_refused(engine, target):
    with pytest.raises(TypeError, match="target must be a lazy result"):
        await engine.run(target)


async def test_one_lazy_result_may_run_several_times(engine):
    ran = []
    target = cs.task(lambda: ran.append(1))()

    await engine.run(target)
    await engine.run(target)

    assert ran == [1, 1]


# -- values ---------------------------------------------------------------------------------------


async def test_pair_of_two_calls_rolls_twice(engine):
    roll = cs.task(lambda: object())

    a, b = await engine.run(f(roll(), roll()))

    assert a is not b


async def test_pair_of_one_call_rolls_once(engine):
    roll = cs.task(lambda: object())
    x = roll()

    a, b = await engine.run(f(x, x))

    assert a is b


async def test_diamond_runs_its_top_once(engine):
    top = noop(3)

    assert await engine.run(f(noop(top), noop(top))) == (3, 3)
    assert engine.stats.executions == 4


@pytest.mark.parametrize("listens", [False, True], ids=["straight", "scheduler"])
async def test_none_is_a_value(engine, listens):
    if listens:
        engine.bus.subscribe(cs.Event, lambda event: None)

    assert await engine.run(f(noop(None), noop(noop(None)))) == (None, None)


async def test_lazy_result_from_an_inner_node_is_run_to_a_value(engine):
    expand = cs.task(lambda: noop(noop(7)))

    assert await engine.run(f(expand(), 1)) == (7, 1)


async def test_sub_graphs_within_sub_graphs_are_run_to_a_value(engine):
    expand = cs.task(lambda n: n if n == 0 else noop(expand(n - 1)))

    assert await engine.run(f(expand(50))) == (0,)


async def test_lazy_result_inside_a_returned_container_is_a_value(engine):
    lazy = noop()
    give = cs.task(lambda: [lazy])

    assert await engine.run(give()) == [lazy]


async def test_sub_graph_may_share_a_node_with_nothing_outside(engine):
    """A lazy result that a task returns is another run of it, even if the graph has it too."""
    ran = []
    note = cs.task(lambda: ran.append(1))
    shared = note()
    again = cs.task(lambda done: shared)

    await engine.run(f(again(shared)))

    assert ran == [1, 1]


@pytest.mark.parametrize("count", range(7))
async def test_any_number_of_arguments_arrives_in_order(engine, count):
    assert await engine.run(f(*[noop(n) for n in range(count)])) == tuple(range(count))


async def test_more_nodes_than_the_clock_is_looked_at_after(engine):
    chain = noop(0)
    add = cs.task(lambda x: x + 1)
    for _ in range(100):
        chain = add(chain)

    assert await engine.run(chain) == 100


# -- cs.run ---------------------------------------------------------------------------------------


def test_run_gives_the_value_to_sync_callers():
    assert cs.run(f(noop(1), 2)) == (1, 2)


def test_run_takes_engine_options():
    cache = cs.PlanCache()
    cs.run(noop(), plan_cache=cache)
    cs.run(noop(), plan_cache=cache)

    assert cache.stats.hits == 1


def test_run_takes_use_vm():
    countdown = cs.task(lambda n: n if n == 0 else countdown.tail(n - 1))

    assert cs.run(countdown(10), use_vm=True) == 0


def test_run_raises_what_the_task_raises():
    with pytest.raises(ZeroDivisionError):
        cs.run(cs.task(lambda: 1 / 0)())


async def test_run_within_a_running_loop_says_what_to_do():
    with pytest.raises(cs.CascadeError, match=r"await engine\.run"):
        cs.run(noop())


def test_run_refuses_unknown_engine_options():
    with pytest.raises(TypeError, match="nope"):
        cs.run(noop(), nope=1)


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (cs.GraphError, (cs.CascadeError, ValueError)),
        (cs.CycleError, (cs.GraphError,)),
        (cs.UnknownNameError, (cs.GraphError, LookupError)),
        (cs.BlueprintError, (cs.CascadeError,)),
        (cs.PlanError, (cs.CascadeError, ValueError)),
        (cs.DependencyMissingError, (cs.CascadeError, LookupError)),
        (cs.ConstraintError, (cs.CascadeError, ValueError)),
    ],
)
def test_errors_are_one_tree_and_builtins_too(error, bases):
    assert all(issubclass(error, base) for base in bases)


def test_cycle_error_shows_the_cycle():
    assert str(cs.CycleError(["a", "b", "a"])) == "graph has a cycle: 'a' -> 'b' -> 'a'"


def test_unknown_name_error_lists_the_known_ones_sorted():
    error = cs.UnknownNameError("route", "x", ["b", "a"])

    assert (str(error), error.known) == ("unknown route 'x'; known: 'a', 'b'", ("a", "b"))


@pytest.mark.parametrize("place", [0, 20, 40, 69])
async def test_graph_of_many_nodes_may_have_a_sub_graph_anywhere(engine, place):
    expand = cs.task(lambda x: plus_one(x), name="expand")
    total = 0
    for node in range(70):
        total = (expand if node == place else plus_one)(total)

    assert await engine.run(plus_one(total)) == 71
    assert engine.stats.executions == 72


@cs.task
def plus_one(x):
    return x + 1
