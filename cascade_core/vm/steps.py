"""Steps: how a node is to be treated that is more than a bare call.

A blueprint has steps only if one of its nodes has options, is pure, or is no execution. All places
are sources, which are indexes of a frame's registers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from cascade_core.define.task import Kind
from cascade_core.graph.decode import Argument, Call, parts_of
from cascade_core.graph.model import Graph, assemble

Registers: TypeAlias = list[Any]
"""A frame: the result of each node by position, then the inputs, last one first. So a source is
the index of its register: positions count from the start, ``~slot`` from the end."""


class Route(NamedTuple):
    """One argument of a select that is made by itself: its selector, or a route."""

    results: tuple[int, ...]
    """The results it is made of, each once."""
    injected: tuple[int, ...]
    """Those of them that are injected resources."""
    argument: Argument
    """How its value is made of them."""

    def value(self, registers: Registers) -> Any:
        """Make its value; all results are there."""
        return assemble(self.argument, registers.__getitem__)


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


def steps_of(graph: Graph, order: tuple[int, ...]) -> tuple[Step, ...] | None:
    """The steps of a graph's nodes in plan order; None if all of them are bare calls.

    Args:
        graph: What the plan is for.
        order: Positions of the graph's nodes in plan order.
    """
    are_calls = all(task.kind == "call" and not task.pure for task in set(graph.tasks))
    if are_calls and not graph.structure.decoded.has_options:
        return None
    calls = graph.structure.calls
    injected = {p for p, task in enumerate(graph.tasks) if task.kind == "inject"}
    return tuple([_step(calls[p], graph.tasks[p].pure, injected) for p in order])


def _step(call: Call, pure: bool, injected: set[int]) -> Step:
    options = call.options
    is_select = call.identity.kind == "select"
    needed = list(parts_of(call.args[0]) if is_select else call.parts())
    needed += [source for _, source in options.constraints]
    condition = options.condition
    return Step(
        kind=call.identity.kind,
        pure=pure,
        condition=condition,
        retry=options.retry,
        timeout=options.timeout,
        cache=options.cache,
        constraints=options.constraints,
        results=_results([*needed, *([] if condition is None else [condition])]),
        injected=_results([s for s in needed if s in injected]),
        routes=tuple([_route(arg, injected) for arg in call.args]) if is_select else (),
    )


def _route(argument: Argument, injected: set[int]) -> Route:
    parts = list(parts_of(argument))
    return Route(
        _results(parts), _results([source for source in parts if source in injected]), argument
    )


def _results(sources: Iterable[int]) -> tuple[int, ...]:
    return tuple([source for source in dict.fromkeys(sources) if source >= 0])
