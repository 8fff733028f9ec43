"""The spied solver alone, without a test's window around it."""

import pytest

import cascade_core as cs
from pytest_cascade import SpiedSolver
from pytest_cascade.work.spies import MAX_CALLS, explain_latest_calls


@cs.task
def one(dep=None):
    return 1


class Refusing:
    def resolve(self, graph):
        raise RuntimeError("refused")


def test_spied_solver_is_a_solver_that_delegates():
    graph = cs.build_graph(one(one()))
    solver = SpiedSolver()

    plan = solver.resolve(graph)

    assert isinstance(solver, cs.Solver)
    assert plan == cs.NativeSolver().resolve(graph)
    assert solver.call_count == 1


def test_call_outside_a_run_has_no_miss():
    solver = SpiedSolver()
    graph = cs.build_graph(one())

    plan = solver.resolve(graph)

    [call] = solver.calls
    assert call.graph is graph
    assert call.plan is plan
    assert call.miss is None
    assert call.duration_ns > 0


def test_call_whose_solver_raised_is_counted_and_has_no_plan():
    solver = SpiedSolver(Refusing())

    with pytest.raises(RuntimeError, match="refused"):
        solver.resolve(cs.build_graph(one()))

    assert solver.call_count == 1
    assert solver.calls[0].plan is None


def test_first_thousand_calls_are_kept_and_all_are_counted():
    solver = SpiedSolver()
    graph = cs.build_graph(one())

    for _ in range(MAX_CALLS + 5):
        solver.resolve(graph)

    assert solver.call_count == MAX_CALLS + 5
    assert len(solver.calls) == MAX_CALLS == 1_000


def test_reason_reaches_every_spy_around_the_solver_but_no_older_call():
    inner = SpiedSolver()
    outer = SpiedSolver(inner)
    graph, other = cs.build_graph(one()), cs.build_graph(one())
    outer.resolve(other)
    outer.resolve(graph)
    miss = object()

    explain_latest_calls(graph, miss)

    assert [call.miss for call in outer.calls] == [None, miss]
    assert [call.miss for call in inner.calls] == [None, miss]


def test_resolve_set_on_the_instance_is_used_by_the_engine():
    solver = SpiedSolver()
    engine = cs.Engine(solver)
    seen = []
    original = solver.resolve
    solver.resolve = lambda graph: (seen.append(graph), original(graph))[1]

    async def run():
        await engine.run(one())

    import asyncio

    asyncio.run(run())
    assert len(seen) == solver.call_count == 1
