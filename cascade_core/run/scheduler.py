"""The scheduler: runs frames whose nodes have to be awaited, watched or run to a value first.

A *frame* is one blueprint at work. A node that returns a lazy result opens another frame and gets
its value from there; frames refer to the node that waits for them, so sub-graphs within sub-graphs
use memory and no stack. Among all nodes that are ready, the one of the oldest frame and the first
in plan order starts first. There are no barriers: a node is ready when its own dependencies are
done.

For sync tasks this is plan order exactly: what ``machine.execute`` does, node by node.
"""

from __future__ import annotations

import asyncio
import heapq
import inspect
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from time import perf_counter, perf_counter_ns
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias, final

from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.events import Status, TaskFinished, TaskStarted
from cascade_core.executors.local import LocalExecutor
from cascade_core.run.notes import note_origin
from cascade_core.run.record import Run
from cascade_core.run.slice import TimeSlice
from cascade_core.vm.blueprint import CHUNK, Blueprint, Registers

if TYPE_CHECKING:
    from cascade_core.run.engine import Engine

OpenPlan: TypeAlias = Callable[[LazyResult[Any] | TailCall], tuple[Blueprint, Registers]]
"""Looks up the plan of a sub-graph; gives its blueprint and inputs."""


@final
class Frame:
    """One blueprint at work: which nodes wait for how many others, and the values so far.

    Attributes:
        registers: Inputs and results; a result that is not there yet is None.
        parent: The frame and rank that wait for this frame's value; None for the target's own.
    """

    __slots__ = ("_waiting", "blueprint", "parent", "registers", "serial")

    def __init__(
        self,
        blueprint: Blueprint,
        inputs: Registers,
        parent: tuple[Frame, int] | None,
        serial: int,
    ) -> None:
        self.blueprint = blueprint
        self.parent = parent
        self.serial = serial
        self.registers = inputs + [None] * (blueprint.size - len(inputs))
        self._waiting = [len(blueprint.node(r).dependencies) for r in range(len(blueprint.names))]

    @property
    def target(self) -> int:
        """The rank of the target: all others lead to it, so it is the last."""
        return len(self._waiting) - 1

    def ready(self, first: int = 0) -> list[int]:
        """The ranks from ``first`` on that wait for nothing."""
        return [r for r in range(first, len(self._waiting)) if not self._waiting[r]]

    def done(self, rank: int, value: Any) -> list[int]:
        """Record a node's value.

        Returns:
            The ranks that are ready because of it.
        """
        self.registers[self.blueprint.slots + rank] = value
        return self.release(rank)

    def release(self, rank: int) -> list[int]:
        """Tell the dependents of a node that it is done."""
        ready = []
        for dependent in self.blueprint.dependents[rank]:
            self._waiting[dependent] -= 1
            if not self._waiting[dependent]:
                ready.append(dependent)
        return ready


_UNSET = object()


@final
class Scheduler:
    """Runs the frame of one iteration, and the sub-graphs its nodes return, to a value."""

    def __init__(
        self, engine: Engine, run: Run, time_slice: TimeSlice, open_plan: OpenPlan
    ) -> None:
        self._run = run
        self._executor = engine.executor
        self._calls_directly = type(engine.executor) is LocalExecutor
        self._slice = time_slice
        self._open_plan = open_plan
        self._serials = itertools.count()
        self._ready: list[tuple[int, int, Frame]] = []
        self._running: dict[asyncio.Task[Any], tuple[Frame, int, Any]] = {}
        self._finished: deque[asyncio.Task[Any]] = deque()
        self._has_unstarted = False  # whether an asyncio task has yet to take its first step
        self._wake: asyncio.Future[None] | None = None
        self._result: Any = _UNSET

    async def run_frame(self, blueprint: Blueprint, registers: Registers) -> Any:
        """Run the target's frame, from the start or from where the machine stopped.

        Args:
            blueprint: The target's blueprint.
            registers: Its inputs, and the results so far; the last of these may be unfinished.

        Returns:
            What the target returned: a value, or the lazy result or tail call to go on with.

        Raises:
            BaseException: The first failure, after all running nodes have been cancelled and have
                ended; likewise when this coroutine is cancelled.
        """
        frame = Frame(blueprint, registers, None, next(self._serials))
        try:
            self._resume(frame, len(registers) - blueprint.slots)
            starts = 0
            while self._result is _UNSET:
                if self._finished:
                    self._collect(self._finished.popleft())
                elif self._ready:
                    _, rank, ready_frame = heapq.heappop(self._ready)
                    await self._start(ready_frame, rank)
                    starts += 1
                    if not starts % CHUNK and perf_counter() >= self._slice.end:
                        await self._slice.renew(self._run)
                else:
                    await self._wait()
        except BaseException:
            await self._stop()
            raise
        return self._result

    def _resume(self, frame: Frame, done: int) -> None:
        """Take over a frame whose first ``done`` nodes have run, the last maybe unfinished."""
        last = done - 1
        for rank in range(last):
            frame.release(rank)
        self._push(frame, frame.ready(done))
        if done:
            value = frame.registers[frame.blueprint.slots + last]
            if type(value) is CoroutineType:
                execution = _Execution(self._run, frame, last)
                self._spawn(frame, last, execution.await_it(value), (execution, value))
            else:
                self._settle(frame, last, value)

    def _push(self, frame: Frame, ranks: list[int]) -> None:
        for rank in ranks:
            heapq.heappush(self._ready, (frame.serial, rank, frame))

    # -- starting a node ------------------------------------------------------------------

    async def _start(self, frame: Frame, rank: int) -> None:
        task = frame.blueprint.node(rank).task
        if self._calls_directly and not task.is_async:
            if not self._has_unstarted:
                self._call(frame, rank)
                return
            # Those come first in plan order: let them begin first, and fail first.
            self._has_unstarted = False
            self._push(frame, [rank])
            await asyncio.sleep(0)
        elif self._ready or self._running:
            self._spawn(frame, rank, self._execute(frame, rank), None)
            self._has_unstarted = True
        else:  # alone: no asyncio task is needed to wait for it
            self._settle(frame, rank, await self._execute(frame, rank))

    def _call(self, frame: Frame, rank: int) -> None:
        """Call a sync task here and now."""
        execution = _Execution(self._run, frame, rank)
        with execution:
            instruction = frame.blueprint.instructions[rank]
            args, kwargs = instruction.arguments(frame.registers)
            value = instruction.fn(*args, **kwargs)
            execution.goes_on = type(value) is CoroutineType  # a sync function around an async one
        if execution.goes_on:
            self._spawn(frame, rank, execution.await_it(value), (execution, value))
        else:
            self._settle(frame, rank, value)

    async def _execute(self, frame: Frame, rank: int) -> Any:
        """Call a task that has to be awaited, here or through the executor."""
        with _Execution(self._run, frame, rank):
            instruction = frame.blueprint.instructions[rank]
            args, kwargs = instruction.arguments(frame.registers)
            if self._calls_directly:
                return await instruction.fn(*args, **kwargs)
            return await self._executor.execute(frame.blueprint.node(rank), args, kwargs)

    def _spawn(
        self,
        frame: Frame,
        rank: int,
        coroutine: Coroutine[Any, Any, Any],
        begun: tuple[_Execution, Any] | None,
    ) -> None:
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(coroutine)
        self._running[task] = (frame, rank, begun)
        task.add_done_callback(self._on_done)

    # -- waiting ---------------------------------------------------------------------------

    async def _wait(self) -> None:
        self._has_unstarted = False
        self._wake = asyncio.get_running_loop().create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._finished.append(task)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _collect(self, task: asyncio.Task[Any]) -> None:
        frame, rank, begun = self._running.pop(task)
        _close_unstarted(begun)
        self._settle(frame, rank, task.result())

    async def _stop(self) -> None:
        """Cancel all running nodes and wait until they have ended, however long they take."""
        cancelled: asyncio.CancelledError | None = None
        while not all(task.done() for task in self._running):
            for task in self._running:
                task.cancel()
            try:
                await asyncio.wait(self._running)
            except asyncio.CancelledError as error:
                cancelled = error
        for task, (_, _, begun) in self._running.items():
            _close_unstarted(begun)
            if not task.cancelled():
                task.exception()  # seen: only the first failure is raised
        self._running.clear()
        if cancelled is not None:
            raise cancelled

    # -- settling a node --------------------------------------------------------------------

    def _settle(self, frame: Frame, rank: int, value: Any) -> None:
        """Take what a node returned: a value, or a call to run to a value first."""
        while True:
            is_target = rank == frame.target
            if type(value) is LazyResult or type(value) is TailCall:
                if not is_target:
                    self._open(value, (frame, rank))
                elif frame.parent is not None:
                    self._open(value, frame.parent)
                else:
                    self._result = value
                return
            if not is_target:
                self._push(frame, frame.done(rank, value))
                return
            if frame.parent is None:
                self._result = value
                return
            frame, rank = frame.parent

    def _open(self, call: LazyResult[Any] | TailCall, parent: tuple[Frame, int]) -> None:
        blueprint, inputs = self._open_plan(call)
        frame = Frame(blueprint, inputs, parent, next(self._serials))
        self._push(frame, frame.ready())


@final
class _Execution:
    """One execution of a node: counted and told when it begins, told when it ends."""

    __slots__ = ("_frame", "_rank", "_run", "_started_ns", "goes_on")

    def __init__(self, run: Run, frame: Frame, rank: int) -> None:
        self._run = run
        self._frame = frame
        self._rank = rank
        self._started_ns: int | None = None
        self.goes_on = False
        """Whether leaving the block is not the end: ``await_it`` is."""

    def __enter__(self) -> None:
        node = self._frame.blueprint.node(self._rank)
        self._run.count().tasks[node.name] += 1
        bus = self._run.engine.bus
        if bus.listening:
            self._started_ns = perf_counter_ns()
            bus.publish(TaskStarted(self._run, node.name, node))

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None or not self.goes_on:
            self.finish(error)

    async def await_it(self, coroutine: Awaitable[Any]) -> Any:
        """Await what the call gave, then finish."""
        try:
            value = await coroutine
        except BaseException as error:
            self.finish(error)
            raise
        self.finish(None)
        return value

    def finish(self, error: BaseException | None) -> None:
        """Tell how it ended, and note on an error where it came from."""
        if isinstance(error, Exception):
            note_origin(error, self._frame.blueprint, self._rank)
        if self._started_ns is None:  # nobody listened when it began
            return
        node = self._frame.blueprint.node(self._rank)
        duration_ns = perf_counter_ns() - self._started_ns
        status = status_of(error)
        self._run.engine.bus.publish(
            TaskFinished(self._run, node.name, node, status, 1, duration_ns)
        )


def status_of(error: BaseException | None) -> Status:
    """How something ended that came to ``error``, or to none."""
    if error is None:
        return "ok"
    return "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"


def _close_unstarted(begun: tuple[_Execution, Any] | None) -> None:
    """End an execution whose coroutine was cancelled before its first step."""
    if begun is not None and inspect.getcoroutinestate(begun[1]) == inspect.CORO_CREATED:
        begun[1].close()
        begun[0].finish(asyncio.CancelledError())
