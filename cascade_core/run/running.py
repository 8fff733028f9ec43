"""The asyncio tasks of one iteration: started, waited for, and stopped all together."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, final

from cascade_core.run.calls import Execution
from cascade_core.run.frame import Frame
from cascade_core.run.notes import note_origin

Work: TypeAlias = Callable[[Frame, int], Awaitable[Any]]
"""What is awaited for a node."""


@final
class Failed:
    """What an asyncio task gives whose work raised something."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


@final
class Running:
    """Asyncio tasks that work for nodes.

    Each reports what it came to when it ends, and raises nothing itself: a KeyboardInterrupt would
    end the event loop, and an exception that nobody asks for is complained about. Only one that was
    cancelled before its first step reports nothing; it is missed once all have had that.

    Attributes:
        has_unstarted: Whether one of them may have yet to take its first step.
        tasks: Those that have not ended, by number.
        ended: What those came to that have and were not collected: node and result.
    """

    def __init__(self) -> None:
        self.has_unstarted = False
        self.ended: deque[tuple[Frame, int, Any]] = deque()
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._is_usual = _makes_usual_tasks(self._loop)
        self._started = 0  # how many there were; this numbers them
        self._begun = 0  # how many of them have taken their first step
        self._executions: dict[int, tuple[Execution, Any]] = {}  # that a task is to go on with
        self._wake: asyncio.Future[None] | None = None

    def spawn(self, frame: Frame, rank: int, function: Work, name: str | None = None) -> None:
        """Start an asyncio task, of some name, that awaits ``function(frame, rank)`` for a node."""
        number = self._started
        self._started += 1
        work = self._work(number, frame, rank, function)
        if self._is_usual:
            self.tasks[number] = asyncio.Task(work, loop=self._loop, name=name)
            return
        task = self._loop.create_task(work, name=name)
        if not task.done():  # a task factory may have let it run at once
            self.tasks[number] = task

    def go_on(self, execution: Execution, coroutine: Any) -> None:
        """Start an asyncio task for an execution whose call gave a coroutine."""
        self._executions[self._started] = (execution, coroutine)
        self.spawn(execution.frame, execution.rank, lambda *_: execution.await_it(coroutine))

    async def _work(self, number: int, frame: Frame, rank: int, function: Work) -> None:
        self._begun += 1
        try:
            result = await function(frame, rank)
        except GeneratorExit:  # the event loop is gone
            raise
        except BaseException as error:
            if isinstance(error, Exception):
                note_origin(error, frame.blueprint, rank)
            result = Failed(error)
        self.tasks.pop(number, None)
        self.ended.append((frame, rank, result))
        wake = self._wake
        if wake is not None and not wake.done():
            wake.set_result(None)

    async def wait(self) -> None:
        """Wait until one of them ends.

        Raises:
            asyncio.CancelledError: Somebody cancelled one of them before its first step.
        """
        if self._begun < self._started:
            await self.let_begin()
        if self.ended:
            return
        self._wake = self._loop.create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    async def let_begin(self) -> None:
        """Let all of them take their first step.

        Raises:
            asyncio.CancelledError: Somebody cancelled one of them before that.
        """
        self.has_unstarted = False
        await asyncio.sleep(0)
        if self._begun < self._started:
            raise asyncio.CancelledError
        self._executions.clear()

    def cancel(self) -> None:
        """Cancel all of them; they end when the event loop goes on, if it does."""
        for number, task in self.tasks.items():
            self._close_unstarted(number)
            if not task.get_loop().is_closed():
                task.cancel()

    async def stop(self) -> None:
        """Cancel all of them and wait until they have ended, however long they take.

        Raises:
            asyncio.CancelledError: This was cancelled meanwhile.
        """
        cancelled: asyncio.CancelledError | None = None
        numbers, tasks = list(self.tasks), list(self.tasks.values())
        while not all(task.done() for task in tasks):
            for task in tasks:
                task.cancel()
            try:
                await asyncio.wait(tasks)
            except asyncio.CancelledError as error:
                cancelled = error
        for number in numbers:
            self._close_unstarted(number)
        self.tasks.clear()
        if cancelled is not None:
            raise cancelled

    def _close_unstarted(self, number: int) -> None:
        """End an execution whose coroutine was cancelled before its first step."""
        if number not in self._executions:
            return
        execution, coroutine = self._executions.pop(number)
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
            coroutine.close()
            execution.finish(asyncio.CancelledError())


def _makes_usual_tasks(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether nobody gave the loop ways of its own to make tasks: then its method is passed by."""
    is_inherited = type(loop).create_task is asyncio.BaseEventLoop.create_task
    return is_inherited and "create_task" not in vars(loop) and loop.get_task_factory() is None
