"""A suite that CI guards; this folder is a repository in small, to copy as it lies.

``work.json`` has what each test does; ``.github/workflows/tests.yml`` and ``.gitlab-ci.yml`` hold
each push against it and measure in a step of their own. When work changes for a reason, renew the
file: ``pytest --cascade-record work.json``.

Say somebody saves a call for even numbers, and writes
``double(left) if left % 2 else 2 * left`` for ``double(left)``. All values stay right, and the step
that compares fails:

    work.json: work grew: resolves from 1 to 2, misses from 1 to 2, builds from 1 to 2
      1. count · 2 nodes · first seen
      2. count · 1 node  · structure: count(step=) was double(), now a literal

What was to be saved costs more than it may, in either step:

    expect_cost(at_most=10): factory takes ...
"""

import pytest

import cascade_core as cs


@cs.task
def double(x):
    return 2 * x


@cs.task
def count(left, step):
    return count(left - 1, double(left)) if left else step


async def test_the_value(engine):
    assert await engine.run(count(100, double(0))) == 2


@pytest.mark.expect_resolves(0)
@pytest.mark.expect_cost(at_most=10)
def test_the_loop_stays_cheap(cascade_bench):
    cascade_bench(lambda n: count(n, double(0)))


@pytest.mark.expect_speedup("cached", over="planned", at_least=2)
def test_the_plan_cache_is_worth_it(cascade_bench):
    planning = cs.Engine(plan_cache=cs.PlanCache(max_plans=0))
    cascade_bench.compare(
        cached=lambda n: count(n, double(0)),
        planned=lambda n: planning.run(count(n, double(0))),
    )
