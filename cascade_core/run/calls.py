"""Calls: executions of nodes, with all that may surround them.

From outside in: a result cache may have the value; else the amounts of the constraints are taken;
then the execution begins; each of its attempts has a time limit. Nothing of this concerns what the
call returns: a sub-graph holds no amounts and is not tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import perf_counter_ns
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any, Final, final

from cascade_core.caching import MISSING
from cascade_core.define.options import Retry
from cascade_core.events import TaskBlocked, TaskFinished, TaskRetrying, TaskStarted
from cascade_core.executors.local import LocalExecutor
from cascade_core.run.frame import Frame
from cascade_core.run.limits import Amounts
from cascade_core.run.notes import note_origin, status_of
from cascade_core.run.record import Run
from cascade_core.run.reuse import Reused, load, store_of
from cascade_core.vm.steps import Step

if TYPE_CHECKING:
    from cascade_core.run.engine import Engine

MAX_DELAY: Final = 86_400.0
"""Seconds: a delay that grows by its backoff grows no further."""

_ONCE: Final = Retry(1, 0.0, 1.0)


@final
class Execution:
    """One execution of a node: counted and told when it begins, told when it ends.

    Attributes:
        frame: The frame of the node.
        rank: The node's rank there.
        attempts: How often its function has been called.
        goes_on: Whether leaving the block is not the end: ``await_it`` is.
    """

    __slots__ = ("_run", "_started_ns", "attempts", "frame", "goes_on", "rank")

    def __init__(self, run: Run, frame: Frame, rank: int, started_ns: int | None = None) -> None:
        self.frame = frame
        self.rank = rank
        self.attempts = 1
        self.goes_on = False
        self._run = run
        self._started_ns = started_ns  # if somebody heard that

    def __enter__(self) -> Execution:
        self._run.count().tasks[self.frame.blueprint.names[self.rank]] += 1
        bus = self._run.engine.bus
        if bus.listening:
            node = self.frame.blueprint.node(self.rank)
            self._started_ns = perf_counter_ns()
            bus.publish(TaskStarted(self._run, node.name, node))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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

    def retry(self, delay: float) -> None:
        """Tell that the latest attempt failed and another one follows."""
        self._run.tell(TaskRetrying, self.frame.blueprint, self.rank, self.attempts, delay)

    def begin_attempt(self) -> None:
        """Count one more call of the function."""
        self.attempts += 1
        self._run.count().repeats[self.frame.blueprint.names[self.rank]] += 1

    def finish(self, error: BaseException | None) -> None:
        """Tell how it ended, and note on an error where it came from."""
        if isinstance(error, Exception):
            note_origin(error, self.frame.blueprint, self.rank)
        if self._started_ns is None:  # nobody listened when it began
            return
        node = self.frame.blueprint.node(self.rank)
        duration_ns = perf_counter_ns() - self._started_ns
        self._run.engine.bus.publish(
            TaskFinished(self._run, node.name, node, status_of(error), self.attempts, duration_ns)
        )


@final
class Caller:
    """Makes the calls of one run that have to be awaited."""

    def __init__(self, engine: Engine, run: Run) -> None:
        self._run = run
        self._bus = engine.bus
        self._executions = run.count().tasks
        self._limits = engine.limits
        self._executor = engine.executor
        self._calls_directly = type(engine.executor) is LocalExecutor

    def bare(self, frame: Frame, rank: int) -> Awaitable[Any]:
        """Make a bare call of an async task here: what ``call`` does, if nobody listens.

        Returns:
            What the call gave; whoever awaits it notes on an error where it came from.
        """
        if self._bus.listening:
            return self.call(frame, rank)
        blueprint, registers = frame.blueprint, frame.registers
        position = blueprint.order[rank]
        row: Any = blueprint.rows[position]
        task = blueprint.graph.tasks[position]
        self._executions[task.name] += 1
        if type(row) is not tuple:
            args, kwargs = blueprint.arguments(rank, registers)
            coroutine: Awaitable[Any] = task.fn(*args, **kwargs)
        elif len(row) == 1:
            coroutine = task.fn(registers[row[0]])
        else:
            coroutine = task.fn(*[registers[source] for source in row])
        return coroutine

    async def call(self, frame: Frame, rank: int) -> Any:
        """Make a bare call, here or through the executor."""
        with Execution(self._run, frame, rank):
            return await self._attempt(frame, rank)

    async def managed(self, frame: Frame, rank: int) -> Any:
        """Make a call that is retried, timed, cached or limited.

        Returns:
            What the call returned; ``Reused`` with the value of a result cache.
        """
        step = frame.step(rank)
        assert step is not None
        store = store_of(frame, rank)
        if store is not None:
            value = await load(store)
            if value is not MISSING:
                return Reused(value)
            frame.owe(rank, store)
        amounts = self._amounts(frame, rank, step)
        if not amounts:
            return await self._execute(frame, rank, step)
        name = frame.blueprint.names[rank]
        async with self._limits.hold(
            amounts, name, lambda: self._tell_blocked(frame, rank, amounts)
        ):
            return await self._execute(frame, rank, step)

    def _amounts(self, frame: Frame, rank: int, step: Step) -> Amounts:
        """What the call is to hold; lazy amounts are known, and checked, only now."""
        amounts = {name: frame.registers[register] for name, register in step.constraints}
        for name, amount in amounts.items():
            self._limits.check_amount(name, amount, frame.blueprint.names[rank])
        return {name: amount for name, amount in amounts.items() if amount}

    def _tell_blocked(self, frame: Frame, rank: int, amounts: Amounts) -> None:
        self._run.tell(TaskBlocked, frame.blueprint, rank, f"constraint: {', '.join(amounts)}")

    async def _execute(self, frame: Frame, rank: int, step: Step) -> Any:
        """One execution, with as many attempts as it takes and has."""
        retry: Retry = _ONCE if step.retry is None else frame.registers[step.retry]
        timeout: float | None = None if step.timeout is None else frame.registers[step.timeout]
        delay = retry.delay
        asyncio_task = asyncio.current_task()
        assert asyncio_task is not None
        cancellations = asyncio_task.cancelling()
        with Execution(self._run, frame, rank) as execution:
            while True:
                try:
                    return await self._timed_attempt(frame, rank, timeout)
                except Exception:
                    is_cancelled = asyncio_task.cancelling() > cancellations
                    if is_cancelled or execution.attempts >= retry.max_attempts:
                        raise
                execution.retry(delay)
                await asyncio.sleep(delay)
                delay = min(delay * retry.backoff, max(MAX_DELAY, retry.delay))
                execution.begin_attempt()

    async def _timed_attempt(self, frame: Frame, rank: int, timeout: float | None) -> Any:
        if timeout is None:
            return await self._attempt(frame, rank)
        try:
            async with asyncio.timeout(timeout) as limit:
                return await self._attempt(frame, rank)
        except TimeoutError as error:
            if limit.expired():
                name = frame.blueprint.names[rank]
                raise TimeoutError(f"task {name!r} did not end within {timeout:g} s") from error
            raise

    async def _attempt(self, frame: Frame, rank: int) -> Any:
        """Call the function once, here or through the executor."""
        args, kwargs = frame.blueprint.arguments(rank, frame.registers)
        if not self._calls_directly:
            return await self._executor.execute(frame.blueprint.node(rank), args, kwargs)
        task = frame.blueprint.task(rank)
        value = task.fn(*args, **kwargs)
        if task.is_async or type(value) is CoroutineType:
            return await value
        return value
