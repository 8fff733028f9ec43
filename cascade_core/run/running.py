"""The asyncio tasks of one iteration: started, waited for, and stopped all together."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, final

from cascade_core.run.calls import Execution
from cascade_core.run.frame import Frame


class Ended(NamedTuple):
    """An asyncio task that came to a result for a node."""

    frame: Frame
    rank: int
    result: Any


class _Fatal:
    """A KeyboardInterrupt or SystemExit; it would end the event loop if it left an asyncio task."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Watched(NamedTuple):
    frame: Frame
    rank: int
    begun: tuple[Execution, Any] | None
    """An execution whose coroutine the asyncio task goes on with."""


@final
class Running:
    """Asyncio tasks that work for nodes.

    Attributes:
        has_unstarted: Whether one of them may have yet to take its first step.
    """

    def __init__(self) -> None:
        self.has_unstarted = False
        self._tasks: dict[asyncio.Task[Any], _Watched] = {}
        self._ended: deque[asyncio.Task[Any]] = deque()
        self._wake: asyncio.Future[None] | None = None

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def spawn(self, frame: Frame, rank: int, function: Callable[..., Any], *args: Any) -> None:
        """Start an asyncio task that awaits ``function(*args)`` for a node."""
        self._watch(_guarded(function, *args), _Watched(frame, rank, None))

    def go_on(self, execution: Execution, coroutine: Any) -> None:
        """Start an asyncio task for an execution whose call gave a coroutine."""
        watched = _Watched(execution.frame, execution.rank, (execution, coroutine))
        self._watch(_guarded(execution.await_it, coroutine), watched)

    def has_ended(self) -> bool:
        """Whether one of them has ended and was not collected."""
        return bool(self._ended)

    def collect(self) -> Ended:
        """Take the first that has ended.

        Raises:
            BaseException: What it ended with.
        """
        task = self._ended.popleft()
        frame, rank, begun = self._tasks.pop(task)
        _close_unstarted(begun)
        result = task.result()
        if type(result) is _Fatal:
            raise result.error
        return Ended(frame, rank, result)

    async def wait(self) -> None:
        """Wait until one of them ends."""
        self.has_unstarted = False
        self._wake = asyncio.get_running_loop().create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    async def let_begin(self) -> None:
        """Let all of them take their first step."""
        self.has_unstarted = False
        await asyncio.sleep(0)

    def cancel(self) -> None:
        """Cancel all of them; they end when the event loop goes on, if it does."""
        for task, watched in self._tasks.items():
            _close_unstarted(watched.begun)
            if not task.get_loop().is_closed():
                task.cancel()

    async def stop(self) -> None:
        """Cancel all of them and wait until they have ended, however long they take.

        Raises:
            asyncio.CancelledError: This was cancelled meanwhile.
        """
        cancelled: asyncio.CancelledError | None = None
        while not all(task.done() for task in self._tasks):
            for task in self._tasks:
                task.cancel()
            try:
                await asyncio.wait(self._tasks)
            except asyncio.CancelledError as error:
                cancelled = error
        for task, watched in self._tasks.items():
            _close_unstarted(watched.begun)
            if not task.cancelled():
                task.exception()  # seen: only the first failure is raised
        self._tasks.clear()
        if cancelled is not None:
            raise cancelled

    def _watch(self, coroutine: Coroutine[Any, Any, Any], watched: _Watched) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks[task] = watched
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._ended.append(task)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


async def _guarded(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return await function(*args)
    except (KeyboardInterrupt, SystemExit) as error:
        return _Fatal(error)


def _close_unstarted(begun: tuple[Execution, Any] | None) -> None:
    """End an execution whose coroutine was cancelled before its first step."""
    if begun is not None and inspect.getcoroutinestate(begun[1]) == inspect.CORO_CREATED:
        begun[1].close()
        begun[0].finish(asyncio.CancelledError())
