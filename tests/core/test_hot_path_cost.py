"""What an iteration costs, counted: calls and opcodes, never time.

Each loop is run for n iterations and for twice as many, on an engine that has planned it before;
the difference by n is what one iteration costs. The numbers below are what it cost when they were
written down. A change that is meant renews them: the failure says what they are now.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

import cascade_core as cs
from cascade_core.plan import cache
from cascade_core.testing import bare_runs

N = 64
WIDE = 500
"""The nodes of a graph that is planned."""
WRITTEN = 1
INTERPRETED = sys.maxsize


class Loop(NamedTuple):
    """A loop, and how it is run."""

    make: Callable[[int], cs.LazyResult[Any]]
    use_vm: bool = False
    write_after: int = WRITTEN


@cs.task
def noop(dep=None):
    return "ok"


def chain() -> cs.LazyResult[Any]:
    """Eleven calls, one behind the other."""
    link = noop()
    for _ in range(10):
        link = noop(link)
    return link


@cs.task
def simple(n):
    return simple(n - 1) if n else "done"


@cs.task
def heavy(n, dep):
    return heavy(n - 1, chain()) if n else "done"


CHAIN = chain()


@cs.task
def stable(n, dep):
    return stable(n - 1, CHAIN) if n else "done"


@cs.task
def vm(n):
    return vm.tail(n - 1) if n else "done"


@cs.task
def total(*values):
    return len(values)


LOOPS = {
    "simple": Loop(simple),
    "heavy": Loop(lambda n: heavy(n, chain())),
    "stable": Loop(lambda n: stable(n, CHAIN)),
    "vm": Loop(vm, use_vm=True),
    "simple interpreted": Loop(simple, write_after=INTERPRETED),
    "heavy interpreted": Loop(lambda n: heavy(n, chain()), write_after=INTERPRETED),
    "stable interpreted": Loop(lambda n: stable(n, CHAIN), write_after=INTERPRETED),
    "vm interpreted": Loop(vm, use_vm=True, write_after=INTERPRETED),
}

CALLS = {
    "simple": 3,
    "heavy": 26,
    "stable": 14,
    "vm": 3,
    "simple interpreted": 32,
    "heavy interpreted": 114,
    "stable interpreted": 102,
    "vm interpreted": 31,
}
"""Calls of functions, those written in C too, in one iteration."""

OPCODES = {
    (3, 11): {
        "simple": 84,
        "heavy": 887,
        "stable": 322,
        "vm": 74,
        "simple interpreted": 590,
        "heavy interpreted": 2379,
        "stable interpreted": 2032,
        "vm interpreted": 556,
    },
    (3, 12): {
        "simple": 76,
        "heavy": 801,
        "stable": 283,
        "vm": 66,
        "simple interpreted": 555,
        "heavy interpreted": 2238,
        "stable interpreted": 1926,
        "vm interpreted": 524,
    },
    (3, 13): {
        "simple": 80,
        "heavy": 800,
        "stable": 282,
        "vm": 68,
        "simple interpreted": 541,
        "heavy interpreted": 2155,
        "stable interpreted": 1843,
        "vm interpreted": 506,
    },
}
"""Opcodes in one iteration, by minor version of Python."""

CALLS_TO_PLAN = 14.1
"""Calls for each node of a wide graph that is planned for the first time, and run."""

SLACK = 0.02
"""By how much more opcodes there may be."""
GAIN = 0.10
"""By how much fewer: then the numbers are to be renewed, so that the gain is kept."""


# -- counting -------------------------------------------------------------------------------------


async def calls_of(run: Callable[[], Awaitable[Any]]) -> int:
    """How many functions are called."""
    count = 0

    def profile(frame: Any, what: str, argument: Any) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        await run()
    finally:
        sys.setprofile(before)
    return count


async def opcodes_of(run: Callable[[], Awaitable[Any]]) -> int:
    """How many opcodes are executed in frames that begin meanwhile."""
    count = 0

    def trace(frame: Any, what: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        count += what == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        await run()
    finally:
        sys.settrace(before)
    return count


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nobody looks at each graph that is planned, as the plugin does, or at collected garbage."""
    gc.collect()
    gc.disable()
    try:
        with bare_runs():
            yield
    finally:
        gc.enable()


Count = Callable[[Callable[[], Awaitable[Any]]], Awaitable[int]]


def cost(name: str, count: Count) -> float:
    """What one iteration of a loop costs on a warm engine."""
    loop = LOOPS[name]

    async def of_one_iteration() -> float:
        engine = cs.Engine()
        runs = [lambda n=n: engine.run(loop.make(n), use_vm=loop.use_vm) for n in (N, 2 * N)]
        for run in runs * 2:  # plans, writes, and lets the interpreter specialise what it will
            await count(run)
        once, twice = [await count(run) for run in runs]
        return (twice - once) / N

    with undisturbed():
        return asyncio.run(of_one_iteration())


def meant(name: str, found: float) -> str:
    return f"{name}: now {found}; if the change is meant, renew the tables in {__file__}"


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of each loop in turn, its plans written out or not."""
    monkeypatch.setattr(cache, "WRITE_AFTER", LOOPS[request.param].write_after)
    return str(request.param)


# -- the guard ------------------------------------------------------------------------------------


def test_an_iteration_makes_as_many_calls_as_it_did(loop):
    found = cost(loop, calls_of)

    assert found == CALLS[loop], meant(f"calls of {loop!r}", found)


@pytest.mark.slow
def test_an_iteration_executes_as_many_opcodes_as_it_did(loop):
    version, slack, gain = sys.version_info[:2], SLACK, GAIN
    if version not in OPCODES:  # held to the newest that is known
        version, slack, gain = max(OPCODES), 0.25, 0.25
    known = OPCODES[version][loop]

    found = cost(loop, opcodes_of)

    low, high = known * (1 - gain), known * (1 + slack)
    assert low <= found <= high, meant(f"opcodes of {loop!r}", found)


def test_planning_a_node_takes_as_many_calls_as_it_did():
    """A difference once more: of graphs of so many nodes, and of twice as many."""

    async def of_one_node() -> float:
        counts = []
        for size in (WIDE, WIDE, 2 * WIDE):
            target = total(*[noop(number) for number in range(size)])
            counts.append(await calls_of(lambda t=target: cs.Engine().run(t)))
        return (counts[2] - counts[1]) / WIDE

    with undisturbed():
        found = asyncio.run(of_one_node())

    low, high = CALLS_TO_PLAN * (1 - GAIN), CALLS_TO_PLAN * 1.05
    assert low <= found <= high, meant("calls to plan a node", found)


def test_counting_twice_gives_the_same(monkeypatch):
    monkeypatch.setattr(cache, "WRITE_AFTER", WRITTEN)

    assert cost("heavy", calls_of) == cost("heavy", calls_of)
    assert cost("heavy", opcodes_of) == cost("heavy", opcodes_of)
