"""Solvers: the native one's order, users' own, and plans that do not fit."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest
from fakes import FixedSolver
from hypothesis import given
from strategies import build, data_programs

import cascade_core as cs
from cascade_core.plan.solver import checked_order


@cs.task
def leaf(n=0):
    return n


@cs.task
def f(*args):
    return args


def diamond():
    """f(0) <- leaf(1), leaf(2) <- leaf(3)"""
    top = leaf()
    return f(leaf(top), leaf(top))


def positions(plan):
    return [position for stage in plan.stages for position in stage]


def test_native_solver_is_a_solver():
    assert isinstance(cs.NativeSolver(), cs.Solver)


def test_stages_follow_the_depth_of_nodes():
    assert cs.NativeSolver().resolve(cs.build_graph(diamond())) == cs.Plan(((3,), (1, 2), (0,)))


def test_siblings_come_in_declaration_order():
    plan = cs.NativeSolver().resolve(cs.build_graph(f(*[leaf() for _ in range(5)])))

    assert plan.stages == ((1, 2, 3, 4, 5), (0,))


@pytest.mark.slow
@given(data_programs(max_steps=12))
def test_plan_has_each_node_once_after_its_dependencies(program):
    graph = cs.build_graph(build(program))

    order = positions(cs.NativeSolver().resolve(graph))

    assert sorted(order) == list(range(len(graph.nodes)))
    assert all(
        order.index(dependency) < order.index(position)
        for position in order
        for dependency in graph.nodes[position].dependencies
    )


@pytest.mark.slow
@given(data_programs(max_steps=12))
def test_graphlib_finds_the_same_stages(program):
    graph = cs.build_graph(build(program))
    sorter = TopologicalSorter({p: node.dependencies for p, node in enumerate(graph.nodes)})
    sorter.prepare()
    expected = []
    while sorter.is_active():
        ready = sorter.get_ready()
        expected.append(tuple(sorted(ready)))
        sorter.done(*ready)

    assert cs.NativeSolver().resolve(graph).stages == tuple(expected)


@pytest.mark.slow
@given(data_programs())
def test_equal_graphs_give_equal_plans(program):
    first, second = cs.build_graph(build(program)), cs.build_graph(build(program))

    assert cs.NativeSolver().resolve(first) == cs.NativeSolver().resolve(second)


# -- plans that do not fit ------------------------------------------------------------------------

WRONG = {
    "misses": (cs.Plan(((3,), (1,), (0,))), r"misses 'leaf' \(position 2\)", (2,)),
    "repeats": (cs.Plan(((3, 3), (1, 2), (0,))), r"repeats 'leaf' \(position 3\)", (3,)),
    "unknown": (cs.Plan(((3,), (1, 2), (0, 4))), r"unknown positions \[4\]", (4,)),
    "negative": (cs.Plan(((3,), (1, 2), (-1,))), r"unknown positions \[-1\]", (-1,)),
    "no position": (cs.Plan((("x",), (1, 2), (0,))), r"unknown positions \['x'\]", ("x",)),
    "bool": (cs.Plan(((3,), (True, 2), (0,))), r"unknown positions \[True\]", (True,)),
    "early": (cs.Plan(((3,), (1,), (0, 2))), r"'f' \(position 0\) before .*'leaf'", (0,)),
    "empty": (cs.Plan(()), "misses", (0, 1, 2, 3)),
    "no plan": (((3,), (1, 2), (0,)), "must return a Plan", ()),
    "none": (None, "must return a Plan, got None", ()),
}


@pytest.mark.parametrize(("plan", "message", "wrong"), WRONG.values(), ids=WRONG)
async def test_wrong_plan_fails_the_run_and_says_what_is_wrong(plan, message, wrong):
    engine = cs.Engine(solver=FixedSolver(lambda graph: plan))

    with pytest.raises(cs.PlanError, match=message) as caught:
        await engine.run(diamond())
    assert caught.value.positions == wrong


async def test_native_plan_of_another_graph_is_refused_like_any_other():
    plan = cs.NativeSolver().resolve(cs.build_graph(leaf()))
    engine = cs.Engine(solver=FixedSolver(lambda graph: plan))

    with pytest.raises(cs.PlanError, match="misses"):
        await engine.run(diamond())


async def test_wrong_plan_leaves_counters_exact_and_the_engine_usable():
    answers = [cs.Plan(()), cs.NativeSolver().resolve(cs.build_graph(leaf()))]
    engine = cs.Engine(solver=FixedSolver(lambda graph: answers.pop(0)))

    with pytest.raises(cs.PlanError):
        await engine.run(leaf(1))
    assert await engine.run(leaf(2)) == 2
    assert engine.stats.as_dict() == {
        "runs": 2,
        "iterations": 2,
        "lookups": 2,
        "hits": 0,
        "misses": 2,
        "evictions": 0,
        "resolves": 2,
        "builds": 2,
        "executions": 1,
        "attempts": 1,
        "reuses": 0,
    }


async def test_exception_of_a_solver_fails_the_run_as_itself(engine):
    def refuse(graph):
        raise RuntimeError("no plan today")

    engine.solver = FixedSolver(refuse)

    with pytest.raises(RuntimeError, match="no plan today"):
        await engine.run(leaf())
    assert (engine.stats.resolves, engine.stats.executions) == (1, 0)


def test_plan_of_one_stage_is_fine_if_its_order_is():
    graph = cs.build_graph(diamond())

    assert checked_order(graph, cs.Plan(((3, 2, 1, 0),))) == (3, 2, 1, 0)


async def test_order_of_a_users_plan_is_the_order_of_running():
    ran = []
    note = cs.task(lambda n: ran.append(n))
    engine = cs.Engine(solver=FixedSolver(lambda graph: cs.Plan(((2,), (1,), (3,), (0,)))))

    await engine.run(f(note("a"), note("b"), note("c")))

    assert ran == ["b", "a", "c"]


# -- when it is asked -----------------------------------------------------------------------------


async def test_solver_is_looked_up_at_each_miss_so_a_late_spy_sees_it(mocker):
    solver = cs.NativeSolver()
    engine = cs.Engine(solver=solver)
    spy = mocker.spy(solver, "resolve")

    await engine.run(leaf())
    await engine.run(leaf(1))
    await engine.run(f(leaf()))

    assert spy.call_count == 2


async def test_solver_gets_the_graph_of_the_miss():
    seen = []

    def resolve(graph):
        seen.append(graph.nodes[graph.root].name)
        return cs.NativeSolver().resolve(graph)

    engine = cs.Engine(solver=FixedSolver(resolve))
    await engine.run(f(leaf()))

    assert seen == ["f"]


def test_solver_without_resolve_is_refused():
    with pytest.raises(TypeError, match="solver must have a method 'resolve', got 3"):
        cs.Engine(solver=3)
