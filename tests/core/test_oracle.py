"""The oracle: random programs by plain Python, and by every path through the engine.

What it is made of is told in ``tests/oracle``, and how to run it for longer::

    cd tests && python -m oracle --examples 20000 --seed 1
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import event, example, given, seed, settings
from oracle.checks import check_success
from oracle.features import Features, features_of
from oracle.generate import Flavour, programs
from oracle.judge import expected_work, judge
from oracle.language import (
    CAPACITIES,
    PARAMS,
    Box,
    Call,
    Inject,
    Labels,
    Literal,
    Map,
    Options,
    Ref,
    Retry,
    Select,
    Variant,
)
from oracle.paths import PATHS, USUAL, WRITTEN, run_by, run_by_all
from oracle.reference import Reference
from oracle.tasks import RESOURCES, WORLD, World, build, new_caches

import cascade_core as cs

pytestmark = pytest.mark.slow

ONE = Literal(1)
ONE_ITEM = Literal((1,))
TOO_MUCH = Options(amounts=(("gpu", Ref(0)),))
MIX = Call("mix", (ONE,))
SOME = (*USUAL, "written")
"""Paths for programs that are written out now and then."""
PLAIN = ("warm", "vm warm", *WRITTEN)
"""Paths for programs that are all written out."""


@given(programs())
@settings(max_examples=250)
@example((Call("mix", (Box("dict", (ONE,), (True,)),)),))
@example(  # a sync pure call that gives way to async ones took itself for an equal call
    (
        Call("mix", (ONE,), options=Options(retry=Retry(1))),
        Call("pure_mix"),
        Call("mix", (Ref(0), Ref(1))),
    )
)
def test_every_path_does_what_plain_python_does(program):
    works = judge(program, names=SOME)

    for feature in features_of(program, works.first, works.second):
        event(feature)


@given(programs(Flavour(is_sync=True)))
@settings(max_examples=150)
def test_sync_programs_run_in_the_same_order_on_every_path(program):
    judge(program, is_sync=True, names=SOME)


@given(programs(Flavour(fails=True)))
@settings(max_examples=200)
@example(  # the plan of a refused item was counted, and not told
    (
        Call("same", (Literal(CAPACITIES["gpu"] + 1),)),
        Map(
            "mix", (("at", Labels(1)), ("x", ONE_ITEM)), options=Options(amounts=(("gpu", Ref(0)),))
        ),
    )
)
def test_a_program_fails_exactly_where_plain_python_does(program):
    works = judge(program, names=SOME)

    event(f"fails: {bool(works.first.failures)}")


@given(programs(Flavour(is_sync=True, fails=True)))
@settings(max_examples=150)
@example((Call("boom"), Call("boom"), Call("mix", (Ref(0), Ref(1)))))
def test_every_path_that_runs_node_by_node_fails_alike(program):
    works = judge(program, is_sync=True, names=SOME)

    event(f"fails: {bool(works.first.failures)}")


@given(programs(Flavour(is_plain=True, is_sync=True, fails=True)))
@settings(max_examples=80)
@example(  # the same call thrice: the one in the middle was not compared
    (
        Call(
            "spin",
            (Literal(12),),
            inner=(
                (MIX, MIX, Call("again", (Ref(0), Ref(0), Ref(0)))),
                (MIX, MIX, Call("again", (Ref(0), Ref(1), Ref(0)))),
            ),
        ),
    )
)
@example(  # no call was known yet, and none is what was given
    (
        Call(
            "spin",
            (Literal(12),),
            inner=((MIX, Call("again", (Ref(0),))), (Call("again", (Literal(None),)),)),
        ),
    )
)
def test_a_plan_written_out_does_what_it_does_interpreted(program):
    works = judge(program, is_sync=True, names=PLAIN)

    for did in works.programs:
        event(did)


@given(programs(Flavour(is_plain=True, fails=True)))
@settings(max_examples=60)
def test_a_plan_written_out_gives_way_to_what_has_to_be_awaited(program):
    works = judge(program, names=PLAIN)

    for did in works.programs:
        event(did)


@given(programs())
@settings(max_examples=50)
def test_warm_run_hits_at_each_lookup(program):
    first, second = run_by_all(program, ["warm"])["warm"]

    if first.error is None:
        assert (second.totals.resolves, second.totals.hits) == (0, second.totals.lookups)


@given(programs(Flavour(max_steps=5)), programs(Flavour(max_steps=5)))
@settings(max_examples=60)
def test_two_runs_at_once_do_not_see_each_other(one, two):
    async def run_in_a_world(engine, program):
        WORLD.set(World(new_caches()))
        return await engine.run(build(program), PARAMS)

    async def both():
        engine = cs.Engine(slice_ms=0, resources=RESOURCES)
        runs = [run_in_a_world(engine, program) for program in (one, two)]
        return await asyncio.gather(*runs, return_exceptions=True)

    for program, value in zip((one, two), asyncio.run(both()), strict=True):
        work = Reference().run(program)
        assert isinstance(value, Exception) if work.failures else value == work.value


# -- the oracle itself ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PATHS)
def test_the_oracle_sees_a_loop_through_every_path(name):
    body = (MIX, Call("twin", (Ref(0), Ref(0))), Call("again", (Ref(1),)))
    short = (MIX, Call("again", (Ref(0),)))
    program = (Call("loop_tail", (Literal(6), Literal("v")), inner=(body, short)),)
    work = Reference().run(program)

    *_, outcome = asyncio.run(run_by(PATHS[name], program))

    assert work.iterations == 7
    check_success(outcome, work)


def test_the_reference_counts_attempts_reuses_and_skips():
    program = (
        Call("flaky", (Literal(2),), options=Options(retry=Retry(3))),
        Call("pure_mix", (ONE,)),
        Call("pure_mix", (ONE,)),
        Call("nothing"),
        Call("twin", options=Options(run_if=Ref(3))),
        Call("mix", (Ref(0), Ref(1), Ref(2)), options=Options(after=(4,))),
    )

    work = Reference().run(program)

    assert work.tasks == {"flaky": 1, "pure_mix": 1, "nothing": 1, "mix": 1}
    assert work.task_attempts == {"flaky": 3, "pure_mix": 1, "nothing": 1, "mix": 1}
    assert work.reuses == {"pure_mix": 1}
    assert work.skips == {("twin", "condition_false"): 1}


def test_the_reference_prunes_what_only_an_unchosen_route_needs():
    program = (
        MIX,
        Call("boom", (Ref(0),)),
        Call("twin", (Ref(0),)),
        Select(Literal("a"), (("a", Ref(2)), ("b", Ref(1)))),
    )

    work = Reference().run(program)

    assert work.failures == []
    assert work.skips == {("boom", "pruned"): 1}


def test_the_reference_keeps_result_caches_from_run_to_run():
    cached = Options(cache=0)
    program = (
        MIX,
        Variant(0, cached),
        Variant(1, cached),
        Map("twin", (("at", Labels(2)), ("a", Literal((1, 2)))), options=cached),
        Call("mix", (Ref(2), Ref(3))),
    )

    first, second = expected_work(program)

    assert first.reuses == {"mix": 1}
    assert second.reuses == {"mix": 2, "twin": 2}


def test_the_reference_opens_a_resource_once_in_its_scope():
    body = (Inject("turn_both"), Call("mix", (Ref(0),)), Call("again", (Ref(1),)))
    program = (Call("loop", (Literal(2), ONE), inner=(body,)),)

    work = Reference().run(program)

    assert sorted(work.openings) == [
        *(("run_async", 1), ("run_both", 1), ("run_sync", 1)),
        *(("turn_both", 1), ("turn_both", 2), ("turn_sync", 1), ("turn_sync", 2)),
    ]


def test_the_reference_knows_every_failure_that_may_come_first():
    program = (
        Call("boom"),
        Call("same", (Literal(CAPACITIES["gpu"] + 1),)),
        Call("later_boom", options=Options(amounts=(("gpu", Ref(1)),))),
        Call("mix", (Ref(0), Ref(2))),
    )

    work = Reference().run(program)

    assert [failure.kind for failure in work.failures] == ["ValueError", "ConstraintError"]


RARE = {
    "timeout fired": 0.003,
    "select by unhashable": 0.001,
    "route skipped": 0.001,
    "timeout on items": 0.001,
    "amounts on items": 0.005,
    "cache on items": 0.005,
    "inject turn_async": 0.005,
    "skipped: upstream_skipped": 0.005,
    "Param default": 0.005,
    "Env default": 0.005,
}
"""Features that are rare, and how rare they may be."""

FEATURES = (
    *("after", "run_if", "lazy condition", "retry", "retried", "timeout", "timeout fired"),
    *("cache", "cache hit", "cache hit in the warm run", "uncacheable", "amounts", "lazy amounts"),
    *("map item", "map static", "map lazy", "map empty", "retry on items", "timeout on items"),
    *("cache on items", "amounts on items", "pure calls merged", "pure reuse", "variant"),
    *("select by data", "select by lazy", "select by Param", "select default", "route skipped"),
    *(
        "select by unhashable",
        "Param",
        "Param default",
        "Env",
        "Env default",
        "inject plain",
        "quote",
    ),
    *("inject plain", "inject run_sync", "inject run_async", "inject run_both"),
    *("inject turn_sync", "inject turn_async", "inject turn_both"),
    *("sub-graph", "sub-graph loop", "several iterations", "loop of several structures"),
    *("skipped: condition_false", "skipped: upstream_skipped", "skipped: pruned"),
)


def test_every_feature_is_exercised():
    features = Features()

    @seed(1)
    @settings(max_examples=1500, database=None, deadline=None)
    @given(programs())
    def look(program):
        features.add(program, *expected_work(program))

    look()

    assert {name: features.share(name) for name in FEATURES if _is_rare(features, name)} == {}


LEAST = {"entered": 0.6, "round": 0.5, "refused": 0.05, "stopped": 0.01, "raised": 0.01}
"""The share of programs whose code must do what, for the paths that write it to be worth it."""


def test_plans_are_really_run_as_code():
    did: Counter[str] = Counter()

    @seed(1)
    @settings(max_examples=200, database=None, deadline=None)
    @given(programs(Flavour(is_plain=True, fails=True)))
    def look(program):
        outcome = run_by_all(program, ["written"])["written"][0]
        did.update(what for what, count in outcome.programs.items() if count)

    look()

    assert {what: did[what] for what, least in LEAST.items() if did[what] < least * 200} == {}


def _is_rare(features: Features, name: str) -> bool:
    return features.share(name) < RARE.get(name, 0.01)
