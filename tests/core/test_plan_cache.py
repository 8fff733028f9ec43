"""The plan cache: bounded, least recently used out first, and able to say why it missed."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import cascade_core as cs


@cs.task
def a(x=None):
    return x


@cs.task
def b(x=None):
    return x


@cs.task
def c(x=None):
    return x


class Misses:
    """Notes the reason of each miss."""

    def __init__(self):
        self.seen = []

    def plan_resolved(self, run, graph, plan, miss, duration_ns):
        self.seen.append(miss)

    @property
    def reasons(self):
        return [miss.reason for miss in self.seen]


@pytest.fixture
def misses():
    with cs.observe(noted := Misses()):
        yield noted


def engine_with(max_plans):
    return cs.Engine(plan_cache=cs.PlanCache(max_plans))


# -- hits and bounds ------------------------------------------------------------------------------


async def test_second_run_of_the_same_shape_hits(engine):
    await engine.run(a(b(1)))
    await engine.run(a(b(2)))

    assert engine.plan_cache.stats == cs.CacheStats(
        hits=1, misses=1, evictions=0, size=1, max_plans=1024
    )


async def test_5_000_different_literals_leave_one_plan(engine):
    for n in range(5_000):
        assert await engine.run(a(n)) == n

    assert engine.plan_cache.stats[:4] == (4_999, 1, 0, 1)


async def test_least_recently_used_plan_is_evicted(misses):
    engine = engine_with(2)
    for target in (a(), b(), a(), c(), a(), b()):
        await engine.run(target)

    assert misses.reasons == ["first_seen", "first_seen", "first_seen", "evicted"]
    assert engine.plan_cache.stats == cs.CacheStats(2, 4, 2, 2, 2)
    assert engine.stats.evictions == 2


async def test_cache_of_one_plan_keeps_the_newest():
    engine = engine_with(1)
    for target in (a(), b(), b(), a()):
        await engine.run(target)

    assert [entry.root for entry in engine.plan_cache.entries()] == ["a"]
    assert engine.stats.hits == 1


async def test_cache_of_no_plans_misses_each_time(misses):
    engine = engine_with(0)
    for _ in range(3):
        await engine.run(a())

    assert misses.reasons == ["disabled"] * 3
    assert engine.plan_cache.stats == cs.CacheStats(0, 3, 0, 0, 0)
    assert engine.plan_cache.entries() == ()


@pytest.mark.parametrize("max_plans", [-1, 1.0, "1", None, True])
def test_bound_that_is_no_count_is_refused(max_plans):
    with pytest.raises(ValueError, match="max_plans must be an int >= 0"):
        cs.PlanCache(max_plans)


async def test_two_engines_may_share_a_cache(engine):
    other = cs.Engine(plan_cache=engine.plan_cache)

    await engine.run(a())
    await other.run(a())

    assert (engine.stats.resolves, other.stats.resolves, other.stats.hits) == (1, 0, 1)


def test_cache_shows_its_counts():
    assert repr(cs.PlanCache(5)) == "<PlanCache hits=0 misses=0 evictions=0 size=0/5>"


# -- entries --------------------------------------------------------------------------------------


async def test_entries_come_most_recently_used_first(engine):
    for target in (a(), b(), c(), a()):
        await engine.run(target)

    assert [entry.root for entry in engine.plan_cache.entries()] == ["a", "c", "b"]


async def test_entry_tells_digest_size_and_hits(engine):
    for n in range(3):
        await engine.run(a(b(n)))

    (entry,) = engine.plan_cache.entries()

    digest = cs.build_graph(a(b())).structure.digest
    assert entry[:4] == (digest, "a", 2, 2)


async def test_entry_shows_what_the_engine_runs(engine):
    @cs.task
    def gather(*parts, **named):
        return parts, named

    await engine.run(gather(a(1), [b(), 2], k=3))

    (entry,) = engine.plan_cache.entries()
    assert entry.source.splitlines() == [
        "r0 = a(x=d2)",
        "r1 = b(x=d3)",
        "r2 = gather(parts[0]=r0, parts[1]=list<r1, d0>, k=d1)",
    ]


async def test_hits_of_an_entry_are_live_in_the_middle_of_a_run(engine):
    @cs.task
    def count(n):
        if n == 0:
            return engine.plan_cache.entries()[0].hits
        return count(n - 1)

    assert await engine.run(count(10)) == 10
    assert engine.plan_cache.entries()[0].hits == 10


async def test_hits_of_dropped_plans_stay_counted(engine):
    for _ in range(3):
        await engine.run(a())
    engine.plan_cache.clear()
    await engine.run(a())

    assert engine.plan_cache.stats[:4] == (2, 2, 0, 1)


async def test_cache_cleared_in_the_middle_of_a_run_loses_no_hits(engine):
    @cs.task
    def count(n):
        if n == 5:
            engine.plan_cache.clear()
        return n if n == 0 else count(n - 1)

    await engine.run(count(10))

    stats = engine.stats
    assert engine.plan_cache.stats[:2] == (stats.hits, stats.misses) == (9, 2)


async def test_cache_cleared_by_a_handler_counts_no_negative_hits(engine):
    engine.bus.subscribe(cs.PlanResolved, lambda event: engine.plan_cache.clear())

    await engine.run(a())

    assert engine.plan_cache.stats[:2] == (0, 1)


# -- dropping plans -------------------------------------------------------------------------------


async def test_cleared_plan_is_resolved_again_and_says_so(engine, misses):
    await engine.run(a())
    engine.plan_cache.clear()
    await engine.run(a())

    assert misses.reasons == ["first_seen", "cleared"]
    assert str(misses.seen[1]) == "cleared"


async def test_invalidate_drops_the_plans_a_task_is_part_of(engine, misses):
    for target in (a(b()), c(a(b())), c()):
        await engine.run(target)

    assert engine.plan_cache.invalidate(b) == 2
    assert [entry.root for entry in engine.plan_cache.entries()] == ["c"]


async def test_invalidated_plan_says_cleared(engine, misses):
    await engine.run(a(b()))
    engine.plan_cache.invalidate(b)
    await engine.run(a(b()))

    assert misses.reasons == ["first_seen", "cleared"]


def test_invalidate_of_an_unknown_task_drops_nothing():
    assert cs.PlanCache().invalidate(a) == 0


def test_invalidate_of_no_task_is_refused():
    with pytest.raises(TypeError, match="invalidate needs a task"):
        cs.PlanCache().invalidate(lambda: 1)


async def test_plan_dropped_while_its_loop_runs_is_made_again(engine):
    @cs.task
    def loop(n):
        if n == 3:
            engine.plan_cache.invalidate(loop)
        return n if n == 0 else loop(n - 1)

    await engine.run(loop(6))

    assert (engine.stats.iterations, engine.stats.resolves, engine.stats.hits) == (7, 2, 5)


# -- why it missed --------------------------------------------------------------------------------


async def test_first_miss_of_a_task_says_first_seen(engine, misses):
    await engine.run(a(b()))

    (miss,) = misses.seen
    assert (miss.reason, miss.changes, miss.nearest, str(miss)) == (
        "first_seen",
        (),
        None,
        "first seen",
    )


async def test_other_structure_of_a_known_task_names_the_change(engine, misses):
    await engine.run(a(b()))
    await engine.run(a(1))

    miss = misses.seen[1]
    assert miss.reason == "structure"
    assert str(miss) == "structure: a(x=) was b(), now a literal"


async def test_known_task_that_was_never_a_target_is_a_structure_miss(engine, misses):
    await engine.run(a(b()))
    await engine.run(b())

    assert (misses.seen[1].reason, misses.seen[1].changes) == ("structure", ())


async def test_several_changes_are_counted_in_the_text(engine, misses):
    @cs.task
    def three(x, y, z):
        return x

    await engine.run(three(a(), a(), a()))
    await engine.run(three(1, 2, 3))

    assert str(misses.seen[1]) == "structure: three(x=) was a(), now a literal (and 2 more)"


async def test_redefined_target_is_a_new_task(engine, misses):
    def make():
        @cs.task
        def step():
            return 1

        return step

    await engine.run(make()())
    await engine.run(make()())

    assert misses.reasons == ["first_seen", "new_task"]
    assert str(misses.seen[1]) == "new task: 'step' was redefined"


async def test_redefined_dependency_is_a_new_task(engine, misses):
    def make():
        @cs.task
        def helper():
            return 1

        return helper

    await engine.run(a(make()()))
    await engine.run(a(make()()))

    miss = misses.seen[1]
    assert (miss.reason, miss.redefined) == ("new_task", ("helper",))
    assert [str(change) for change in miss.changes] == [
        "a(x=) was helper(), now helper() redefined"
    ]


async def test_unknown_task_of_another_name_is_no_new_task(engine, misses):
    await engine.run(a(b()))
    await engine.run(a(c()))

    assert misses.reasons == ["first_seen", "structure"]


async def test_cleared_comes_before_new_task(engine, misses):
    def make():
        @cs.task
        def step():
            return 1

        return step

    first, second = make(), make()
    for target in (first(), second()):
        await engine.run(target)
    engine.plan_cache.clear()
    await engine.run(first())

    assert misses.reasons == ["first_seen", "new_task", "cleared"]


async def test_disabled_comes_before_all_other_reasons(misses):
    engine = engine_with(0)
    await engine.run(a())
    engine.plan_cache.clear()
    await engine.run(a(b()))

    assert misses.reasons == ["disabled", "disabled"]
    assert str(misses.seen[1]) == "plan cache disabled"


async def test_nearest_is_the_known_structure_that_differs_least(engine, misses):
    @cs.task
    def two(x, y):
        return x

    for target in (two(a(), a()), two(1, 1), two(a(), b())):
        await engine.run(target)

    miss = misses.seen[2]
    assert miss.nearest == cs.build_graph(two(a(), a())).structure
    assert [str(change) for change in miss.changes] == ["two(y=) was a(), now b()"]


async def test_nearest_of_equally_near_structures_is_the_latest(engine, misses):
    for target in (a(b()), a(c()), a(1)):
        await engine.run(target)

    assert misses.seen[2].nearest == cs.build_graph(a(c())).structure


async def test_only_the_eight_latest_structures_are_compared(engine, misses):
    @cs.task
    def many(*xs):
        return xs

    await engine.run(many(b()))
    for size in range(2, 10):
        await engine.run(many(*[a()] * size))
    await engine.run(many(1))

    assert misses.seen[-1].nearest != cs.build_graph(many(b())).structure


async def test_miss_shows_its_text(engine, misses):
    await engine.run(a())

    assert repr(misses.seen[0]) == "<Miss first seen>"


async def test_only_so_many_evicted_keys_are_remembered(misses):
    engine = engine_with(1)
    for target in (a(), b(), c(), a(b()), a()):
        await engine.run(target)

    assert misses.reasons[-1] == "structure"


# -- what it holds --------------------------------------------------------------------------------


class Payload:
    """An argument that can be watched."""


@pytest.mark.parametrize(
    "wrap",
    [
        lambda payload: a(payload),
        lambda payload: a([payload]),
        lambda payload: a([b(), payload]),
        lambda payload: a({b(), payload}),
        lambda payload: a({"k": b(payload)}),
        lambda payload: a(cs.quote(payload)),
        lambda payload: cs.task(lambda *xs, **more: None)(payload, k=payload),
    ],
)
@pytest.mark.parametrize("use_vm", [False, True])
async def test_no_argument_outlives_its_run(engine, wrap, use_vm):
    payload = Payload()
    alive = weakref.ref(payload)

    await engine.run(wrap(payload), use_vm=use_vm)
    del payload
    gc.collect()

    assert alive() is None


async def test_evicted_task_is_let_go():
    engine = engine_with(1)

    @cs.task
    def local():
        return 1

    alive = weakref.ref(local)
    await engine.run(local())
    await engine.run(a())
    del local
    gc.collect()

    assert alive() is None


async def test_cleared_task_is_let_go(engine):
    @cs.task
    def local():
        return 1

    alive = weakref.ref(local)
    await engine.run(local())
    engine.plan_cache.clear()
    del local
    gc.collect()

    assert alive() is None


async def test_history_of_a_disabled_cache_holds_no_tasks():
    engine = engine_with(0)

    @cs.task
    def local():
        return 1

    alive = weakref.ref(local)
    await engine.run(local())
    del local
    gc.collect()

    assert alive() is None


async def test_structure_planned_by_two_threads_at_once_is_held_once():
    """Two engines share the cache; while one resolves, the other plans the same structure."""
    cache = cs.PlanCache()

    class Nested(cs.NativeSolver):
        def resolve(self, graph):
            thread = threading.Thread(target=lambda: cs.run(a(), plan_cache=cache))
            thread.start()
            thread.join()
            return super().resolve(graph)

    await cs.Engine(solver=Nested(), plan_cache=cache).run(a())

    assert cache.stats == cs.CacheStats(hits=0, misses=2, evictions=0, size=1, max_plans=1024)


async def test_only_so_many_task_names_are_remembered(engine, misses, monkeypatch):
    """The oldest is forgotten: what was redefined long ago counts as never seen."""
    monkeypatch.setattr("cascade_core.plan.miss.MAX_NAMES", 2)

    def defined(name):
        fn = lambda: 1  # noqa: E731 - its name is set below
        fn.__name__ = fn.__qualname__ = name
        return cs.task(fn)

    for name in "aabca":
        await engine.run(defined(name)())

    assert misses.reasons == ["first_seen", "new_task", "first_seen", "first_seen", "first_seen"]
