"""Maps: one call for each item, its value a list in order."""

# ruff: noqa: B008 - a lazy result as a default is what one test is about
from __future__ import annotations

import asyncio
import dataclasses
from collections import OrderedDict
from typing import Any, NamedTuple

import pytest
from ways import engine_of, run

import cascade_core as cs


@cs.task
def square(n):
    return n * n


@cs.task
async def later(n):
    await asyncio.sleep(0)
    return n


@cs.task
def noop(x=None):
    return x


@cs.task
def pair(a, b=0, *, c=0):
    return a, b, c


@cs.task
def f(*args, **kwargs):
    return args or kwargs


@cs.task
def count_up(n):
    return list(range(n))


@cs.task
def total(values):
    return sum(values)


@cs.task
def countdown(n):
    return "done" if n == 0 else countdown(n - 1)


@cs.task
def countdown_tail(n):
    return "done" if n == 0 else countdown_tail.tail(n - 1)


@cs.task(pure=True)
def pure_square(n):
    return n * n


def generated(*values):
    yield from values


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Scale:
    factor: Any

    @cs.task
    def times(self, n, more=0):
        return self.factor * n + more

    @cs.task
    def factors(self, n):
        return [self.factor] * n


# -- what can be mapped over ----------------------------------------------------------------------

ITERABLES = {
    "list": lambda: [1, 2, 3],
    "tuple": lambda: (1, 2, 3),
    "range": lambda: range(1, 4),
    "generator": lambda: generated(1, 2, 3),
    "iterator": lambda: iter([1, 2, 3]),
    "mapping": lambda: {1: "a", 2: "b", 3: "c"},
    "view": lambda: OrderedDict(a=1, b=2, c=3).values(),
    "named tuple": lambda: (*Point(1, 2), 3),
    "quoted": lambda: cs.quote([1, 2, 3]),
    "bytes": lambda: b"\1\2\3",
    "lazy list": lambda: noop([1, 2, 3]),
    "lazy range": lambda: noop(range(1, 4)),
    "list of lazy results": lambda: [noop(1), noop(2), later(3)],
    "tuple of both": lambda: (noop(1), 2, later(3)),
    "lazy keys' dict": lambda: {1: noop(), 2: noop(), 3: 0},
    "another map": lambda: later.map(n=[1, 2, 3]),
}


@pytest.mark.parametrize("items", ITERABLES.values(), ids=ITERABLES)
async def test_map_calls_the_task_once_for_each_item_in_order(way, items):
    assert await run(way, square.map(n=items())) == [1, 4, 9]


async def test_task_that_gives_a_generator_can_be_mapped_over(way):
    lazy_generator = cs.task(lambda: generated(1, 2))

    assert await run(way, square.map(n=lazy_generator())) == [1, 4]


async def test_text_is_mapped_over_by_character(way):
    assert await run(way, noop.map(x="ab")) == ["a", "b"]


async def test_iterator_is_read_when_map_is_called(engine):
    iterator = iter([1, 2])
    target = square.map(n=iterator)

    assert list(iterator) == []
    assert [await engine.run(target), await engine.run(target)] == [[1, 4], [1, 4]]


async def test_list_is_not_copied_when_map_is_called(engine):
    items = [1, 2]
    target = square.map(n=items)
    items.append(3)

    assert await engine.run(target) == [1, 4, 9]


async def test_several_keywords_are_zipped(way):
    target = pair.map(a=[1, 2], b=later.map(n="xy"), c=(3, noop(4)))

    assert await run(way, target) == [(1, "x", 3), (2, "y", 4)]


async def test_keywords_that_are_not_mapped_keep_their_defaults(way):
    assert await run(way, pair.map(a=[1, 2], c=[5, 6])) == [(1, 0, 5), (2, 0, 6)]


async def test_lazy_default_is_run_for_each_item(way):
    ran = []
    make = cs.task(lambda: ran.append(1) or len(ran))

    @cs.task
    def add(n, extra=make()):
        return n, extra

    assert await run(way, add.map(n=[1, 2])) == [(1, 1), (2, 2)]


async def test_extra_keywords_are_mapped(way):
    assert await run(way, f.map(b=[1, 2], a=[3, 4])) == [{"b": 1, "a": 3}, {"b": 2, "a": 4}]


async def test_extra_keyword_may_be_called_like_a_parameter_of_map(way):
    assert await run(way, f.map(self=[1], task=[2])) == [{"self": 1, "task": 2}]


async def test_empty_map_is_an_empty_list(way):
    engine = engine_of(way)

    assert await engine.run(square.map(n=[]), use_vm=way == "vm") == []
    assert (engine.stats.executions, engine.stats.lookups) == (0, 1)


async def test_empty_lazy_iterable_gives_an_empty_list(way):
    assert await run(way, f(square.map(n=count_up(0)))) == ([],)


async def test_value_of_a_map_is_a_new_list_each_time(engine):
    target = square.map(n=[1])

    assert await engine.run(target) is not await engine.run(target)


async def test_none_items_and_none_values_are_values(way):
    assert await run(way, noop.map(x=[None, 1, None])) == [None, 1, None]


async def test_map_is_one_node_however_often_it_is_passed(way):
    engine = engine_of(way)
    items = square.map(n=[1, 2])

    assert await engine.run(f(items, items), use_vm=way == "vm") == ([1, 4], [1, 4])
    assert engine.stats.executions == 3


# -- where a map can be ---------------------------------------------------------------------------


async def test_map_feeds_a_reducer(way):
    assert await run(way, total(square.map(n=count_up(4)))) == 14


async def test_map_inside_a_container_arrives_as_a_list(way):
    assert await run(way, noop({"all": square.map(n=[2])})) == {"all": [4]}


async def test_map_of_a_map_of_a_map(way):
    inner = square.map(n=square.map(n=[1, 2]))

    assert await run(way, total(square.map(n=inner))) == 1 + 256


async def test_map_is_a_tail_call(way):
    expand = cs.task(lambda n: square.map(n=range(n)))

    assert await run(way, expand(3)) == [0, 1, 4]


async def test_map_is_the_condition_of_a_node(way):
    assert await run(way, noop(1).run_if(square.map(n=[0]))) == 1


async def test_empty_map_is_a_false_condition(way):
    with pytest.raises(cs.DependencyMissingError, match="condition_false"):
        await run(way, noop(1).run_if(square.map(n=[])))


async def test_map_is_the_route_of_a_select_and_only_then_runs(way):
    engine = engine_of(way)
    routes = {"a": square.map(n=[1, 2]), "b": square.map(n=[3, 4, 5])}

    assert await engine.run(cs.select("b", routes), use_vm=way == "vm") == [9, 16, 25]
    assert engine.stats.executions == 3


async def test_parameter_and_resource_can_be_mapped_over():
    engine = cs.Engine(resources={"numbers": lambda: [1, 2]})
    target = f(square.map(n=cs.Param("n")), square.map(n=cs.inject("numbers")))

    assert await engine.run(target, params={"n": (3,)}) == ([9], [1, 4])


# -- the items ------------------------------------------------------------------------------------


async def test_async_items_run_concurrently(way):
    """Each waits for the next: one after the other they would never end."""
    events = [asyncio.Event() for _ in range(3)]

    @cs.task
    async def meet(n):
        events[n].set()
        await events[(n + 1) % 3].wait()
        return n

    async with asyncio.timeout(5):
        assert await run(way, meet.map(n=range(3))) == [0, 1, 2]


async def test_values_are_in_item_order_whatever_ends_first(way):
    @cs.task
    async def wait(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await run(way, wait.map(turns=[9, 0, 5])) == [9, 0, 5]


async def test_items_start_in_order(way):
    started = []

    @cs.task
    async def note(n):
        started.append(n)
        await asyncio.sleep(0)

    await run(way, note.map(n=range(5)))

    assert started == [0, 1, 2, 3, 4]


async def test_items_of_two_maps_run_concurrently(way):
    first, second = asyncio.Event(), asyncio.Event()

    @cs.task
    async def meet(mine, other):
        mine.set()
        await other.wait()

    async with asyncio.timeout(5):
        await run(
            way, f(meet.map(mine=[first], other=[second]), meet.map(mine=[second], other=[first]))
        )


async def test_siblings_of_a_map_go_on_while_its_items_wait(way):
    reached = asyncio.Event()

    @cs.task
    async def wait(n):
        await reached.wait()
        return n

    @cs.task
    async def reach():
        await asyncio.sleep(0)
        reached.set()

    async with asyncio.timeout(5):
        assert await run(way, f(wait.map(n=[1, 2]), reach())) == ([1, 2], None)


async def test_item_that_returns_a_lazy_result_is_run_to_a_value(way):
    expand = cs.task(lambda n: square(noop(n)))

    assert await run(way, f(expand.map(n=[2, 3]))) == ([4, 9],)


@pytest.mark.parametrize("loop", [countdown, countdown_tail])
async def test_item_that_loops_is_run_to_its_end(way, loop):
    assert await run(way, loop.map(n=[0, 3, 1])) == ["done", "done", "done"]


async def test_item_that_returns_a_map_gives_that_maps_list(way):
    rows = cs.task(lambda n: square.map(n=range(n)))

    assert await run(way, rows.map(n=[0, 1, 3])) == [[], [0], [0, 1, 4]]


async def test_item_that_is_a_lazy_result_in_a_computed_list_is_run(way):
    """The item's call is ``square(n=noop(2))``, exactly as if written."""
    listed = cs.task(lambda: [noop(2), 3])

    assert await run(way, square.map(n=listed())) == [4, 9]


async def test_quoted_item_arrives_unsearched(way):
    lazy = noop(1)

    (value,) = await run(way, noop.map(x=[cs.quote([lazy])]))

    assert value == [lazy]


async def test_container_item_arrives_as_the_same_object(way):
    item = {"a": [1]}

    (value,) = await run(way, noop.map(x=[item]))

    assert value is item


async def test_failing_item_fails_the_run_with_its_own_exception(way):
    @cs.task
    async def fail(n):
        if n == 1:
            raise ValueError("boom")
        await asyncio.Event().wait()

    with pytest.raises(ValueError, match="boom") as caught:
        await run(way, f(fail.map(n=[0, 1, 2])))

    assert caught.value.__notes__ == ["in task 'fail' at target"]


async def test_failing_item_cancels_the_others_and_awaits_them(way):
    ended = []

    @cs.task
    async def fail(n):
        try:
            if n == 1:
                raise ValueError("boom")
            await asyncio.Event().wait()
        finally:
            ended.append(n)

    with pytest.raises(ValueError, match="boom"):
        await run(way, fail.map(n=[0, 1]))

    assert sorted(ended) == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("task", [square, later], ids=["sync", "async"])
async def test_ten_thousand_items(engine, task):
    values = await engine.run(task.map(n=range(10_000)))

    assert len(values) == 10_000
    assert (engine.stats.resolves, engine.stats.lookups, engine.stats.executions) == (
        2,
        10_001,
        10_000,
    )


@pytest.mark.slow
async def test_maps_within_maps_do_not_recurse(engine):
    nest = cs.task(lambda n: "bottom" if n == 0 else nest.map(n=[n - 1]))

    value = await engine.run(nest(2_000))

    depth = 0
    while isinstance(value, list):
        (value,) = value
        depth += 1
    assert (depth, value) == (2_000, "bottom")


# -- methods --------------------------------------------------------------------------------------


async def test_method_is_mapped_with_its_instance(way):
    assert await run(way, Scale(10).times.map(n=[1, 2], more=[3, 4])) == [13, 24]


async def test_function_of_the_class_is_mapped_with_instances(way):
    assert await run(way, Scale.times.map(self=[Scale(1), Scale(2)], n=[3, 4])) == [3, 8]


async def test_instance_of_a_mapped_method_is_not_searched(way):
    """As when the method is called: ``self`` is data, whatever it holds."""
    lazy = noop(1)
    scale = Scale(lazy)

    assert await run(way, f(scale.factors(1), scale.factors.map(n=[1]))) == ([lazy], [[lazy]])


async def test_method_and_function_are_two_structures_of_map():
    bound = cs.build_graph(Scale(1).times.map(n=[1])).structure
    free = cs.build_graph(Scale.times.map(self=[1], n=[1])).structure

    assert bound != free


async def test_two_instances_share_a_plan(engine):
    assert await engine.run(Scale(2).times.map(n=[1])) == [2]
    assert await engine.run(Scale(3).times.map(n=[1])) == [3]
    assert engine.stats.resolves == 2


# -- options --------------------------------------------------------------------------------------


class Flaky:
    """A task that fails the first time it gets a number."""

    def __init__(self) -> None:
        self.calls: list[int] = []

        @cs.task
        async def flaky(n):
            self.calls.append(n)
            if self.calls.count(n) == 1:
                raise ValueError(f"boom {n}")
            return n

        self.task = flaky


async def test_retry_on_a_map_holds_for_each_item(way):
    engine = engine_of(way)
    flaky = Flaky()

    value = await engine.run(flaky.task.map(n=[1, 2]).with_retry(2), use_vm=way == "vm")

    assert value == [1, 2]
    assert sorted(flaky.calls) == [1, 1, 2, 2]
    assert (engine.stats.executions, engine.stats.attempts) == (2, 4)


async def test_item_that_uses_up_its_attempts_fails_the_run(way):
    with pytest.raises(ValueError, match="boom 1"):
        await run(way, Flaky().task.map(n=[1]).with_retry(1))


async def test_timeout_on_a_map_holds_for_each_item(way):
    @cs.task
    async def stuck(n):
        if n:
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError, match=r"task 'stuck' did not end within 0.01 s"):
        await run(way, stuck.map(n=[0, 1]).with_timeout(0.01))


def test_timeout_on_a_map_of_a_sync_task_is_refused():
    with pytest.raises(cs.GraphError, match=r"with_timeout cannot stop the sync task 'square.map'"):
        square.map(n=[1]).with_timeout(1)


async def test_cache_on_a_map_holds_for_each_item(way):
    engine = engine_of(way)
    policy = cs.MemoryCache()

    first = await engine.run(square.map(n=[1, 2]).with_cache(policy), use_vm=way == "vm")
    second = await engine.run(square.map(n=[2, 3]).with_cache(policy), use_vm=way == "vm")

    assert (first, second, len(policy)) == ([1, 4], [4, 9], 3)
    assert (engine.stats.executions, engine.stats.reuses) == (3, 1)


async def test_cache_of_a_map_serves_the_same_call_written_out(way):
    engine = engine_of(way)
    policy = cs.MemoryCache()

    await engine.run(square.map(n=[3]).with_cache(policy))
    value = await engine.run(square(3).with_cache(policy), use_vm=way == "vm")

    assert (value, engine.stats.executions) == (9, 1)


async def test_constraints_on_a_map_hold_for_each_item(way):
    running, most = [0], [0]

    @cs.task
    async def work(n):
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0)
        running[0] -= 1
        return n

    target = work.map(n=range(6)).with_constraints(slots=1)

    assert await run(way, target, resources={"slots": 2}) == [0, 1, 2, 3, 4, 5]
    assert most == [2]


async def test_items_may_need_all_of_what_the_map_is_limited_by(way):
    """The map itself holds nothing while its items wait: it would be a deadlock."""
    target = later.map(n=[1, 2]).with_constraints(slots=1)

    async with asyncio.timeout(5):
        assert await run(way, f(target), resources={"slots": 1}) == ([1, 2],)


async def test_items_whose_sub_graphs_need_what_the_items_held_do_not_deadlock(way):
    expand = cs.task(lambda n: later(n).with_constraints(slots=1))

    async with asyncio.timeout(5):
        target = expand.map(n=[1, 2]).with_constraints(slots=1)
        assert await run(way, target, resources={"slots": 1}) == [1, 2]


async def test_lazy_amount_of_a_map_is_computed_once(way):
    asked = []
    amount = cs.task(lambda: asked.append(1) or 1)

    await run(way, later.map(n=[1, 2]).with_constraints(slots=amount()), resources={"slots": 1})

    assert asked == [1]


async def test_lazy_amount_of_a_map_that_can_never_be_met_is_refused(way):
    target = later.map(n=[1]).with_constraints(slots=noop(5))

    with pytest.raises(cs.ConstraintError, match="5 of 'slots' can never be met"):
        await run(way, target, resources={"slots": 1})


async def test_amount_of_a_map_that_can_never_be_met_is_no_run(engine):
    with pytest.raises(cs.ConstraintError):
        await engine.run(square.map(n=[1]).with_constraints(gpu=1))

    assert engine.stats.runs == 0


async def test_false_condition_skips_the_whole_map(way):
    engine = engine_of(way)
    with pytest.raises(cs.DependencyMissingError) as caught:
        await engine.run(square.map(n=[1]).run_if(False), use_vm=way == "vm")

    assert (caught.value.task, caught.value.reason) == ("square.map", "condition_false")
    assert engine.stats.executions == 0


async def test_map_whose_iterable_was_skipped_is_skipped(way):
    with pytest.raises(cs.DependencyMissingError, match="upstream_skipped"):
        await run(way, square.map(n=noop([1]).run_if(False)))


async def test_item_that_skips_its_own_target_fails_the_run(way):
    expand = cs.task(lambda n: noop(n).run_if(n > 0))

    with pytest.raises(cs.DependencyMissingError, match="target 'noop' has no value"):
        await run(way, expand.map(n=[1, 0]))


async def test_map_waits_for_what_it_comes_after(way):
    order = []
    note = cs.task(lambda name: order.append(name))

    await run(way, f(note.map(name=["item"]).after(note("first"))))

    assert order == ["first", "item"]


async def test_after_a_map_means_after_all_of_its_items(way):
    order = []

    @cs.task
    async def note(n):
        await asyncio.sleep(0)
        order.append(n)

    await run(way, noop(1).after(note.map(n=[1, 2])))
    sync = cs.task(lambda: order.append("after"))
    await run(way, sync().after(note.map(n=[3, 4])))

    assert order == [1, 2, 3, 4, "after"]


async def test_equal_items_of_a_pure_task_run_once(way):
    engine = engine_of(way)

    value = await engine.run(pure_square.map(n=[2, 3, 2, 2]), use_vm=way == "vm")

    assert value == [4, 9, 4, 4]
    assert (engine.stats.executions, engine.stats.reuses) == (2, 2)


# -- counting and telling -------------------------------------------------------------------------


async def test_map_counts_a_lookup_per_item_cold_and_warm(way):
    engine = engine_of(way)
    counts = []
    for _ in range(2):
        before = engine.stats.as_dict()
        await engine.run(total(square.map(n=[1, 2, 3])), use_vm=way == "vm")
        counts.append(
            {k: v - before[k] for k, v in engine.stats.as_dict().items() if v - before[k]}
        )

    assert counts == [
        {
            "runs": 1,
            "iterations": 1,
            "lookups": 4,
            "hits": 2,
            "misses": 2,
            "resolves": 2,
            "builds": 2,
            "executions": 4,
            "attempts": 4,
        },
        {"runs": 1, "iterations": 1, "lookups": 4, "hits": 4, "executions": 4, "attempts": 4},
    ]


async def test_tail_calls_of_items_are_lookups_and_no_iterations(way):
    engine = engine_of(way)

    await engine.run(countdown.map(n=[2, 0]), use_vm=way == "vm")

    assert (engine.stats.iterations, engine.stats.lookups) == (1, 1 + 3 + 1)
    assert engine.stats.resolves == 2


async def test_map_itself_is_no_execution_and_tells_nothing(engine, log):
    await engine.run(square.map(n=[1, 2]))

    assert log.started() == ["square", "square"]
    assert engine.stats.executions == 2


async def test_maps_of_different_lengths_share_a_plan(engine):
    for size in (0, 1, 7):
        await engine.run(f(square.map(n=list(range(size)))))

    assert engine.stats.resolves == 2


# -- structure ------------------------------------------------------------------------------------


def structure(lazy):
    return cs.build_graph(lazy).structure


SAME = {
    "items": (lambda: f.map(a=[1]), lambda: f.map(a=(2, 3))),
    "order of declared keywords": (
        lambda: pair.map(a=[1], b=[2]),
        lambda: pair.map(b=[1], a=[2]),
    ),
    "iterator or list": (lambda: f.map(a=iter([1])), lambda: f.map(a=[1])),
}
DIFFERENT = {
    "keywords": (lambda: pair.map(a=[1]), lambda: pair.map(a=[1], b=[1])),
    "names": (lambda: f.map(a=[1]), lambda: f.map(b=[1])),
    "order of extra keywords": (lambda: f.map(a=[1], b=[1]), lambda: f.map(b=[1], a=[1])),
    "map or call": (lambda: noop.map(x=[1]), lambda: noop(x=[1])),
    "task": (lambda: noop.map(x=[1]), lambda: later.map(n=[1])),
    "lazy or static": (lambda: noop.map(x=noop([1])), lambda: noop.map(x=[1])),
    "member lazy or not": (lambda: noop.map(x=[noop()]), lambda: noop.map(x=[1])),
    "one lazy name joined or two": (lambda: f.map(a=[1], b=[1]), lambda: f.map(**{"a, b": [1]})),
}


@pytest.mark.parametrize(("a", "b"), SAME.values(), ids=SAME)
def test_items_are_not_part_of_the_structure(a, b):
    assert structure(a()) == structure(b())
    assert structure(a()).digest == structure(b()).digest


@pytest.mark.parametrize(("a", "b"), DIFFERENT.values(), ids=DIFFERENT)
def test_keywords_of_a_map_are_part_of_the_structure(a, b):
    assert structure(a()) != structure(b())


def test_map_is_a_node_of_its_own_name():
    graph = cs.build_graph(f(square.map(n=[noop(1)])))

    assert [node.name for node in graph.nodes] == ["f", "square.map", "noop"]
    assert [(e.source, e.target, e.kind, e.argument) for e in graph.edges] == [
        (1, 0, "data", "args[0]"),
        (2, 1, "data", "n[0]"),
    ]


def test_explain_names_the_keywords_of_two_maps():
    (change,) = cs.explain(f.map(a=[1]), f.map(b=[1]))

    assert change.path == "target"
    assert change.before != change.now


async def test_invalidating_a_task_forgets_the_plans_of_its_maps_too(engine):
    await engine.run(square.map(n=[1]))

    engine.plan_cache.invalidate(square)

    assert engine.plan_cache.entries() == ()


# -- misuse ---------------------------------------------------------------------------------------


def test_map_without_iterables_is_refused():
    with pytest.raises(TypeError, match=r"square.map needs at least one iterable by keyword"):
        square.map()


def test_map_of_no_iterable_is_refused_with_its_name():
    with pytest.raises(TypeError, match=r"square.map needs iterables, got n=5"):
        square.map(n=5)


def test_positional_iterable_is_refused():
    with pytest.raises(TypeError):
        square.map([1, 2])


@pytest.mark.parametrize("bad", [{"n": [1], "m": [1]}, {"m": [1]}])
def test_keywords_that_do_not_fit_are_refused_at_the_call(bad):
    with pytest.raises(TypeError, match="square"):
        square.map(**bad)


def test_missing_required_keyword_is_refused_at_the_call():
    with pytest.raises(TypeError, match="'a'"):
        pair.map(b=[1])


def test_instance_of_a_method_cannot_be_mapped_too():
    with pytest.raises(TypeError, match="self"):
        Scale(1).times.map(self=[1], n=[1])


def test_tail_call_is_no_iterable():
    with pytest.raises(TypeError, match="needs iterables"):
        square.map(n=noop.tail())


async def test_tail_call_as_an_item_is_refused(engine):
    with pytest.raises(TypeError, match="TailCall"):
        await engine.run(square.map(n=[noop.tail()]))

    assert engine.stats.runs == 0


def test_unequal_lengths_are_refused_at_the_call():
    with pytest.raises(
        ValueError, match=r"pair.map needs iterables of one length, got: a has 2, b has 1"
    ):
        pair.map(a=[1, 2], b=iter([1]))


def test_unequal_lengths_are_refused_at_the_call_beside_lazy_ones():
    with pytest.raises(ValueError, match="one length"):
        pair.map(a=[1, 2], b=noop(), c=[1])


@pytest.mark.parametrize("b", [lambda: count_up(3), lambda: cs.quote([1, 2, 3])])
async def test_unequal_lengths_are_refused_at_run(way, b):
    target = f(pair.map(a=[1, 2], b=b()))

    with pytest.raises(ValueError, match="got: a has 2, b has 3") as caught:
        await run(way, target)

    assert caught.value.__notes__ == ["in task 'pair.map' at f(args[0]=)"]


async def test_lazy_value_that_is_no_iterable_fails_the_run(way):
    with pytest.raises(TypeError, match="not iterable") as caught:
        await run(way, f(square.map(n=noop(5))))

    assert caught.value.__notes__ == ["in task 'square.map' at f(args[0]=)"]


async def test_failed_map_leaves_the_engine_usable(engine):
    with pytest.raises(TypeError):
        await engine.run(square.map(n=noop(5)))

    assert await engine.run(square.map(n=noop([5]))) == [25]


def test_task_of_a_map_cannot_be_called():
    with pytest.raises(TypeError, match="a built-in task is not called"):
        square.map(n=[1]).task(n=[1])
