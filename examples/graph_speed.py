"""What large graphs, async nodes and listeners cost, as ratios of one run.

Run it with ``python examples/graph_speed.py``, or with the number of rounds behind it.

``test_loop_performance.py`` measures loops, whose plan is found again and again. Here each graph is
made, planned and run once, on a new engine, so the whole way is in the clock. Each line holds ours
against a reference of the same round: the same functions called directly, the same coroutines
gathered by bare asyncio, a smaller graph, a loop that nobody listens to. Lines are medians over the
rounds. Every value is checked, for a graph that runs fast and wrong proves nothing. Let
``increment`` do ``return x + 2``, and in place of a first line comes:

    AssertionError: got 50015000, not 50005000
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import cascade_core as cs

NODES = 10_000
LARGE = 10 * NODES
SLEEPERS = 1_000
WIDTH = 100
ITERATIONS = 5_000


# -- the work, as plain functions ----------------------------------------------------------------


def increment(x):
    return x + 1


def join(a, b, c):
    return (a + b + c) % 1_000


def total(*xs):
    return sum(xs)


async def sleep(x):
    await asyncio.sleep(0.001)
    return x


def wide(nodes, call, add):
    return add(*[call(i) for i in range(nodes)])


def chain(nodes, call):
    x = 0
    for _ in range(nodes):
        x = call(x)
    return x


def choose_parents():
    """For each node of a lattice three distinct ones of the layer above; none in the first."""
    choose = random.Random(1234)
    layers = [range(first, first + WIDTH) for first in range(0, NODES - WIDTH, WIDTH)]
    below = [tuple(choose.sample(layer, 3)) for layer in layers for _ in range(WIDTH)]
    return [()] * WIDTH + below


PARENTS = choose_parents()


def lattice(call, combine, add):
    made = []
    for i, parents in enumerate(PARENTS):
        made.append(combine(*[made[p] for p in parents]) if parents else call(i))
    return add(*made[-WIDTH:])


async def gather():
    return total(*await asyncio.gather(*[sleep(i) for i in range(SLEEPERS)]))


# -- the same as tasks ---------------------------------------------------------------------------

lazy_increment, lazy_join, lazy_total, lazy_sleep = map(cs.task, (increment, join, total, sleep))


@cs.task
def countdown(n, dep):
    return countdown(n - 1, chain(11, lazy_increment)) if n else "done"


def run(target, engine=None):
    return RUNNER.run((engine or cs.Engine()).run(target))


def loop(engine):
    return run(countdown(ITERATIONS, chain(11, lazy_increment)), engine)


def heard_engine():
    engine = cs.Engine()
    engine.bus.subscribe(cs.Event, lambda event: None)
    return engine


# -- what is held against what -------------------------------------------------------------------


class Line(NamedTuple):
    """One line of the output."""

    text: str
    ours: Callable[[], Any]
    reference: Callable[[], Any]
    size: float = 1
    """How many times as much work ours is."""


LINES = [
    Line(
        f"wide, {NODES:,} nodes: speed over direct calls",
        lambda: run(wide(NODES, lazy_increment, lazy_total)),
        lambda: wide(NODES, increment, total),
    ),
    Line(
        f"lattice, {NODES:,} nodes with three parents each: speed over direct calls",
        lambda: run(lattice(lazy_increment, lazy_join, lazy_total)),
        lambda: lattice(increment, join, total),
    ),
    Line(
        f"wide, {LARGE:,} nodes: speed per node over {NODES:,}",
        lambda: run(wide(LARGE, lazy_increment, lazy_total)),
        lambda: run(wide(NODES, lazy_increment, lazy_total)),
        LARGE / NODES,
    ),
    Line(
        f"chain, {LARGE:,} nodes: speed per node over {NODES:,}",
        lambda: run(chain(LARGE, lazy_increment)),
        lambda: run(chain(NODES, lazy_increment)),
        LARGE / NODES,
    ),
    Line(
        f"{SLEEPERS:,} async nodes that sleep 1 ms: speed over bare asyncio",
        lambda: run(wide(SLEEPERS, lazy_sleep, lazy_total)),
        lambda: RUNNER.run(gather()),
    ),
    Line(
        "loop of 12 nodes with every event heard: speed over the same unheard",
        lambda: loop(heard_engine()),
        lambda: loop(cs.Engine()),
    ),
]

VALUES = {
    LINES[0].text: sum(range(1, NODES + 1)),
    LINES[1].text: lattice(increment, join, total),
    LINES[4].text: sum(range(SLEEPERS)),
    LINES[5].text: "done",
}


def seconds(function: Callable[[], Any], expected: Any) -> float:
    gc.collect()
    started = time.perf_counter()
    value = function()
    elapsed = time.perf_counter() - started
    if expected is not None and value != expected:
        raise AssertionError(f"got {value!r}, not {expected!r}")
    return elapsed


def bytes_per_node() -> float:
    """Peak memory of making, planning and running a wide graph."""
    run(wide(10, lazy_increment, lazy_total))
    gc.collect()
    tracemalloc.start()
    run(wide(NODES, lazy_increment, lazy_total))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / NODES


def main(rounds: int = 9) -> None:
    for line in LINES:
        expected = VALUES.get(line.text)
        ratios = [
            line.size * seconds(line.reference, expected) / seconds(line.ours, expected)
            for _ in range(rounds)
        ]
        print(f"{statistics.median(ratios):8.3f}  {line.text}")
    print(f"{bytes_per_node():8.0f}  bytes per node at peak: wide, {NODES:,} nodes")


RUNNER = asyncio.Runner()

if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
