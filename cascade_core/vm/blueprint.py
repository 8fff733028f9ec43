"""The blueprint: a planned graph, ready to run.

The one executable form of a graph. ``machine.py`` runs it straight through where every task is a
plain local function; ``program.py`` writes it out as Python code once it has been used often enough
to pay for that; the scheduler runs it where nodes have to be awaited or watched. It holds tasks and
positions, never argument values.

A node is named by its *position* in the graph or by its *rank* in plan order. Registers are indexed
by position, everything that goes on in plan order by rank.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any, NamedTuple, final

from cascade_core.define.task import Task
from cascade_core.graph.decode import Call
from cascade_core.graph.model import Graph, Node, arguments
from cascade_core.vm.steps import Registers, steps_of

CHUNK = 32
"""The clock is looked at after so many nodes."""


class _Mark:
    """A register's content that is no value; compared by identity."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


PENDING = _Mark("PENDING")
"""The result is not there yet."""

SKIPPED = _Mark("SKIPPED")
"""There is no result: the node did not run."""


class Links(NamedTuple):
    """Who waits for whom in a blueprint, by rank. A select waits for a route once it is chosen."""

    waits: list[int]
    """For how many nodes each waits at first."""
    dependents: list[tuple[int, ...]]
    """The nodes that wait for each at first."""
    prunable: frozenset[int]
    """The nodes that only routes need."""


@final
class Blueprint:
    """A planned graph, ready to run.

    Attributes:
        graph: What it was compiled from.
        rows: Where the arguments of each node come from, by position.
        order: The positions of the graph's nodes in plan order.
        slots: How many inputs a frame has.
        last: The rank of the last node: the target, for all others lead to it.
        tasks: How many nodes each task has.
        straight: Whether it can run without awaiting: every task is sync and local.
        steps: What there is to a node beyond its call, by rank; None if all are bare calls.
        work: Executions of one complete frame by task name, if all its nodes are bare calls.
    """

    def __init__(self, graph: Graph, order: tuple[int, ...], slots: int) -> None:
        self.graph = graph
        self.rows = graph.structure.decoded.rows
        self.order = order
        self.slots = slots
        self.last = len(order) - 1
        self.tasks = Counter(graph.tasks)
        self.steps = steps_of(graph, order)
        self.straight = self.steps is None and not any(
            task.is_async or task.run_on != "local" for task in self.tasks
        )
        self.work: Counter[str] = Counter()
        for task, count in self.tasks.items():
            self.work[task.name] += count

    def registers(self, inputs: list[Any]) -> Registers:
        """The registers of a new frame, no node of which has run."""
        return [PENDING] * len(self.order) + inputs[::-1]

    def arguments(self, rank: int, registers: Registers) -> tuple[list[Any], dict[str, Any]]:
        """What to call the node at ``rank`` with."""
        row = self.rows[self.order[rank]]
        if isinstance(row, Call):
            return arguments(row, registers.__getitem__)
        return [registers[source] for source in row], {}

    def task(self, rank: int) -> Task[Any]:
        """The task of the node at ``rank``."""
        return self.graph.tasks[self.order[rank]]

    def node(self, rank: int) -> Node:
        """The node at ``rank``."""
        return self.graph.nodes[self.order[rank]]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Task names by rank."""
        return tuple([self.graph.tasks[position].name for position in self.order])

    @cached_property
    def ranks(self) -> list[int]:
        """The rank of each node by position."""
        ranks = [0] * len(self.order)
        for rank, position in enumerate(self.order):
            ranks[position] = rank
        return ranks

    @cached_property
    def links(self) -> Links:
        """Who waits for whom. Made when first asked for: a straight run needs none of it."""
        ranks = self.ranks
        needed = [self.graph.firm_dependencies[position] for position in self.order]
        found: dict[int, list[int]] = {}
        for rank, sources in enumerate(needed):
            for source in sources:
                found.setdefault(ranks[source], []).append(rank)
        # Tuples of numbers are nothing for the garbage collector to look at.
        dependents = [tuple(found.pop(rank, ())) for rank in range(len(needed))]
        prunable = frozenset([ranks[position] for position in self.graph.prunable])
        return Links(list(map(len, needed)), dependents, prunable)

    def firm_sources(self, rank: int) -> list[int]:
        """The ranks that a node waits for whatever is selected, each once."""
        return [self.ranks[p] for p in self.graph.firm_dependencies[self.order[rank]]]

    def listing(self) -> str:
        """The blueprint as text, one line per node, ``d0 d1 ...`` being the inputs."""
        calls = self.graph.structure.calls
        names = {~slot: f"d{slot}" for slot in range(self.slots)}
        names |= {position: f"r{rank}" for rank, position in enumerate(self.order)}
        lines = []
        for rank, position in enumerate(self.order):
            call = calls[position]
            sources = [f"{label}={_text(arg, names)}" for label, arg in call.arguments()]
            options = [f"{label}{names[source]})" for label, source in call.options.labelled()]
            lines.append(f"r{rank} = {self.names[rank]}({', '.join(sources)}){''.join(options)}")
        return "\n".join(lines) + "\n"


def _text(argument: Any, names: dict[int, str]) -> str:
    if isinstance(argument, int):
        return names[argument]
    inside = ", ".join(names[part] for part in argument if isinstance(part, int))
    return f"{argument[-1].type.__name__}<{inside}>"
