"""The graph a solver sees: nodes, edges, structure, and no argument values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple, final

from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.task import Task
from cascade_core.errors import GraphError
from cascade_core.graph.containers import Again, Shape, plain_keys, rebuild
from cascade_core.graph.decode import Argument, Call, Row
from cascade_core.graph.structure import Structure, node_ids

EdgeKind = Literal["data", "condition", "sequence", "route", "constraint"]


@final
class Node:
    """One call of a graph.

    Attributes:
        task: The task that is called.
        dependencies: Positions of the nodes that must be done before, each once, in order.
    """

    __slots__ = ("_graph_ids", "_position", "dependencies", "task")

    def __init__(
        self, position: int, task: Task[Any], dependencies: tuple[int, ...], ids: _NodeIds
    ) -> None:
        self._position = position
        self._graph_ids = ids
        self.task = task
        self.dependencies = dependencies

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def id(self) -> str:
        """A hex digest of the call and all below it; the same in every process."""
        return self._graph_ids[self._position]

    def __repr__(self) -> str:
        return f"<Node {self._position} {self.name}>"


class _NodeIds:
    """The ids of a graph's nodes, computed when the first is read."""

    def __init__(self, structure: Structure) -> None:
        self._structure = structure

    @cached_property
    def _ids(self) -> list[str]:
        return node_ids(self._structure.key)

    def __getitem__(self, position: int) -> str:
        return self._ids[position]


class Edge(NamedTuple):
    """One dependency between two nodes, by their positions in ``graph.nodes``."""

    source: int
    """The node that is depended on."""
    target: int
    """The node that depends."""
    kind: EdgeKind
    """What the dependency is for."""
    argument: str | None
    """Where the value goes, like code: ``dep``, ``xs[2]``, ``config['a']``, ``routes['fast']``; the
    resource's name for a constraint; None where the value only decides, or does not matter."""


@final
class Graph:
    """A lazy result and all it depends on. Holds tasks and structure, never argument values.

    Attributes:
        structure: The graph without its tasks' functions: what plans are cached by.
        tasks: The task of each node, by position.
        dependencies: The positions of what each node depends on, by position.
        root: The position of the target.
    """

    def __init__(self, structure: Structure, tasks: Sequence[Task[Any]]) -> None:
        self.structure = structure
        self.tasks = tuple(tasks)
        self.dependencies = structure.decoded.dependencies
        self.root = 0

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The calls, numbered breadth first from the target. Made when first asked for."""
        ids = _NodeIds(self.structure)
        return tuple(
            [
                Node(position, task, dependencies, ids)
                for position, (task, dependencies) in enumerate(
                    zip(self.tasks, self.dependencies, strict=True)
                )
            ]
        )

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every dependency, by target, in argument order; one for each place a value goes."""
        return tuple(
            Edge(source, target, kind, label)
            for target, call in enumerate(self.structure.calls)
            for kind, label, source in links(call)
        )

    @cached_property
    def firm_dependencies(self) -> list[tuple[int, ...]]:
        """The same without what a select needs only for one of its routes."""
        if not any(task.kind == "select" for task in set(self.tasks)):
            return self.dependencies
        return [tuple(dict.fromkeys(call.firm_sources())) for call in self.structure.calls]

    @cached_property
    def prunable(self) -> frozenset[int]:
        """The positions of nodes that only routes need, and that run only if one is chosen."""
        if self.firm_dependencies is self.dependencies:
            return frozenset()
        return frozenset(range(len(self.tasks))) - _needed(self.firm_dependencies, self.root)

    @cached_property
    def demands(self) -> Demands:
        """What the nodes ask of the engine that runs them."""
        return demands_of(self)

    def arguments(
        self, position: int, inputs: Sequence[Any], values: Mapping[int, Any] | Sequence[Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of one call, for executors that run whole plans.

        Args:
            position: The node's position.
            inputs: One value per data slot, as ``execute_plan`` gets them.
            values: The values of the node's dependencies, by position.

        Returns:
            Positional and keyword arguments to call the node's task with.

        Raises:
            GraphError: A dependency came to a call, not to a value: only the engine could run it.
        """

        def value_of(source: int) -> Any:
            if source < 0:
                return inputs[~source]
            value = values[source]
            if type(value) is LazyResult or type(value) is TailCall:
                raise GraphError(
                    f"node {self.tasks[source].name!r} returned {value!r}, which an executor of "
                    "whole plans cannot run to a value"
                )
            return value

        return arguments(self.structure.decoded.rows[position], value_of)

    def to_mermaid(self) -> str:
        """The graph as a Mermaid flowchart; options, edge kinds and prunable nodes show."""
        from cascade_core.graph.draw import to_mermaid

        return to_mermaid(self)

    def to_dot(self) -> str:
        """The graph in Graphviz' DOT language, with the same distinctions."""
        from cascade_core.graph.draw import to_dot

        return to_dot(self)

    def __repr__(self) -> str:
        return f"<Graph {self.tasks[self.root].name}, {len(self.tasks)} nodes>"


def _needed(dependencies: Sequence[tuple[int, ...]], position: int) -> set[int]:
    """A node and all that it needs."""
    needed = {position}
    stack = [position]
    while stack:
        for dependency in dependencies[stack.pop()]:
            if dependency not in needed:
                needed.add(dependency)
                stack.append(dependency)
    return needed


class Demands(NamedTuple):
    """What a graph's nodes ask of an engine: looked at before anything of it runs."""

    places: frozenset[str]
    """All ``run_on`` of its tasks."""
    constraints: tuple[tuple[int, str, int | None], ...]
    """Node, name of a resource, and the input that holds the amount; None for a lazy amount."""
    injected: tuple[int, ...]
    """The inputs that hold names of injected resources."""


def demands_of(graph: Graph) -> Demands:
    """Gather what the nodes of a graph ask for."""
    rows, distinct = graph.structure.decoded.rows, set(graph.tasks)
    constraints: list[tuple[int, str, int | None]] = []
    if graph.structure.decoded.has_options:
        constraints = [
            (position, name, ~source if source < 0 else None)
            for position, row in enumerate(rows)
            if isinstance(row, Call)
            for name, source in row.options.constraints
        ]
    injected: list[int] = []
    if any(task.kind == "inject" for task in distinct):
        pairs = zip(graph.tasks, rows, strict=True)
        injected = [~sources_of(row)[0] for task, row in pairs if task.kind == "inject"]
    places = frozenset([task.run_on for task in distinct])
    return Demands(places, tuple(constraints), tuple(injected))


def sources_of(row: Row) -> Sequence[int]:
    """What the arguments of a call are made of, calls and data slots, in order."""
    return list(row.parts()) if isinstance(row, Call) else row


def arguments(row: Row, value_of: Callable[[int], Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments to call with.

    Args:
        row: The call.
        value_of: Gives the value of a source: a call's number, or ``~i`` for the i-th input.
    """
    if not isinstance(row, Call):
        return [value_of(source) for source in row], {}
    return (
        [assemble(argument, value_of) for argument in row.args],
        {name: assemble(argument, value_of) for name, argument in row.kwargs},
    )


def assemble(argument: Argument, value_of: Callable[[int], Any]) -> Any:
    """Make one argument's value.

    Args:
        argument: Where it comes from.
        value_of: Gives the value of a source: a call's number, or ``~i`` for the i-th input.
    """
    if isinstance(argument, int):
        return value_of(argument)
    values: list[Any] = []
    made: list[Any] = []
    for part in argument:
        if isinstance(part, Shape):
            members = values[len(values) - part.size :]
            del values[len(values) - part.size :]
            made.append(rebuild(part, members))
            values.append(made[-1])
        elif isinstance(part, Again):
            values.append(made[part.number])
        else:
            values.append(value_of(part))
    return values[0]


def links(call: Call) -> Iterator[tuple[EdgeKind, str | None, int]]:
    """Each use a call makes of another: what for, where the value goes, and that call's number."""
    for label, source in places(call):
        is_route = call.identity.kind == "select" and not label.startswith("selector")
        yield "route" if is_route else "data", label, source
    options = call.options
    if options.condition is not None and options.condition >= 0:
        yield "condition", None, options.condition
    yield from (("sequence", None, source) for source in options.after)
    for name, source in options.constraints:
        if source >= 0:
            yield "constraint", name, source


def places(call: Call) -> Iterator[tuple[str, int]]:
    """Each place of a call that another call's value goes to: its label and that call's number."""
    for label, argument in call.arguments():
        if isinstance(argument, int):
            if argument >= 0:
                yield label, argument
        else:
            for path, part in container_places(argument):
                if isinstance(part, int) and part >= 0:
                    yield label + path, part


def uses(call: Call) -> Iterator[tuple[str, int]]:
    """Each use a call makes of another, as code begins it, and that call's number."""
    yield from ((f"({label}=", source) for label, source in places(call))
    yield from (use for use in call.options.labelled() if use[1] >= 0)


def container_places(argument: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The parts inside a container argument with their paths, in order.

    Yields:
        A path such as ``[0]['a'].x`` and what is there: a source, or an ``Again``.
    """
    # Read backwards, post-order is pre-order with the last member first: each shape is met before
    # its members, and knows its own path by then.
    found: list[tuple[str, Any]] = []
    paths = [""]
    for part in reversed(argument):
        path = paths.pop()
        if isinstance(part, Shape):
            paths.extend(path + label for label in member_labels(part))
        else:
            found.append((path, part))
    return iter(found[::-1])


def member_labels(shape: Shape) -> list[str]:
    """How code reaches the members of a container, one label each."""
    if hasattr(shape.type, "__dataclass_fields__"):
        return ["", *(f".{name}" for name in shape.keys)]
    if shape.type in (list, tuple):
        return [f"[{index}]" for index in range(shape.size)]
    if shape.type in (set, frozenset):
        return ["{data}", *(f"{{{index}}}" for index in range(shape.size - 1))]
    if shape.keys:
        labels = [f"[{key!r}]" for key in plain_keys(shape)]
        return labels if len(labels) == shape.size else ["{factory}", *labels]
    return [f".{name}" for name in shape.type._fields]  # type: ignore[attr-defined]  # a namedtuple
