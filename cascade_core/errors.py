"""Every exception of the engine, in one tree.

Families follow whose mistake it is and when it shows: a graph that cannot be (``GraphError``), a
solver's wrong plan (``PlanError``), a program the VM cannot run (``BlueprintError``), a value that
never came (``DependencyMissingError``), an amount no resource can give (``ConstraintError``). A
task's own exception is none of these: it is raised as itself, with a note that names the node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


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
    """A name was used that nothing defines: a parameter, a variable, a resource, a route.

    Attributes:
        name: The name asked for.
        known: The names there are, sorted if they are strings.
    """

    def __init__(self, kind: str, name: object, known: Iterable[Any], advice: str = "") -> None:
        self.name = name
        names = list(known)
        is_text = all(isinstance(known_name, str) for known_name in names)
        self.known = tuple(sorted(names) if is_text else names)
        told = advice or f"known: {', '.join(map(repr, self.known)) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}; {told}")


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
    """The value of a node was needed but the node never ran.

    Attributes:
        task: The node's name.
        reason: Why it was skipped, as ``TaskSkipped`` tells it.
    """

    def __init__(self, task: str, reason: str) -> None:
        self.task = task
        self.reason = reason
        super().__init__(f"target {task!r} has no value, it was skipped: {reason}")


class ConstraintError(CascadeError, ValueError):
    """An amount was asked for that the engine's resources can never give.

    Attributes:
        name: The resource's name.
        amount: What was asked for; None where it is not known yet.
    """

    def __init__(self, message: str, name: str, amount: object = None) -> None:
        self.name = name
        self.amount = amount
        super().__init__(message)
