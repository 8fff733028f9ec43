"""The blueprint: a planned graph as instructions over registers.

The one executable form of a graph. ``machine.py`` runs it straight through where every task is a
plain local function; the scheduler runs the same blueprint where nodes have to be awaited or
somebody listens. It holds tasks and positions, never argument values.

Registers: first one per data slot of the structure (the inputs of an iteration), then one per
instruction, in plan order, for its result. So "the inputs, with results appended" is a frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, final

from cascade_core.graph.decode import Call
from cascade_core.graph.model import Graph, Node, assemble
from cascade_core.vm.steps import Registers, steps_of

Arguments: TypeAlias = tuple[Sequence[Any], dict[str, Any]]

DIRECT = 2
"""Up to so many arguments are named in the instruction itself."""
GATHER = DIRECT + 1
"""Mode of an instruction with more: ``first`` is the tuple of their registers."""
PACK = DIRECT + 2
"""Mode of an instruction with keywords or containers: ``first`` makes the arguments."""

CHUNK = 32
"""The clock is looked at after so many instructions."""


class Instruction(NamedTuple):
    """Call ``fn``; append the result. ``mode`` says where the arguments are."""

    fn: Callable[..., Any]
    mode: int
    """0, 1 or 2: the number of arguments; else GATHER or PACK."""
    first: Any = None
    """The first argument's register; or what GATHER and PACK need."""
    second: int = 0
    """The second argument's register."""

    def arguments(self, registers: Registers) -> Arguments:
        """The arguments to call with, read from the registers."""
        if self.mode == PACK:
            arguments: Arguments = self.first(registers)
            return arguments
        if self.mode == GATHER:
            return [registers[register] for register in self.first], {}
        return [registers[self.first], registers[self.second]][: self.mode] if self.mode else (), {}


class Links(NamedTuple):
    """Who waits for whom in a blueprint, by rank. A select waits for a route once it is chosen."""

    waits: list[int]
    """For how many nodes each waits at first."""
    dependents: list[list[int]]
    """The nodes that wait for each at first."""
    prunable: frozenset[int]
    """The nodes that only routes need."""


@final
class Blueprint:
    """A planned graph, ready to run.

    Attributes:
        graph: What it was compiled from.
        order: The positions of the graph's nodes in plan order; an instruction's index is its
            *rank*.
        instructions: One per node, in plan order.
        chunks: The instructions in pieces of at most CHUNK.
        slots: How many data slots come first in the registers.
        size: How many registers a finished frame has.
        straight: Whether it can run without awaiting: every task is sync and local.
        short: Whether it can besides without a look at the clock: it is one chunk.
        steps: What there is to a node beyond its call, by rank; None if all are bare calls.
        names: Task names by rank.
        work: Executions of one complete frame by task name, if all its nodes are bare calls.
    """

    __slots__ = (
        "_links",
        "_ranks",
        "chunks",
        "graph",
        "instructions",
        "names",
        "order",
        "short",
        "size",
        "slots",
        "steps",
        "straight",
        "work",
    )

    def __init__(self, graph: Graph, order: tuple[int, ...], slots: int) -> None:
        nodes = [graph.nodes[position] for position in order]
        self.graph = graph
        self.order = order
        self.slots = slots
        self.size = slots + len(order)
        register = {~slot: slot for slot in range(slots)}
        register |= {position: slots + rank for rank, position in enumerate(order)}
        self.instructions = tuple(_compile(graph, order, register))
        self.steps = steps_of(graph, order, register)
        self.chunks = tuple(
            self.instructions[start : start + CHUNK] for start in range(0, len(order), CHUNK)
        )
        self.straight = self.steps is None and not any(
            node.task.is_async or node.task.run_on != "local" for node in nodes
        )
        self.short = self.straight and len(self.chunks) == 1
        self.names = tuple(node.name for node in nodes)
        self.work = Counter(self.names)
        self._ranks = {position: rank for rank, position in enumerate(order)}
        self._links: Links | None = None

    def node(self, rank: int) -> Node:
        """The node behind the instruction at ``rank``."""
        return self.graph.nodes[self.order[rank]]

    @property
    def links(self) -> Links:
        """Who waits for whom. Made when first asked for: a straight run needs none of it."""
        if self._links is None:
            sources = [self.firm_sources(rank) for rank in range(len(self.order))]
            dependents: list[list[int]] = [[] for _ in self.order]
            for rank, needed in enumerate(sources):
                for source in needed:
                    dependents[source].append(rank)
            prunable = frozenset(self._ranks[position] for position in self.graph.prunable)
            self._links = Links([len(needed) for needed in sources], dependents, prunable)
        return self._links

    def firm_sources(self, rank: int) -> list[int]:
        """The ranks that a node waits for whatever is selected, each once."""
        call = self.graph.structure.calls[self.order[rank]]
        return [self._ranks[position] for position in dict.fromkeys(call.firm_sources())]

    def listing(self) -> str:
        """The blueprint as text, one line per instruction, ``d0 d1 ...`` being the data slots."""
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


def _compile(graph: Graph, order: tuple[int, ...], register: dict[int, int]) -> list[Instruction]:
    calls = graph.structure.calls
    return [_instruction(graph.nodes[p].task.fn, calls[p], register) for p in order]


def _instruction(fn: Callable[..., Any], call: Call, register: dict[int, int]) -> Instruction:
    simple = [register[argument] for argument in call.args if isinstance(argument, int)]
    if call.kwargs or len(simple) < len(call.args):
        return Instruction(fn, PACK, _packer(call, register))
    if len(simple) > DIRECT:
        return Instruction(fn, GATHER, tuple(simple))
    return Instruction(fn, len(simple), *simple)


def _packer(call: Call, register: dict[int, int]) -> Callable[[Registers], Arguments]:
    needed = {source: register[source] for source in call.parts()}

    def pack(registers: Registers) -> Arguments:
        def value_of(source: int) -> Any:
            return registers[needed[source]]

        return (
            [assemble(argument, value_of) for argument in call.args],
            {name: assemble(argument, value_of) for name, argument in call.kwargs},
        )

    return pack
