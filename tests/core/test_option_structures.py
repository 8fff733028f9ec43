"""Options in structures: which are present is structure, what they say is read from each run."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import weakref
from contextlib import suppress

import pytest
from fakes import EventLog
from ways import engine_of

import cascade_core as cs


@cs.task
def g(x=None):
    return x


@cs.task
def h(x=None):
    return x


@cs.task
async def later(x=None):
    await asyncio.sleep(0)
    return x


@cs.task
def f(*args, **kwargs):
    return args or kwargs


def structure(lazy):
    return cs.build_graph(lazy).structure


def memory() -> cs.MemoryCache:
    return cs.MemoryCache()


def with_shared(make):
    """``make(x, x)`` against ``make(x, y)``."""
    return lambda: make(x := g(), x), lambda: make(g(), g())


SAME = {
    "condition true or false": (lambda: g().run_if(True), lambda: g().run_if(False)),
    "condition written twice": (lambda: g().run_if(True), lambda: g().run_if(True).run_if(False)),
    "lazy condition replaced": (lambda: g().run_if(False), lambda: g().run_if(h()).run_if(True)),
    "data of a condition": (lambda: g().run_if(h(1)), lambda: g().run_if(h(2))),
    "data of an after": (lambda: g().after(h(1)), lambda: g().after(h(2))),
    "after in one go or two": (lambda: g().after(h(), g()), lambda: g().after(h()).after(g())),
    "after of one call twice": (
        lambda: g().after(x := h(), x),
        lambda: g().after(x := h()).after(x),
    ),
    "attempts": (lambda: g().with_retry(1), lambda: g().with_retry(9)),
    "delays": (lambda: g().with_retry(3, 0, 1), lambda: g().with_retry(3, 2.5, 3)),
    "seconds": (lambda: later().with_timeout(1), lambda: later().with_timeout(2.5)),
    "policies": (lambda: g().with_cache(memory()), lambda: g().with_cache(memory())),
    "amounts": (lambda: g().with_constraints(gpu=1), lambda: g().with_constraints(gpu=2.5)),
    "amount of nothing": (lambda: g().with_constraints(gpu=0), lambda: g().with_constraints(gpu=1)),
    "order of constraints": (
        lambda: g().with_constraints(gpu=1, cpu=h()),
        lambda: g().with_constraints(cpu=h(), gpu=2),
    ),
    "constraints replaced": (
        lambda: g().with_constraints(gpu=1),
        lambda: g().with_constraints(cpu=1).with_constraints(gpu=1),
    ),
    "no constraints": (lambda: g(), lambda: g().with_constraints()),
    "constraints lifted": (lambda: g(), lambda: g().with_constraints(gpu=1).with_constraints()),
    "after nothing": (lambda: g(), lambda: g().after()),
    "order options are written in": (
        lambda: later().with_retry().run_if(h()).after(g()).with_timeout(1),
        lambda: later().with_timeout(2).after(g()).run_if(h()).with_retry(5),
    ),
    "options of a map": (
        lambda: later.map(x=[1]).with_retry(2).with_timeout(1),
        lambda: later.map(x=[1, 2]).with_timeout(2).with_retry(3),
    ),
}

DIFFERENT = {
    "after or not": (lambda: g().after(h()), lambda: g()),
    "after another task": (lambda: g().after(h()), lambda: g().after(f())),
    "after another call of one task": (
        lambda: f(x := h(), h(), g().after(x)),
        lambda: f(h(), x := h(), g().after(x)),
    ),
    "after what is below": (lambda: g().after(h()), lambda: g().after(h(h()))),
    "after one or two": (lambda: g().after(h()), lambda: g().after(h(), h())),
    "after shared or equal": with_shared(lambda x, y: f(g().after(x), g().after(y))),
    "after an argument or an equal call": with_shared(lambda x, y: g(x).after(y)),
    "order of after": (lambda: g().after(h(), f()), lambda: g().after(f(), h())),
    "after or argument": (lambda: g().after(h()), lambda: g(h())),
    "after or condition": (lambda: g().after(h()), lambda: g().run_if(h())),
    "condition or not": (lambda: g().run_if(True), lambda: g()),
    "condition lazy or data": (lambda: g().run_if(h()), lambda: g().run_if(True)),
    "condition of another task": (lambda: g().run_if(h()), lambda: g().run_if(f())),
    "condition on another call": (
        lambda: f(x := h(), h(), g().run_if(x)),
        lambda: f(h(), x := h(), g().run_if(x)),
    ),
    "condition shared with an argument": with_shared(lambda x, y: g(x).run_if(y)),
    "condition shared between calls": with_shared(lambda x, y: f(g().run_if(x), g().run_if(y))),
    "condition here or there": (
        lambda: f(g().run_if(True), g()),
        lambda: f(g(), g().run_if(True)),
    ),
    "condition on the target": (lambda: g(h().run_if(True)), lambda: g(h()).run_if(True)),
    "retry or not": (lambda: g().with_retry(), lambda: g()),
    "retry of one attempt or not": (lambda: g().with_retry(1), lambda: g()),
    "timeout or not": (lambda: later().with_timeout(1), lambda: later()),
    "retry or timeout": (lambda: later().with_retry(), lambda: later().with_timeout(1)),
    "cache or not": (lambda: g().with_cache(memory()), lambda: g()),
    "cache or retry": (lambda: g().with_cache(memory()), lambda: g().with_retry()),
    "constraint or not": (lambda: g().with_constraints(gpu=1), lambda: g()),
    "zero amount or not": (lambda: g().with_constraints(gpu=0), lambda: g()),
    "constraint names": (lambda: g().with_constraints(gpu=1), lambda: g().with_constraints(cpu=1)),
    "two constraints or one name": (
        lambda: g().with_constraints(a=1, b=1),
        lambda: g().with_constraints(**{"a=, b": 1}),
    ),
    "amount lazy or data": (lambda: g().with_constraints(a=h()), lambda: g().with_constraints(a=1)),
    "amount of another task": (
        lambda: g().with_constraints(a=h()),
        lambda: g().with_constraints(a=f()),
    ),
    "amounts swapped": (
        lambda: g().with_constraints(a=h(), b=f()),
        lambda: g().with_constraints(a=f(), b=h()),
    ),
    "amounts shared or equal": with_shared(lambda x, y: g().with_constraints(a=x, b=y)),
    "amount shared with an argument": with_shared(lambda x, y: g(x).with_constraints(a=y)),
    "one object or two with equal options": (
        lambda: f(x := g().with_retry(), x),
        lambda: f(g().with_retry(), g().with_retry()),
    ),
    "options of a map or of its argument": (
        lambda: g.map(x=h([1])).with_retry(),
        lambda: g.map(x=h([1]).with_retry()),
    ),
}

same = pytest.mark.parametrize(("a", "b"), SAME.values(), ids=SAME)
different = pytest.mark.parametrize(("a", "b"), DIFFERENT.values(), ids=DIFFERENT)


@same
def test_what_options_say_is_not_part_of_the_structure(a, b):
    assert structure(a()) == structure(b())
    assert structure(a()).digest == structure(b()).digest


@same
def test_ids_do_not_know_what_options_say(a, b):
    one, two = cs.build_graph(a()), cs.build_graph(b())

    assert [node.id for node in one.nodes] == [node.id for node in two.nodes]


@same
def test_nothing_is_explained_where_structures_are_equal(a, b):
    assert cs.explain(a(), b()) == ()


@different
def test_which_options_are_present_and_their_sources_are_part_of_the_structure(a, b):
    assert structure(a()) != structure(b())


@different
def test_digests_differ_where_options_do(a, b):
    assert structure(a()).digest != structure(b()).digest


@different
def test_something_is_explained_where_structures_differ(a, b):
    assert cs.explain(a(), b())
    assert cs.explain(b(), a())


BLIND_TO = ("shared", "equal", "another call of", "on another call")
"""Sharing, in the names of cases: ids do not know of it."""

WIRED = {n: pair for n, pair in DIFFERENT.items() if not any(word in n for word in BLIND_TO)}


@pytest.mark.parametrize(("a", "b"), WIRED.values(), ids=WIRED)
def test_ids_differ_where_options_do_but_for_sharing(a, b):
    one, two = cs.build_graph(a()), cs.build_graph(b())

    assert one.nodes[0].id != two.nodes[0].id


@different
async def test_different_options_give_their_own_values_on_one_engine(a, b):
    resources = dict.fromkeys(("gpu", "cpu", "a", "b", "a=, b"), 10)

    async def outcomes(engine):
        told = []
        for make in (a, b, a, b):
            try:
                told.append(repr(await engine.run(make())))
            except cs.CascadeError as error:
                told.append(str(error))
        return told

    uncached = cs.Engine(plan_cache=cs.PlanCache(0), resources=resources)
    assert await outcomes(cs.Engine(resources=resources)) == await outcomes(uncached)


# -- explained ------------------------------------------------------------------------------------

CHANGES = {
    "condition gained": (
        lambda: g(),
        lambda: g().run_if(True),
        ("g.run_if()", "absent", "a literal"),
    ),
    "condition lost": (lambda: g().run_if(h()), lambda: g(), ("g.run_if()", "h()", "absent")),
    "condition lazy": (
        lambda: g().run_if(True),
        lambda: g().run_if(h()),
        ("g.run_if()", "a literal", "h()"),
    ),
    "inside a condition": (
        lambda: g().run_if(h(1)),
        lambda: g().run_if(h(g())),
        ("g.run_if(h(x=))", "a literal", "g()"),
    ),
    "after gained": (lambda: g(), lambda: g().after(h()), ("g.after()", "absent", "h()")),
    "after another": (lambda: g().after(h()), lambda: g().after(f()), ("g.after()", "h()", "f()")),
    "after more": (
        lambda: g().after(h()),
        lambda: g().after(h(), f()),
        ("g.after()", "h()", "h(), f()"),
    ),
    "second of two": (
        lambda: g().after(h(), f()),
        lambda: g().after(h(), g()),
        ("g.after[1]()", "f()", "g()"),
    ),
    "inside the second of two": (
        lambda: g().after(h(), g(1)),
        lambda: g().after(h(), g(h())),
        ("g.after[1](g(x=))", "a literal", "h()"),
    ),
    "retry gained": (
        lambda: g(),
        lambda: g().with_retry(),
        ("g.with_retry()", "absent", "a literal"),
    ),
    "timeout lost": (
        lambda: later().with_timeout(1),
        lambda: later(),
        ("later.with_timeout()", "a literal", "absent"),
    ),
    "cache gained": (
        lambda: g(h()),
        lambda: g(h().with_cache(memory())),
        ("g(x=h.with_cache())", "absent", "a literal"),
    ),
    "constraint gained": (
        lambda: g().with_constraints(gpu=1),
        lambda: g().with_constraints(gpu=1, cpu=1),
        ("g.with_constraints(cpu=)", "absent", "a literal"),
    ),
    "amount lazy": (
        lambda: g().with_constraints(gpu=1),
        lambda: g().with_constraints(gpu=h()),
        ("g.with_constraints(gpu=)", "a literal", "h()"),
    ),
    "condition shared": (
        lambda: g(x := h()).run_if(x),
        lambda: g(h()).run_if(h()),
        ("g.run_if()", "the same h() as g(x=)", "another h()"),
    ),
    "sequence shared": (
        lambda: g(h()).after(h()),
        lambda: g(x := h()).after(x),
        ("g.after()", "another h()", "the same h() as g(x=)"),
    ),
}


@pytest.mark.parametrize(("a", "b", "change"), CHANGES.values(), ids=CHANGES)
def test_change_of_an_option_reads_like_code(a, b, change):
    assert [(c.path, c.before, c.now) for c in cs.explain(a(), b())] == [change]


def test_options_that_change_together_are_told_one_by_one():
    changes = cs.explain(g().with_retry(), g().run_if(True).after(h()))

    assert {change.path for change in changes} == {"g.with_retry()", "g.run_if()", "g.after()"}


def test_two_tasks_of_one_name_are_told_apart():
    other = cs.task(h.fn, name="g")

    (change,) = cs.explain(f(g()), f(other()))

    assert change.before != change.now


async def test_miss_in_a_loop_names_the_option(engine):
    log = EventLog(engine)
    loop = cs.task(
        lambda n, x=None: n if n == 0 else loop(n - 1, g().with_retry() if n == 1 else g()),
        name="loop",
    )

    await engine.run(loop(3, g()))

    last = log.of(cs.PlanResolved)[-1].miss
    assert last.reason == "structure"
    assert [str(change) for change in last.changes] == [
        "loop(x=g.with_retry()) was absent, now a literal"
    ]


# -- digests --------------------------------------------------------------------------------------

GOLDEN_MODULE = """
import enum

import cascade_core as cs


class Colour(enum.Enum):
    RED = object()


@cs.task
def g(x=None):
    return x


@cs.task
async def later(x=None, *, k=0):
    return x


@cs.task
def f(*args, **kwargs):
    return args


def graphs():
    x = g()
    return {
        "bare": f(g(1), k=x),
        "condition": g().run_if(True),
        "lazy condition": g().run_if(later()),
        "after": g().after(x, later(x)),
        "retry": g().with_retry(2, 0.5),
        "timeout": later(k=x).with_timeout(1),
        "cache": g().with_cache(cs.MemoryCache()),
        "constraints": g(x).with_constraints(gpu=1, cpu=x),
        "select": cs.select(x, {"a": g(), 1: [x], (None, Colour.RED): 2}, default=later()),
        "inputs": f(cs.Param("a"), cs.Env("b", default=x), cs.inject("c")),
        "map": later.map(x=[x, 1], k={2, 3}).with_retry().after(x),
        "containers": f({x, later(), 5}, {b"k": x, Colour.RED: [x]}, k=(x, frozenset({x}))),
    }


for name, lazy in graphs().items():
    graph = cs.build_graph(lazy)
    print(name, graph.structure.digest[:16], graph.nodes[0].id[:16], sep=":")
"""

GOLDEN = """\
bare:81f66ca92170244b:2f6e561604d0ceec
condition:f0f167552f9b673a:69e972547774d7b6
lazy condition:97671f5b2bec6bc1:ee858fc0e0d92e96
after:1c24aac50f5189c7:ba5b89b1774ed694
retry:3ec539553e4f8445:55d3da6868c02ca3
timeout:094bf927a383a722:b7ad85c429bbdb1e
cache:4490249c936704f7:fe71ee59780ac1e6
constraints:c97eb86a07ac7fd0:8815871be80672dd
select:08140507bcd3ef4f:dfc356435ce1de17
inputs:5392795673941f1f:bda75d41b0bf9de4
map:549cf4f97af9382f:8e9af6882598f28c
containers:26b352e2789ba18f:accd75b2e53fc847
"""


def digests(seed: str) -> str:
    """The digests that another process finds, its hashes seeded by ``seed``."""
    done = subprocess.run(
        [sys.executable, "-c", GOLDEN_MODULE],
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_digests_and_ids_are_the_same_in_every_process_seed_and_version(seed):
    """A changed table is a changed format: it belongs in the changelog."""
    assert digests(seed) == GOLDEN


# -- cached plans replay nothing ------------------------------------------------------------------


async def test_cached_plan_asks_this_runs_condition(way):
    engine = engine_of(way)
    outcomes = []
    for condition in (True, False, True, False):
        try:
            outcomes.append(await engine.run(g(1).run_if(condition), use_vm=way == "vm"))
        except cs.DependencyMissingError:
            outcomes.append(None)

    assert outcomes == [1, None, 1, None]
    assert engine.stats.resolves == 1


async def test_cached_plan_tries_as_often_as_this_run_says(way):
    engine = engine_of(way)
    boom = cs.task(lambda: 1 / 0)

    attempts = []
    for count in (3, 1, 5, 2):
        before = engine.stats.attempts
        with pytest.raises(ZeroDivisionError):
            await engine.run(boom().with_retry(count), use_vm=way == "vm")
        attempts.append(engine.stats.attempts - before)

    assert attempts == [3, 1, 5, 2]
    assert engine.stats.resolves == 1


async def test_cached_plan_waits_as_long_as_this_run_says(engine):
    log = EventLog(engine)
    boom = cs.task(lambda: 1 / 0)

    for delay in (0.0, 1e-6, 2e-6):
        with pytest.raises(ZeroDivisionError):
            await engine.run(boom().with_retry(3, delay, 2))

    delays = [event.delay for event in log.of(cs.TaskRetrying)]
    assert delays == [0.0, 0.0, 1e-6, 2e-6, 2e-6, 4e-6]


async def test_cached_plan_has_this_runs_time_limit(way):
    engine = engine_of(way)

    @cs.task
    async def wait(event):
        await event.wait()
        return "ok"

    done, never = asyncio.Event(), asyncio.Event()
    done.set()

    assert await engine.run(wait(done).with_timeout(60), use_vm=way == "vm") == "ok"
    with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
        await engine.run(wait(never).with_timeout(0.01), use_vm=way == "vm")
    assert await engine.run(wait(done).with_timeout(30), use_vm=way == "vm") == "ok"
    assert engine.stats.resolves == 1


async def test_cached_plan_asks_this_runs_policy(way):
    engine = engine_of(way)
    policies = [cs.MemoryCache(), cs.MemoryCache()]

    for policy in policies:
        await engine.run(f(g(1).with_cache(policy)), use_vm=way == "vm")

    assert [len(policy) for policy in policies] == [1, 1]
    assert engine.stats.resolves == 1


async def test_cached_plan_checks_this_runs_amount(way):
    engine = engine_of(way, resources={"gpu": 2})

    assert await engine.run(g(1).with_constraints(gpu=1), use_vm=way == "vm") == 1
    with pytest.raises(cs.ConstraintError, match="3 of 'gpu' can never be met"):
        await engine.run(g(1).with_constraints(gpu=3), use_vm=way == "vm")
    assert await engine.run(g(1).with_constraints(gpu=2), use_vm=way == "vm") == 1
    assert (engine.stats.resolves, engine.stats.runs) == (1, 2)


async def test_cached_plan_takes_this_runs_amount(way):
    engine = engine_of(way, resources={"gpu": 2})
    most = []

    async def work():
        running[0] += 1
        most[-1] = max(most[-1], running[0])
        await asyncio.sleep(0)
        running[0] -= 1

    task = cs.task(work)
    for amount in (1, 2, 1):
        running = [0]
        most.append(0)
        limited = [task().with_constraints(gpu=amount) for _ in range(4)]
        await engine.run(f(*limited), use_vm=way == "vm")

    assert most == [2, 1, 2]
    assert engine.stats.resolves == 1


async def test_options_in_a_loop_are_read_in_each_iteration(way):
    engine = engine_of(way)
    ran = []
    note = cs.task(ran.append)

    @cs.task
    def loop(n, x=None):
        return n if n == 0 else loop(n - 1).after(note(n).run_if(n % 2 == 0))

    assert await engine.run(loop(6), use_vm=way == "vm") == 0
    assert ran == [6, 4, 2]
    assert engine.stats.resolves == 2


# -- nothing is retained --------------------------------------------------------------------------


class Big:
    """An argument that can be watched."""

    def __init__(self) -> None:
        self.bytes = bytes(100_000)


TARGETS = {
    "argument": lambda big: g(big),
    "container": lambda big: f([big, h()], {"k": big}),
    "condition's argument": lambda big: g().run_if(h(big)),
    "after's argument": lambda big: g().after(h(big)),
    "route": lambda big: cs.select(1, {1: g(), 2: big}),
    "selector": lambda big: cs.select(big, {1: g()}, default=2),
    "default": lambda big: cs.Param("a", default=big),
    "items": lambda big: g.map(x=[big, big]),
    "quoted": lambda big: f(cs.quote([big]), h()),
    "retried": lambda big: g(big).with_retry(),
    "cached": lambda big: g(big).with_cache(memory()),
    "pure": lambda big: cs.task(g.fn, pure=True)(big),
    "sub-graph": lambda big: f(expand(big)),
    "tail call": lambda big: expand(big),
    "failing": lambda big: boom(big),
}

expand = cs.task(lambda x: g(x).run_if(True))
boom = cs.task(lambda x: [][0])


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
async def test_hundred_runs_with_big_arguments_retain_none(way, target):
    engine = engine_of(way)
    if way == "executor":
        engine.executor.calls = type("Forgetful", (list,), {"append": lambda self, call: None})()
    if way == "listener":
        engine = cs.Engine()
        engine.bus.subscribe(cs.Event, lambda event: None)
    watched = []
    for _ in range(100):
        big = Big()
        watched.append(weakref.ref(big))
        with suppress(IndexError):
            await engine.run(target(big), use_vm=way == "vm")
        del big

    gc.collect()
    assert [ref for ref in watched if ref() is not None] == []


async def test_arguments_changed_after_a_run_are_not_seen_again(way):
    engine = engine_of(way)
    items = [1, 2]
    assert await engine.run(f(items, [h(), items]), use_vm=way == "vm") == ([1, 2], [None, [1, 2]])

    items.append(3)

    assert await engine.run(f([0], [h(), [0]]), use_vm=way == "vm") == ([0], [None, [0]])


def test_structure_keeps_no_policy_and_no_argument_alive():
    policy, big = cs.MemoryCache(), Big()
    dead = [weakref.ref(big)]

    graph = cs.build_graph(g(big).with_cache(policy).with_retry(7))
    references = sys.getrefcount(policy)
    other = cs.build_graph(g().with_cache(policy).with_retry(8))
    del big
    gc.collect()

    assert sys.getrefcount(policy) == references
    assert dead[0]() is None
    assert graph.structure == other.structure
