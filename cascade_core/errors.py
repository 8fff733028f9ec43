"""Every exception of the engine, in one tree.

Families follow whose mistake it is and when it shows: a graph that cannot be (``GraphError``), a
solver's wrong plan (``PlanError``), a program the VM cannot run (``BlueprintError``), a value that
never came (``DependencyMissingError``), an amount no resource can give (``ConstraintError``). A
task's own exception is none of these: it is raised as itself, with a note that names the node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class CascadeError(Exception):
    """The root of all errors that the engine itself raises."""


class GraphError(CascadeError, ValueError):
    """A lazy result cannot be made into a graph that this engine can run."""


class CycleError(GraphError):
    """A call or a container depends on itself.

    Attributes:
        cycle: The names along the cycle, the first repeated as the last.
    """

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle = tuple(cycle)
        super().__init__("graph has a cycle: " + " -> ".join(map(repr, self.cycle)))


class UnknownNameError(GraphError, LookupError):
    """A name was used that nothing defines.

    Attributes:
        name: The name asked for.
        known: The names there are, sorted.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(sorted(known))
        super().__init__(f"unknown {kind} {name!r}; known: {', '.join(self.known) or 'none'}")


class PlanError(CascadeError, ValueError):
    """A solver's plan is no topological order of its graph.

    Attributes:
        positions: The node positions that are missing, repeated, unknown or too early.
    """

    def __init__(self, message: str, positions: Iterable[object]) -> None:
        self.positions = tuple(positions)
        super().__init__(message)


class BlueprintError(CascadeError):
    """The VM cannot run this target on this engine; raised before anything has run."""


class DependencyMissingError(CascadeError, LookupError):
    """The value of a node was needed but the node never ran."""


class ConstraintError(CascadeError, ValueError):
    """An amount was asked for that the engine's resources can never give."""
