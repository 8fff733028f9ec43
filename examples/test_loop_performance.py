"""How fast each way round a loop is, what the plan cache is worth, and a benchmark that lies.

Run it with ``pytest examples --cascade-bench`` for the table; without the option the same tests run
a few iterations of each path and check values, counts and costs.

All paths count down from n and are measured side by side, round by round. Every row states what
its plan cache did while the clock ran. What is claimed is judged: ``expect_speedup`` by an
interval, ``expect_cost`` by a count, and the markers for counts in every round of every path.

The benchmark that lies is meant to show a stable loop, whose plan is found each time, and makes its
tasks anew in each iteration. Its values are right, so only its row tells, and the marker. Run the
last test with ``--runxfail``, and it fails:

    UnexpectedWork: always_new, round 1 of 1: expect_resolves(0): the solver was called 21 times
      1. always_new · 12 nodes · new task: 'link' was redefined
"""

import asyncio
import itertools

import pytest

import cascade_core as cs

CHAIN = 10


@cs.task
def noop(dep=None):
    return "ok"


def chain(link=noop):
    """A ten-deep chain behind its first call: eleven nodes, made anew."""
    last = link()
    for _ in range(CHAIN):
        last = link(last)
    return last


@cs.task
def simple(n):
    return simple(n - 1) if n else "done"


@cs.task
def complex_(n, dep):
    return complex_(n - 1, noop()) if n else "done"


@cs.task
def heavy(n, dep):
    return heavy(n - 1, chain()) if n else "done"


STATIC_CHAIN = chain()


@cs.task
def stable(n, dep):
    return stable(n - 1, STATIC_CHAIN) if n else "done"


FRESH = itertools.count()


@cs.task
def hostile(n, deps):
    return hostile(n - 1, {f"chain {next(FRESH)}": chain()}) if n else "done"


@cs.task
def vm(n):
    return vm.tail(n - 1) if n else "done"


async def imperative(n):
    while n:
        n = step(n)
        await asyncio.sleep(0)
    return "done"


def step(n):
    return n - 1


@pytest.mark.cascade_bench(
    baseline="imperative",
    ratios={
        "stable over heavy": ("stable", "heavy"),
        "twelve planned nodes over one": ("stable", "simple"),
        "heavy over hostile": ("heavy", "hostile"),
        "VM over heavy": ("vm", "heavy"),
        "VM over simple": ("vm", "simple"),
    },
)
@pytest.mark.expect_speedup("stable", over="forced_miss", at_least=20)  # what the cache is worth
@pytest.mark.expect_speedup("vm", over="imperative", at_least=2)
@pytest.mark.expect_cost("vm", at_most=3)
@pytest.mark.expect_cost("stable", at_most=14)
async def test_every_path_does_the_work_its_row_claims(cascade_bench):
    vm_engine = cs.Engine()
    cacheless_engine = cs.Engine(plan_cache=cs.PlanCache(max_plans=0))

    results = await cascade_bench.compare(
        simple=simple,
        complex=lambda n: complex_(n, noop()),
        heavy=lambda n: heavy(n, chain()),
        stable=lambda n: stable(n, STATIC_CHAIN),
        hostile=lambda n: hostile(n, {f"chain {next(FRESH)}": chain()}),
        vm=lambda n: vm_engine.run(vm(n), use_vm=True),
        imperative=imperative,
        forced_miss=lambda n: cacheless_engine.run(stable(n, STATIC_CHAIN)),
        result="done",
    )

    for name in ("simple", "complex", "heavy", "stable"):
        assert_always_hits(results[name])
    for name in ("hostile", "forced_miss"):
        assert_always_misses(results[name])
    for measured in results["vm"].rounds:
        assert (measured.work.resolves, measured.work.lookups) == (0, 1)
    nodes = {name: results[name].nodes_per_graph for name in results}
    assert nodes == {
        "simple": 1,
        "complex": 2,
        "heavy": 12,
        "stable": 12,
        "hostile": 12,
        "vm": 1,
        "imperative": 0,
        "forced_miss": 12,
    }


def assert_always_hits(contender):
    for measured in contender.rounds:
        assert measured.iterations == measured.asked + 1
        assert (measured.work.resolves, measured.work.hits) == (0, measured.iterations)


def assert_always_misses(contender):
    for measured in contender.rounds:
        assert measured.iterations == measured.asked + 1
        assert (measured.work.resolves, measured.work.hits) == (measured.iterations, 0)


@pytest.mark.expect_resolves(0)
@pytest.mark.expect_cache_misses(0)
def test_warm_means_warm(cascade_bench):
    """Count markers judge each measured round; the warm-up before it is not counted."""
    loop = cascade_bench(lambda n: stable(n, STATIC_CHAIN), result="done")

    assert loop.value == "done"


def chain_of_its_own():
    @cs.task
    def link(dep=None):
        return "ok"

    return chain(link)


@cs.task
def always_new(n, dep):
    return always_new(n - 1, chain_of_its_own()) if n else "done"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="it plans each iteration anew")
@pytest.mark.expect_resolves(0)
def test_a_loop_that_is_always_new_is_caught(cascade_bench):
    cascade_bench.compare(
        stable=lambda n: stable(n, STATIC_CHAIN),
        always_new=lambda n: always_new(n, chain_of_its_own()),
        result="done",
    )
