"""Steps: how a node is to be treated that is more than a bare call, by registers.

A blueprint has steps only if one of its nodes has options, is pure, or is no execution. All places
are registers of the frame: data slots first, then results by rank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from cascade_core.define.task import Kind
from cascade_core.graph.decode import Argument, Call, parts_of
from cascade_core.graph.model import Graph, assemble

Registers: TypeAlias = list[Any]


class Route(NamedTuple):
    """One argument of a select that is made by itself: its selector, or a route."""

    results: tuple[int, ...]
    """The results it is made of, each once."""
    injected: tuple[int, ...]
    """Those of them that are injected resources."""
    value: Callable[[Registers], Any]
    """Makes its value once they are there."""


class Step(NamedTuple):
    """What is to be looked at before, while and after a node runs; absent options are None."""

    kind: Kind
    pure: bool
    condition: int | None
    retry: int | None
    timeout: int | None
    cache: int | None
    constraints: tuple[tuple[str, int], ...]
    results: tuple[int, ...]
    """Results that it needs the value of: where one was skipped, it is skipped too."""
    injected: tuple[int, ...]
    """Those of them that are injected resources, but for the condition's."""
    routes: tuple[Route, ...]
    """Of a select: its selector first, then its routes in order, the default last."""

    @property
    def is_managed(self) -> bool:
        """Whether its call is retried, timed, cached or limited."""
        has_one = self.retry, self.timeout, self.cache
        return any(option is not None for option in has_one) or bool(self.constraints)


def steps_of(
    graph: Graph, order: tuple[int, ...], register: Mapping[int, int]
) -> tuple[Step, ...] | None:
    """The steps of a graph's nodes in plan order; None if all of them are bare calls.

    Args:
        graph: What the plan is for.
        order: Positions of the graph's nodes in plan order.
        register: Where each source is: ``~slot`` and positions to registers.
    """
    nodes, calls = graph.nodes, graph.structure.calls
    if not any(n.task.kind != "call" or n.task.pure for n in nodes) and not any(
        any(True for _ in call.options.labelled()) for call in calls
    ):
        return None
    injected = {p for p, node in enumerate(nodes) if node.task.kind == "inject"}
    return tuple(_step(calls[p], nodes[p].task.pure, register, injected) for p in order)


def _step(call: Call, pure: bool, register: Mapping[int, int], injected: set[int]) -> Step:
    options = call.options
    is_select = call.identity.kind == "select"
    needed = list(parts_of(call.args[0]) if is_select else call.parts())
    needed += [source for _, source in options.constraints]
    condition = options.condition
    routes = tuple(_route(arg, register, injected) for arg in call.args) if is_select else ()

    def place(source: int | None) -> int | None:
        return None if source is None else register[source]

    return Step(
        kind=call.identity.kind,
        pure=pure,
        condition=place(condition),
        retry=place(options.retry),
        timeout=place(options.timeout),
        cache=place(options.cache),
        constraints=tuple((name, register[source]) for name, source in options.constraints),
        results=_results([*needed, *([] if condition is None else [condition])], register),
        injected=_results([s for s in needed if s in injected], register),
        routes=routes,
    )


def _route(argument: Argument, register: Mapping[int, int], injected: set[int]) -> Route:
    parts = list(parts_of(argument))

    def value(registers: Registers) -> Any:
        return assemble(argument, lambda source: registers[register[source]])

    opened = [source for source in parts if source in injected]
    return Route(_results(parts, register), _results(opened, register), value)


def _results(sources: Iterable[int], register: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(register[source] for source in dict.fromkeys(sources) if source >= 0)
