"""Tasks and parts of an engine as a user types them: held to be clean by type checkers, and run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import cascade_core as cs
from cascade_core.testing import check_cache_policy, check_executor, check_solver


@cs.task
def one() -> int:
    return 1


@cs.task
def add(a: int, b: int) -> int:
    return a + b


@cs.task
async def slowly(text: str) -> str:
    return text


@cs.task(name="loud", pure=True)
def shout(text: str) -> str:
    return text.upper()


@cs.task
def countdown(n: int, dep: str = "") -> cs.LazyResult[str] | str:
    return countdown(n - 1, dep=dep) if n else dep


@cs.task
async def tailing(n: int) -> cs.TailCall | str:
    return tailing.tail(n - 1) if n else "done"


@cs.task
def delegating() -> cs.LazyResult[int]:
    return add(one(), 1)


class Doubling:
    """Methods are tasks, too."""

    @cs.task
    def twice(self, n: int) -> int:
        return 2 * n


class Remembering:
    """A solver of a user."""

    def __init__(self) -> None:
        self.solver: cs.Solver = cs.NativeSolver()
        self.sizes: list[int] = []

    def resolve(self, graph: cs.Graph) -> cs.Plan:
        self.sizes.append(len(graph.nodes))
        return self.solver.resolve(graph)


class Calling:
    """An executor of a user."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def execute(self, node: cs.Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        self.names.append(node.name)
        made = node.task.fn(*args, **kwargs)
        return await made if inspect.isawaitable(made) else made


class Shelf:
    """A cache policy of a user."""

    def __init__(self) -> None:
        self.values: dict[bytes, Any] = {}

    async def get(self, key: bytes) -> Any:
        return self.values.get(key, cs.MISSING)

    async def set(self, key: bytes, value: Any) -> None:
        self.values[key] = value


@cs.resource
def database() -> dict[str, int]:
    return {"a": 1}


@cs.task
def look_up(database: Mapping[str, int], key: str) -> int:
    return database[key]


async def test_result_has_the_type_that_the_task_gives() -> None:
    engine: cs.Engine = cs.Engine()
    lazy: cs.LazyResult[int] = add(one(), b=2)
    total: int = await engine.run(lazy)
    text: str = await engine.run(slowly("a"))
    loud: str = await engine.run(shout(slowly("a")))
    several: list[int] = await engine.run(add.map(a=[1, 2], b=[3, 4]))

    assert (total, text, loud, several) == (3, "a", "A", [4, 6])
    assert add.name == "add"


def test_result_of_a_run_without_a_loop_has_its_type_too() -> None:
    total: int = cs.run(add(1, 2), use_vm=True, slice_ms=2.0)
    twice: int = cs.run(Doubling().twice(2))

    assert (total, twice) == (3, 4)


def test_options_of_a_call_keep_its_type() -> None:
    plain: cs.LazyResult[str] = slowly("a")
    chosen: cs.LazyResult[str] = (
        plain.with_retry(2).with_timeout(5).with_cache(cs.MemoryCache(ttl=5)).run_if(True)
    )
    last: cs.LazyResult[str] = chosen.after(one())

    text: str = cs.run(last)

    assert text == "a"


def test_loops_and_inputs_have_types() -> None:
    looped: str = cs.run(countdown(3, dep="done"))
    tailed: str = cs.run(tailing(3), use_vm=True)
    delegated: int = cs.run(delegating())
    given: Any = cs.run(cs.Param("name"), {"name": "a"})
    injected: int = cs.run(look_up(cs.inject("db"), "a"), resources={"db": database})
    chosen: Any = cs.run(cs.select("a", {"a": one(), "b": 2}))

    assert (looped, tailed, delegated) == ("done", "done", 2)
    assert (given, injected, chosen) == ("a", 1, 1)


async def test_parts_of_a_user_are_parts_of_an_engine() -> None:
    solver, executor, shelf = Remembering(), Calling(), Shelf()
    engine = cs.Engine(solver, executor, cs.MessageBus(), plan_cache=cs.PlanCache(max_plans=2))
    lazy: cs.LazyResult[int] = add(1, 2).with_cache(shelf)

    first: int = await engine.run(lazy)
    second: int = await engine.run(lazy)

    stats: cs.Stats = engine.stats
    entry: cs.PlanEntry = engine.plan_cache.entries()[0]
    assert first == second == 3
    assert solver.sizes == [1]
    assert executor.names == ["add"]
    assert (stats.resolves, entry.root) == (1, "add")


def test_parts_of_a_user_are_checked() -> None:
    check_solver(Remembering)
    check_executor(Calling)
    check_cache_policy(Shelf)


async def test_events_are_heard() -> None:
    engine = cs.Engine()
    seen: list[str] = []

    def hear(event: cs.TaskFinished) -> None:
        seen.append(event.task)

    engine.bus.subscribe(cs.TaskFinished, hear)
    await engine.run(one())

    assert seen == ["one"]


def test_graph_can_be_looked_at() -> None:
    graph: cs.Graph = cs.build_graph(add(one(), 2))
    names: list[str] = [node.name for node in graph.nodes]
    structure: cs.Structure = graph.structure

    assert sorted(names) == ["add", "one"]
    assert structure.digest


def test_errors_are_caught_by_their_type() -> None:
    with pytest.raises(cs.UnknownNameError) as caught:
        cs.run(cs.Param("name"))

    error: cs.CascadeError = caught.value
    assert "name" in str(error)
