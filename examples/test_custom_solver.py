"""A solver of one's own: does it keep its promises, and how often is it asked?

``LongestFirst`` starts what most is waiting for. ``check_solver`` asks it for some 90 plans, and
says which promise is broken, as (a) shows with a solver that breaks one. A clever solver is a slow
one, so markers claim how often it is asked, and ``spied_solver`` shows what for. Write
``max_plans=1`` in the last test, and two reports push each other out of the plan cache. All values
stay right, and the test fails:

    expect_evictions(0): a plan was evicted 5 times
    expect_resolves(2): the solver was called 6 times
      1. report · 5 nodes · first seen
      2. report · 2 nodes · structure: report(chart=) was chart(), now a literal
      3. report · 5 nodes · evicted
      4. report · 2 nodes · evicted
"""

from graphlib import TopologicalSorter

import pytest

import cascade_core as cs
from cascade_core.testing import check_solver


class LongestFirst:
    """Of the nodes that are ready, the one furthest from the target starts first."""

    def resolve(self, graph):
        """Order the nodes by their distance from the target."""
        needs = {position: node.dependencies for position, node in enumerate(graph.nodes)}
        distances = dict.fromkeys(needs, 0)
        for position in reversed(list(TopologicalSorter(needs).static_order())):
            for needed in needs[position]:
                distances[needed] = max(distances[needed], distances[position] + 1)
        farthest_first = sorted(needs, key=lambda position: -distances[position])
        return cs.Plan((tuple(farthest_first),))  # one stage will do: stages are no barriers


# (a) It keeps the promises of a solver ----------------------------------------------------------


def test_the_solver_keeps_its_promises():
    check_solver(LongestFirst())


class AsNumbered:
    """Runs nodes as they are numbered: the target first, so each before what it needs."""

    def resolve(self, graph):
        """Order the nodes by their position."""
        return cs.Plan((tuple(range(len(graph.nodes))),))


def test_a_solver_that_ignores_dependencies_is_caught():
    broken = "broken promise: a solver plans each node once, after its dependencies"

    with pytest.raises(AssertionError, match=broken):
        check_solver(AsNumbered())


# (b) It does what it was written for ------------------------------------------------------------


@cs.task
def download(name):
    return [3, 1, 2]


@cs.task
def clean(numbers):
    return sorted(numbers)


@cs.task
def chart(numbers):
    return "#" * len(numbers)


@cs.task
def title(name):
    return name.title()


@cs.task
def report(title, chart):
    return f"{title}: {chart}"


def sales(name="sales"):
    return report(title(name), chart(clean(download(name))))


@pytest.mark.cascade_engine(solver=LongestFirst)
async def test_the_longest_way_starts_first(engine):
    started = []
    engine.bus.subscribe(cs.TaskStarted, lambda event: started.append(event.task))

    assert await engine.run(sales()) == "Sales: ###"

    assert started == ["download", "clean", "title", "chart", "report"]


# (c) It is asked once for each structure --------------------------------------------------------


@pytest.mark.cascade_engine(solver=LongestFirst)
@pytest.mark.expect_resolves(1)
async def test_reports_of_one_shape_share_a_plan(engine, spied_solver):
    for name in ("sales", "costs", "staff"):
        await engine.run(sales(name))

    [call] = spied_solver.calls
    assert len(call.graph.nodes) == 5
    assert call.plan == LongestFirst().resolve(call.graph)
    assert call.miss.reason == "first_seen"


@pytest.mark.cascade_engine(solver=LongestFirst, max_plans=2)
@pytest.mark.expect_resolves(2)
@pytest.mark.expect_evictions(0)
async def test_two_shapes_in_turn_are_planned_once_each(engine):
    for _ in range(3):
        assert await engine.run(sales()) == "Sales: ###"
        assert await engine.run(report(title("brief"), "-")) == "Brief: -"
