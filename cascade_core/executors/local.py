"""The executor for this process and thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import CoroutineType
from typing import Any

from cascade_core.graph.model import Node


class LocalExecutor:
    """Runs tasks in the engine's own thread: sync ones at once, async ones on its event loop.

    The engine knows this executor and calls tasks itself where that comes to the same.
    """

    async def execute(self, node: Node, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call the task and return its value, awaited if the call gave a coroutine."""
        result = node.task.fn(*args, **kwargs)
        return await result if node.task.is_async or type(result) is CoroutineType else result
