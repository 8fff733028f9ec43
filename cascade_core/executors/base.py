"""What runs a task's function: the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from cascade_core.graph.model import Node


@runtime_checkable
class Executor(Protocol):
    """Runs one call at a time, concurrently where several are awaited.

    An executor may also offer ``async execute_plan(graph, plan, inputs)`` and so take whole
    plans: ``inputs`` has one value per data slot, ``graph.arguments`` makes a node's arguments of
    them, and the target's value is returned. It may name the places it has beside ``local`` in an
    attribute ``places``, such as ``frozenset({"thread"})``.
    """

    async def execute(self, node: Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call ``node.task.fn`` with the arguments and return what it comes to.

        Args:
            node: The node to run.
            args: Positional arguments, values only.
            kwargs: Keyword arguments, values only.

        Returns:
            The task's value; a lazy result stands for itself and is run by the engine.

        Raises:
            Exception: Whatever the task raises, as it is.
        """
        ...
