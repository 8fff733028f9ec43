"""Graphs of known value: what solvers order, and what executors run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NamedTuple

from cascade_core._conformance.tasks import collect, combine, echo, on
from cascade_core.define.inputs import Env, Param, select
from cascade_core.define.lazy import LazyResult

SLOTS = "slots"
RESOURCES = {SLOTS: 2}
"""What engines need that run these graphs."""

UNKNOWN = "CASCADE_CORE_CONFORMANCE_UNKNOWN"
"""The name of a parameter and of an environment variable that nobody sets."""


class Made(NamedTuple):
    """A lazy result and the value it must come to."""

    lazy: LazyResult[Any]
    value: Any


class Sample(NamedTuple):
    """A graph that can be made again and again."""

    name: str
    """What it is, for messages."""
    make: Callable[[], Made]
    """Makes it of new lazy results."""


def call(label: str, *dependencies: Made) -> Made:
    """A call of ``combine``, and its value by plain Python."""
    lazy = on("local", combine)(label, *[made.lazy for made in dependencies])
    return Made(lazy, combine(label, *[made.value for made in dependencies]))


def _chain(length: int) -> Made:
    """Each call depends on the one before."""
    made = call("first")
    for _ in range(length - 1):
        made = call("next", made)
    return made


def _diamond() -> Made:
    """One call, two that need it, and one that needs these."""
    top = call("top")
    return call("bottom", call("left", top), call("right", top))


def _fan_in(width: int) -> Made:
    """One call that needs many."""
    return call("all", *[call(f"leaf {number}") for number in range(width)])


def _shared() -> Made:
    """One call passed twice, beside an equal one that is another."""
    one = call("twin")
    return call("three", one, one, call("twin"))


def _towers() -> Made:
    """Two chains that have nothing to do with each other until the end."""
    return call("both", _chain(4), _chain(3))


def _uneven() -> Made:
    """A call that is near the target and far below it as well."""
    base = call("base")
    return call("end", base, call("high", call("middle", base)), call("late", base))


def _ladder(rungs: int) -> Made:
    """Each rung needs the two below: as many paths as Fibonacci's numbers."""
    below, made = call("ground"), call("rung 0")
    for number in range(1, rungs):
        below, made = made, call(f"rung {number}", made, below)
    return made


def _in_containers() -> Made:
    """Calls inside lists and dicts, and as keyword arguments."""
    one, two = call("one"), call("two")
    lazy = on("local", collect)([one.lazy, {"k": two.lazy}], "data", named=(one.lazy, 3))
    return Made(lazy, collect([one.value, {"k": two.value}], "data", named=(one.value, 3)))


def _ordered() -> Made:
    """Calls that wait for others whose values they do not need."""
    first, second = call("first"), call("second")
    later = Made(call("later").lazy.after(first.lazy, second.lazy), combine("later"))
    last = Made(call("last", later).lazy.after(first.lazy), combine("last", later.value))
    return call("end", last, second)


def _conditional() -> Made:
    """A call that waits for its condition, and one that needs it."""
    condition = on("local", echo)(True)
    made = Made(call("if").lazy.run_if(condition).after(call("before").lazy), combine("if"))
    return call("end", made, Made(condition, True))


def _limited() -> Made:
    """Calls that wait for the amount of a resource they may hold."""
    amount = on("local", echo)(1)
    calls = [call(f"limited {number}") for number in range(3)]
    return call("end", *[Made(c.lazy.with_constraints(**{SLOTS: amount}), c.value) for c in calls])


def _selected() -> Made:
    """A select of three routes, one of which a call needs that runs anyway."""
    key, shared = on("local", echo)("b"), call("shared")
    routes = {"a": call("a", shared), "b": call("b", shared), "c": call("c", call("only for c"))}
    lazy = select(key, {k: m.lazy for k, m in routes.items()}, default=call("else").lazy)
    return call("end", Made(lazy, routes["b"].value), shared)


def _mapped() -> Made:
    """A map over what a call gives."""
    labels = ["x", "y"]
    lazy = on("local", collect)(on("local", combine).map(label=on("local", echo)(labels)))
    return Made(lazy, collect([combine(label) for label in labels]))


def _inputs() -> Made:
    """A parameter and a variable that nobody gives, with calls as defaults."""
    one, two = call("one"), call("two")
    return call(
        "end",
        Made(Param(UNKNOWN, default=one.lazy), one.value),
        Made(Env(UNKNOWN, default=two.lazy), two.value),
    )


def _all_options() -> Made:
    """A call with every option, and another that shares what it waits for."""
    condition, amount, before = on("local", echo)(True), on("local", echo)(2), call("before")
    lazy = call("optional", before).lazy.after(before.lazy).run_if(condition).with_retry(2)
    made = Made(lazy.with_constraints(**{SLOTS: amount}), combine("optional", before.value))
    return call("end", made, Made(amount, 2), before)


def _random_graph(seed: int, size: int) -> Made:
    """Calls that need up to three earlier ones; the target needs what is left over."""
    random = Random(seed)
    calls: list[Made] = []
    unused: dict[int, Made] = {}
    for number in range(size):
        chosen = random.sample(range(number), min(number, random.randrange(4)))
        for other in chosen:
            unused.pop(other, None)
        calls.append(call(f"call {number}", *[calls[other] for other in chosen]))
        unused[number] = calls[-1]
    return call("target", *unused.values())


def random_samples(count: int, size: int) -> list[Sample]:
    """Random graphs of ``size`` calls and a target, the same ones each time."""
    return [
        Sample(f"random graph {seed}", partial(_random_graph, seed, size)) for seed in range(count)
    ]


SMALL = (
    Sample("one node", partial(call, "alone")),
    Sample("a chain of three", partial(_chain, 3)),
    Sample("a diamond", _diamond),
    Sample("a fan-in of ten", partial(_fan_in, 10)),
    Sample("a shared node beside its twin", _shared),
    Sample("two separate chains", _towers),
    Sample("a node near and far", _uneven),
    Sample("values in containers", _in_containers),
    Sample("a ladder of twelve rungs", partial(_ladder, 12)),
)
"""For parts that may take a moment for each node."""

OPTIONS = (
    Sample("calls after others", _ordered),
    Sample("a condition", _conditional),
    Sample("amounts of a resource", _limited),
    Sample("a select of four routes", _selected),
    Sample("a map", _mapped),
    Sample("defaults of inputs", _inputs),
    Sample("all options of a call", _all_options),
)
"""With edges of every kind; an engine for them needs ``RESOURCES``."""

LARGE = (
    Sample("a ladder of 100 rungs", partial(_ladder, 100)),
    Sample("a fan-in of 1,000", partial(_fan_in, 1_000)),
    Sample("a chain of 2,000", partial(_chain, 2_000)),
)
