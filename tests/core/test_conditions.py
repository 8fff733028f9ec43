"""Conditions and order: ``run_if``, ``after``, what is skipped, and what is skipped with it."""

from __future__ import annotations

import asyncio

import pytest
from fakes import EventLog
from ways import engine_of, run

import cascade_core as cs

CONDITION_FALSE = "condition_false"
UPSTREAM_SKIPPED = "upstream_skipped"


def skips(log: EventLog) -> list[tuple[str, str]]:
    return [(event.task, event.reason) for event in log.of(cs.TaskSkipped)]


@cs.task
def noop(x=None):
    return x


@cs.task
def f(*args, **kwargs):
    return args


@cs.task
def boom(*args):
    raise ValueError("boom")


@cs.task
async def later(x=None):
    await asyncio.sleep(0)
    return x


def noting(ran: list, name: str, value=None) -> cs.Task:
    """A task that notes that it ran."""

    def note(*args, **kwargs):
        ran.append(name)
        return value

    return cs.task(note, name=name)


class Undecided:
    """Something whose truth cannot be told."""

    def __bool__(self):
        raise RuntimeError("no truth")


# -- whether it runs ------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [True, False])
@pytest.mark.parametrize("make", [lambda c: c, lambda c: noop(c), lambda c: later(c)])
async def test_node_runs_if_its_condition_holds_and_only_then(way, make, condition):
    ran = []
    node = noting(ran, "node")().run_if(make(condition))

    assert await run(way, noop("end").after(node)) == "end"
    assert ran == (["node"] if condition else [])


@pytest.mark.parametrize(
    ("value", "holds"), [(1, True), (0, False), ("", False), ([0], True), (None, False)]
)
async def test_truth_of_the_conditions_value_decides(way, value, holds):
    ran = []
    node = noting(ran, "node")().run_if(noop(value))

    await run(way, noop().after(node))

    assert ran == (["node"] if holds else [])


async def test_target_whose_condition_holds_gives_its_value(way):
    assert await run(way, noop(3).run_if(noop(True))) == 3


async def test_condition_may_be_a_param(way):
    target = noop(3).run_if(cs.Param("on"))
    engine = engine_of(way)

    assert await engine.run(target, params={"on": True}, use_vm=way == "vm") == 3
    with pytest.raises(cs.DependencyMissingError):
        await engine.run(target, params={"on": False}, use_vm=way == "vm")


async def test_condition_may_be_a_dependency_too(way):
    """One call: its value is passed on, and its truth decides."""
    x = noop(5)

    assert await run(way, noop(x).run_if(x)) == 5


async def test_condition_of_an_async_node_is_waited_for(way):
    ran = []

    @cs.task
    async def node():
        ran.append("node")

    await run(way, f().after(node().run_if(later(False)), node().run_if(later(True))))

    assert ran == ["node"]


async def test_condition_in_a_sub_graph_decides_there(way):
    ran = []
    expand = cs.task(lambda on: noop("inner").after(noting(ran, "node")().run_if(on)))

    assert await run(way, f(expand(True), expand(False))) == ("inner", "inner")
    assert ran == ["node"]


async def test_condition_in_a_loop_decides_in_each_iteration(way):
    ran = []
    node = cs.task(lambda n: ran.append(n))

    @cs.task
    def loop(n):
        return "done" if n == 0 else loop(n - 1).after(node(n).run_if(n % 2 == 0))

    assert await run(way, loop(5)) == "done"
    assert ran == [4, 2]


async def test_truth_of_a_condition_is_asked_for_once(way):
    """Also where the node has to wait again: for a sibling to begin, for a resource to open."""
    asked = []

    class Truth:
        def __bool__(self):
            asked.append(1)
            return True

    @cs.resource
    async def db():
        await asyncio.sleep(0)
        yield "db"

    condition = cs.task(Truth)()
    node = noop(cs.inject("db")).run_if(condition)

    assert await run(way, f(later(), node), resources={"db": db}) == (None, "db")
    assert asked == [1]


async def test_nodes_of_one_condition_each_go_by_it(way):
    ran = []
    condition = later(False)
    nodes = [noting(ran, name)().run_if(condition) for name in "ab"]

    await run(way, noop().after(*nodes, noting(ran, "c")().after(condition)))

    assert ran == ["c"]


# -- what is told ---------------------------------------------------------------------------------


async def test_false_condition_skips_the_node_and_all_that_needs_its_data(engine, log):
    """end .after(two), two <- one <- node.run_if(False)."""
    two = cs.task(noop.fn, name="two")(cs.task(noop.fn, name="one")(f().run_if(False)))

    await engine.run(noop("end").after(two))

    assert skips(log) == [
        ("f", CONDITION_FALSE),
        ("one", UPSTREAM_SKIPPED),
        ("two", UPSTREAM_SKIPPED),
    ]
    assert log.started() == ["noop"]


async def test_skipped_node_has_one_event_and_no_execution(engine, log):
    node = noop().run_if(False)

    await engine.run(f().after(node, noop(node), noop(node)))

    assert [event.task for event in log.of(cs.TaskSkipped)] == ["noop"] * 3
    assert len({event.node for event in log.of(cs.TaskSkipped)}) == 3
    assert engine.stats.tasks == {"f": 1}


async def test_skip_event_names_run_task_and_node(engine, log):
    await engine.run(f().after(noop().run_if(False)))

    (event,) = log.of(cs.TaskSkipped)
    assert (event.task, event.node.name, event.node.task) == ("noop", "noop", noop)
    assert event.run is log.events[0].run


NEEDS = {
    "data": lambda x: noop(x),
    "keyword": lambda x: f(k=x),
    "list": lambda x: noop([x]),
    "nested": lambda x: noop({"a": (1, [x])}),
    "set": lambda x: noop({x}),
    "condition": lambda x: noop(1).run_if(x),
    "amount": lambda x: noop(1).with_constraints(gpu=x),
    "async": lambda x: later(x),
    "map": lambda x: noop.map(x=x),
    "items": lambda x: noop.map(x=[x, 1]),
    "selector": lambda x: cs.select(x, {1: 1}, default=2),
    "route": lambda x: cs.select("a", {"a": x}),
    "default": lambda x: cs.select("b", {"a": 1}, default=x),
    "param": lambda x: cs.Param("p", default=x),
}


@pytest.mark.parametrize("wrap", NEEDS.values(), ids=NEEDS)
@pytest.mark.parametrize("use_vm", [False, True])
async def test_skip_spreads_through_all_that_is_needed(wrap, use_vm):
    engine = cs.Engine(resources={"gpu": 1})
    log = EventLog(engine)
    needs_it = wrap(boom().run_if(False))

    assert await engine.run(f().after(needs_it), use_vm=use_vm) == ()
    assert skips(log) == [("boom", CONDITION_FALSE), (needs_it.task.name, UPSTREAM_SKIPPED)]
    assert log.started() == ["f"]


async def test_node_with_false_condition_and_skipped_source_says_condition_false(engine, log):
    await engine.run(f().after(noop(boom().run_if(False)).run_if(False)))

    assert skips(log)[1] == ("noop", CONDITION_FALSE)


async def test_node_with_true_condition_and_skipped_source_is_skipped(engine, log):
    await engine.run(f().after(noop(boom().run_if(False)).run_if(True)))

    assert skips(log)[1] == ("noop", UPSTREAM_SKIPPED)


async def test_skipped_condition_skips_although_its_value_could_be_anything(engine, log):
    condition = noop(True).run_if(False)

    await engine.run(f().after(boom().run_if(condition)))

    assert skips(log) == [("noop", CONDITION_FALSE), ("boom", UPSTREAM_SKIPPED)]


async def test_node_after_a_skipped_one_runs(way):
    assert await run(way, noop(1).after(boom().run_if(False))) == 1


async def test_node_after_a_node_that_was_skipped_for_its_source_runs(way):
    assert await run(way, noop(1).after(noop(boom().run_if(False)))) == 1


async def test_dependencies_of_a_skipped_node_run_all_the_same(way):
    ran = []
    dependencies = noting(ran, "a")(), noting(ran, "b")([noting(ran, "c")()])

    await run(way, f().after(boom(*dependencies).run_if(False)))

    assert sorted(ran) == ["a", "b", "c"]


async def test_failing_dependency_of_a_skipped_node_fails_the_run(way):
    with pytest.raises(ValueError, match="boom"):
        await run(way, f().after(noop(boom()).run_if(False)))


async def test_skipped_node_takes_no_constraint_retry_or_cache(way):
    class Cache:
        asked = 0

        async def get(self, key):
            self.asked += 1
            return cs.MISSING

        async def set(self, key, value):
            self.asked += 1

    cache = Cache()
    node = boom().with_cache(cache).with_constraints(gpu=1).with_retry(3).run_if(False)

    assert await run(way, noop(1).with_constraints(gpu=1).after(node), resources={"gpu": 1}) == 1
    assert cache.asked == 0


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("reason", [CONDITION_FALSE, UPSTREAM_SKIPPED])
async def test_resource_is_not_opened_for_a_skipped_node(way, reason, is_async):
    opened = []

    def opens():
        opened.append("db")
        yield

    async def opens_later():
        opened.append("db")
        yield

    node = boom(cs.inject("db"), noop().run_if(reason == CONDITION_FALSE))
    target = noop(1).after(node.run_if(reason == UPSTREAM_SKIPPED))
    resources = {"db": cs.resource(opens_later if is_async else opens)}

    assert await run(way, target, resources=resources) == 1
    assert opened == []


async def test_bare_call_that_equals_a_skipped_pure_one_runs(way):
    """Skipped calls are not merged."""
    ran = []
    pure = cs.task(lambda: ran.append(1) or 7, pure=True, name="pure")

    assert await run(way, f(pure()).after(pure().run_if(False))) == (7,)
    assert ran == [1]


async def test_skipped_nodes_are_told_again_in_each_run(engine, log):
    for _ in range(2):
        await engine.run(f().after(noop().run_if(False)))

    assert skips(log) == [("noop", CONDITION_FALSE)] * 2


# -- the target -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "task", "reason"),
    [
        (lambda: noop().run_if(False), "noop", CONDITION_FALSE),
        (lambda: noop().run_if(noop(0)), "noop", CONDITION_FALSE),
        (lambda: later().run_if(later(0)), "later", CONDITION_FALSE),
        (lambda: f(noop().run_if(False)), "f", UPSTREAM_SKIPPED),
        (lambda: noop.map(x=[1]).run_if(False), "noop.map", CONDITION_FALSE),
        (lambda: cs.Param("p").run_if(False), "Param", CONDITION_FALSE),
        (lambda: cs.inject("db").run_if(False), "inject", CONDITION_FALSE),
        (lambda: cs.select(1, {1: noop()}).run_if(False), "select", CONDITION_FALSE),
    ],
)
async def test_skipped_target_raises_dependency_missing(way, make, task, reason):
    with pytest.raises(cs.DependencyMissingError) as caught:
        await run(way, make(), resources={"db": lambda: boom.fn()})

    assert (caught.value.task, caught.value.reason) == (task, reason)
    assert str(caught.value) == f"target {task!r} has no value, it was skipped: {reason}"


async def test_skipped_target_of_a_later_iteration_raises(way):
    loop = cs.task(lambda n: loop(n - 1).run_if(n > 1), name="loop")
    engine = engine_of(way)

    with pytest.raises(cs.DependencyMissingError):
        await engine.run(loop(3), use_vm=way == "vm")
    assert (engine.stats.iterations, engine.stats.executions) == (4, 3)


@pytest.mark.parametrize("reason", [CONDITION_FALSE, UPSTREAM_SKIPPED])
async def test_skipped_target_of_a_sub_graph_raises(way, reason):
    skipped = noop().run_if(False)
    expand = cs.task(lambda: skipped if reason == CONDITION_FALSE else noop(skipped))

    with pytest.raises(cs.DependencyMissingError) as caught:
        await run(way, f(expand()))
    assert caught.value.reason == reason


async def test_skipped_target_ends_the_run_as_failed_after_its_dependencies(engine, log):
    with pytest.raises(cs.DependencyMissingError):
        await engine.run(f(noop()).run_if(False))

    assert log.finished() == [("noop", "ok")]
    assert log.kinds()[-2:] == ["TaskSkipped", "RunFinished"]
    assert log.events[-1].status == "failed"


async def test_engine_is_usable_after_a_skipped_target(way):
    engine = engine_of(way)

    with pytest.raises(cs.DependencyMissingError):
        await engine.run(noop(1).run_if(False), use_vm=way == "vm")
    assert await engine.run(noop(1).run_if(True), use_vm=way == "vm") == 1


# -- conditions that raise ------------------------------------------------------------------------


@pytest.mark.parametrize("make", [boom, lambda: later(boom())])
async def test_raising_condition_fails_the_run(way, make):
    ran = []

    with pytest.raises(ValueError, match="boom"):
        await run(way, f().after(noting(ran, "node")().run_if(make())))
    assert ran == []


async def test_condition_without_a_truth_fails_the_run_with_a_note(way):
    ran = []
    node = noting(ran, "node")().run_if(noop(Undecided()))

    with pytest.raises(RuntimeError, match="no truth") as caught:
        await run(way, noop().after(node))
    assert caught.value.__notes__ == ["in task 'node' at noop.after()"]
    assert ran == []


async def test_condition_without_a_truth_cancels_siblings_first(engine, log):
    @cs.task
    async def wait():
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="no truth"):
        await engine.run(f(wait(), later().run_if(later(Undecided()))))
    assert ("wait", "cancelled") in log.finished()
    assert log.events[-1].status == "failed"


# -- order ----------------------------------------------------------------------------------------


async def test_after_keeps_order_along_a_chain(way):
    ran = []
    node = None
    for n in range(20):
        step = noting(ran, str(n))()
        node = step if node is None else step.after(node)

    await run(way, node)

    assert ran == [str(n) for n in range(20)]


async def test_after_an_async_node_waits_for_its_end(way):
    ran = []

    @cs.task
    async def slow():
        for _ in range(5):
            await asyncio.sleep(0)
        ran.append("slow")

    await run(way, noting(ran, "next")().after(slow()))

    assert ran == ["slow", "next"]


async def test_after_waits_for_the_sub_graph_a_node_returns(way):
    ran = []

    @cs.task
    async def inner():
        await asyncio.sleep(0)
        ran.append("inner")

    expand = cs.task(lambda: inner())

    await run(way, noting(ran, "next")().after(expand()))

    assert ran == ["inner", "next"]


async def test_after_passes_no_value(way):
    received = []
    take = cs.task(lambda *args: received.append(args))

    await run(way, take(1).after(noop(2), noop(3)))

    assert received == [(1,)]


async def test_chain_of_after_stops_at_a_failure(way):
    ran = []
    chain = noting(ran, "c")().after(noting(ran, "b")().after(boom().after(noting(ran, "a")())))

    with pytest.raises(ValueError, match="boom"):
        await run(way, chain)
    assert ran == ["a"]


async def test_after_adds_to_what_was_there(way):
    ran = []
    first, second = noting(ran, "first")(), noting(ran, "second")()

    await run(way, noting(ran, "node")().after(first).after(second))

    assert sorted(ran[:2]) == ["first", "second"]
    assert ran[2:] == ["node"]


async def test_after_the_same_call_twice_runs_it_once(way):
    ran = []
    first = noting(ran, "first")()

    await run(way, noop().after(first, first).after(first))

    assert ran == ["first"]


async def test_call_after_its_own_dependency_runs_it_once(way):
    ran = []
    first = noting(ran, "first", 4)()

    assert await run(way, noop(first).after(first)) == 4
    assert ran == ["first"]


async def test_call_after_the_call_it_was_made_from_runs_both(way):
    ran = []
    once = noting(ran, "node")()

    await run(way, once.after(once))

    assert ran == ["node", "node"]


async def test_after_works_on_inputs(way):
    ran = []
    target = cs.Param("p", default=3).after(noting(ran, "first")())

    assert await run(way, target) == 3
    assert ran == ["first"]


# -- options replace and return new calls ---------------------------------------------------------

OPTIONS = {
    "after": lambda x: x.after(noop()),
    "after_nothing": lambda x: x.after(),
    "run_if": lambda x: x.run_if(True),
    "with_retry": lambda x: x.with_retry(2),
    "with_timeout": lambda x: x.with_timeout(1),
    "with_cache": lambda x: x.with_cache(cs.MemoryCache()),
    "with_constraints": lambda x: x.with_constraints(gpu=1),
    "without_constraints": lambda x: x.with_constraints(),
}


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_option_returns_a_new_call_and_leaves_the_old_one_alone(option):
    call = later(noop(1))
    before = cs.build_graph(call).structure

    new = option(call)

    assert new is not call
    assert (new.task, new.args, new.kwargs) == (call.task, call.args, call.kwargs)
    assert cs.build_graph(call).structure == before


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
async def test_call_with_an_option_is_another_call_than_without(way, option):
    ran = []

    @cs.task
    async def node():
        ran.append(1)

    plain = node()

    await run(way, f(plain, option(plain)), resources={"gpu": 1})

    assert ran == [1, 1]


async def test_second_run_if_replaces_the_first(way):
    assert await run(way, noop(1).run_if(False).run_if(True)) == 1
    with pytest.raises(cs.DependencyMissingError):
        await run(way, noop(1).run_if(True).run_if(False))


async def test_condition_that_was_replaced_is_no_node(engine):
    await engine.run(noop(1).run_if(boom()).run_if(True))

    assert engine.stats.tasks == {"noop": 1}


def test_lazy_results_cannot_be_changed():
    call = noop(1)

    for name in ("task", "args", "kwargs", "anything"):
        with pytest.raises(AttributeError):
            setattr(call, name, 1)


def test_keyword_arguments_of_a_call_are_read_only():
    call = f(k=1)

    with pytest.raises(TypeError):
        call.kwargs["k"] = 2
    assert call.kwargs == {"k": 1}


@pytest.mark.parametrize("wrong", [1, None, "x", noop, [noop()], noop.tail()])
def test_after_refuses_what_is_no_lazy_result(wrong):
    with pytest.raises(TypeError, match=r"^after needs lazy results, got "):
        noop().after(noop(), wrong)


@pytest.mark.parametrize("wrong", [1, 0, None, "x", noop, [], noop.tail()])
def test_run_if_refuses_what_is_neither_bool_nor_lazy(wrong):
    with pytest.raises(TypeError, match=r"^run_if needs a bool or a lazy result, got "):
        noop().run_if(wrong)


def test_refused_option_leaves_the_call_alone():
    call = noop().run_if(True)

    with pytest.raises(TypeError):
        call.run_if("x")
    assert cs.build_graph(call).structure == cs.build_graph(noop().run_if(True)).structure


def test_lazy_result_has_no_truth_value():
    with pytest.raises(TypeError, match="no truth value"):
        bool(noop().run_if(True))


# -- structures -----------------------------------------------------------------------------------


@cs.task
def p():
    return True


@cs.task
def q():
    return False


async def test_literal_conditions_share_a_plan_and_each_does_what_it_says(way):
    engine = engine_of(way)
    ran = []
    node = cs.task(lambda c: ran.append(c))

    for condition in (True, False, True, False):
        await engine.run(noop().after(node(condition).run_if(condition)), use_vm=way == "vm")

    assert engine.stats.resolves == 1
    assert ran == [True, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: noop().run_if(p()), lambda: noop().run_if(q())),
        (lambda: noop().run_if(p()), lambda: noop().run_if(True)),
        (lambda: noop().run_if(True), lambda: noop()),
        (lambda: noop().after(p()), lambda: noop().after(q())),
        (lambda: noop().after(p(), q()), lambda: noop().after(q(), p())),
        (lambda: noop().after(p()), lambda: noop().run_if(p())),
        (lambda: noop().after(p()), lambda: noop(p())),
        (lambda: noop().after(p()), lambda: noop()),
        (lambda: noop().after(p(), p()), lambda: noop().after(*[p()] * 2)),
    ],
)
def test_condition_and_order_are_part_of_the_structure(one, other):
    assert cs.build_graph(one()).structure != cs.build_graph(other()).structure


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: noop().after(), lambda: noop()),
        (lambda: noop().run_if(q()).run_if(p()), lambda: noop().run_if(p())),
        (lambda: noop().after(p()).after(q()), lambda: noop().after(p(), q())),
        (lambda: noop(1).run_if(True), lambda: noop(2).run_if(False)),
        (lambda: noop().after(p()).run_if(True), lambda: noop().run_if(True).after(p())),
    ],
)
def test_same_wiring_is_the_same_structure(one, other):
    assert cs.build_graph(one()).structure == cs.build_graph(other()).structure


async def test_other_condition_task_is_never_replayed_from_a_cached_plan(way):
    engine = engine_of(way)

    assert await engine.run(noop(1).run_if(p()), use_vm=way == "vm") == 1
    with pytest.raises(cs.DependencyMissingError):
        await engine.run(noop(1).run_if(q()), use_vm=way == "vm")


def test_call_that_comes_first_twice_is_named_once():
    first = p()

    twice = cs.build_graph(noop().after(first, first).after(first))

    assert twice.structure == cs.build_graph(noop().after(first)).structure


def test_edges_of_conditions_and_order_have_their_kind():
    first, condition = p(), q()

    graph = cs.build_graph(noop(1).after(first).run_if(condition))

    kinds = {(graph.nodes[edge.source].name, edge.kind) for edge in graph.edges}
    assert kinds == {("p", "sequence"), ("q", "condition")}
