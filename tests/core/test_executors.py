"""Executors: users' own, those that take whole plans, and places tasks ask for."""

from __future__ import annotations

import asyncio

import pytest
from fakes import EventLog, RecordingExecutor, WholePlanExecutor

import cascade_core as cs


@cs.task
def add(a, b=0):
    return a + b


@cs.task
async def later(x):
    await asyncio.sleep(0)
    return x


@cs.task
def countdown(n):
    return "done" if n == 0 else countdown(n - 1)


def on(place):
    return cs.task(lambda x=1: x, run_on=place, name=f"on_{place}")


@pytest.mark.parametrize("executor", [cs.LocalExecutor(), RecordingExecutor(), WholePlanExecutor()])
def test_executors_fit_the_protocol(executor):
    assert isinstance(executor, cs.Executor)


async def test_every_node_goes_through_a_users_executor():
    executor = RecordingExecutor()
    engine = cs.Engine(executor=executor)

    assert await engine.run(add(add(1, b=2), later(4))) == 7
    assert executor.calls == [("add", (1, 2), {}), ("later", (4,), {}), ("add", (3, 4), {})]


async def test_executor_gets_keyword_only_arguments_by_name():
    executor = RecordingExecutor()
    named = cs.task(lambda *, k, **more: (k, more))

    value = await cs.Engine(executor=executor).run(named(k=add(1), x=2))

    assert value == (1, {"x": 2})
    assert executor.calls[-1][1:] == ((), {"k": 1, "x": 2})


async def test_loop_through_a_users_executor_counts_alike():
    engine, plain = cs.Engine(executor=RecordingExecutor()), cs.Engine()
    for each in (engine, plain):
        await each.run(countdown(50))

    assert engine.stats.as_dict() == plain.stats.as_dict()


async def test_lazy_result_that_an_executor_returns_is_run():
    expand = cs.task(lambda: add(1, 2))

    assert await cs.Engine(executor=RecordingExecutor()).run(add(expand(), 1)) == 4


async def test_exception_of_an_executor_fails_the_node():
    class Broken:
        async def execute(self, node, args, kwargs):
            raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone") as caught:
        await cs.Engine(executor=Broken()).run(add(1))
    assert caught.value.__notes__ == ["in task 'add' at target"]


async def test_local_executor_awaits_what_has_to_be_awaited():
    local = cs.LocalExecutor()
    nodes = [cs.build_graph(make(1)).nodes[0] for make in (add, later, cs.task(lambda x: _one()))]

    assert [await local.execute(node, [1], {}) for node in nodes] == [1, 1, 1]


async def _one():
    return 1


def test_executor_without_execute_is_refused():
    with pytest.raises(TypeError, match="executor must have a method 'execute', got 3"):
        cs.Engine(executor=3)


# -- whole plans ----------------------------------------------------------------------------------


async def test_executor_of_whole_plans_gets_one_plan_per_iteration():
    executor = WholePlanExecutor()
    engine = cs.Engine(executor=executor)

    assert await engine.run(countdown(5)) == "done"
    assert (executor.plans, engine.stats.iterations, engine.stats.resolves) == (6, 6, 1)


async def test_executor_of_whole_plans_makes_arguments_from_inputs():
    collect = cs.task(lambda *xs, **more: (xs, more))

    value = await cs.Engine(executor=WholePlanExecutor()).run(
        collect("l", [add(1, 2), "x"], cs.quote((1,)), k={"a": later(5)})
    )

    assert value == (("l", [3, "x"], (1,)), {"k": {"a": 5}})


async def test_all_nodes_of_a_handed_over_plan_count_as_begun():
    engine = cs.Engine(executor=WholePlanExecutor())

    await engine.run(add(add(1), later(2)))

    assert engine.stats.tasks == {"add": 2, "later": 1}


async def test_failure_in_a_handed_over_plan_leaves_the_engine_usable():
    engine = cs.Engine(executor=WholePlanExecutor())
    boom = cs.task(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        await engine.run(boom())
    assert await engine.run(add(1)) == 1


# -- places ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["thread", "process", "cluster"])
async def test_place_that_the_executor_does_not_have_is_refused(engine, place):
    with pytest.raises(cs.GraphError, match=f"asks to run on {place}, but .* LocalExecutor has"):
        await engine.run(add(on(place)()))
    assert engine.stats.runs == 0


async def test_place_is_refused_each_time_not_only_cold(engine):
    for _ in range(2):
        with pytest.raises(cs.GraphError):
            await engine.run(on("thread")())


async def test_place_that_the_executor_names_is_taken():
    executor = RecordingExecutor(places=frozenset({"thread"}))

    assert await cs.Engine(executor=executor).run(add(on("thread")(4))) == 4
    assert [name for name, *_ in executor.calls] == ["on_thread", "add"]


async def test_place_is_refused_in_a_tail_call_before_it_runs(engine):
    ran = []
    elsewhere = cs.task(lambda: ran.append(1), run_on="thread")
    start = cs.task(lambda: elsewhere())

    with pytest.raises(cs.GraphError, match="asks to run on thread"):
        await engine.run(start())
    assert ran == []


async def test_place_is_refused_although_another_engine_planned_it():
    able = cs.Engine(executor=RecordingExecutor(places=frozenset({"thread"})))
    unable = cs.Engine(plan_cache=able.plan_cache)
    elsewhere = on("thread")
    start = cs.task(lambda: elsewhere())

    await able.run(start())
    with pytest.raises(cs.GraphError, match="asks to run on thread"):
        await unable.run(start())


async def test_listener_and_executor_go_together():
    engine = cs.Engine(executor=RecordingExecutor())
    log = EventLog(engine)

    await engine.run(add(later(1)))

    assert log.finished() == [("later", "ok"), ("add", "ok")]


async def test_executor_of_whole_plans_says_that_it_cannot_run_a_returned_call():
    expand = cs.task(lambda: add(1), name="expand")
    engine = cs.Engine(executor=WholePlanExecutor())

    with pytest.raises(cs.GraphError, match=r"node 'expand' returned <LazyResult add\(1, 0\)>"):
        await engine.run(add(expand(), 1))


@pytest.mark.parametrize(
    "target",
    [
        lambda: add(add(1).with_retry(2)),
        lambda: add(cs.Param("p", 1)),
        lambda: add(cs.task(pure=True)(add.fn)(1)),
        lambda: add(1).run_if(True),
    ],
    ids=["option", "input", "pure", "target"],
)
async def test_graph_of_more_than_plain_calls_goes_node_by_node(target):
    executor = WholePlanExecutor()
    engine = cs.Engine(executor=executor)

    assert await engine.run(target()) == 1
    assert executor.plans == 0
    assert executor.calls
