"""The scheduler: runs frames whose nodes have to be awaited, watched or run to a value first.

A *frame* is one blueprint at work. A node that returns a lazy result opens another frame and gets
its value from there; frames refer to the node that waits for them, so sub-graphs within sub-graphs
use memory and no stack. Among all nodes that are ready, the one of the oldest frame and the first
in plan order starts first. There are no barriers: a node is ready when its own dependencies are
done.

One node's way: ``_start`` asks ``_prepare`` whether it is to run at all (a false condition, a
skipped source), whether it is an input rather than a call, and whether an equal pure call has run.
Then the call is made: at once if it is sync and bare, else in an asyncio task (``calls.py``). What
it returns goes to ``_settle``: a call opens a frame, a value goes to ``_finish``: whoever is owed
it gets it, and the dependents become ready.

For bare sync tasks this is plan order exactly: what ``machine.execute`` does, node by node.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias, final

from cascade_core.caching import MISSING
from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.errors import DependencyMissingError
from cascade_core.events import TaskBlocked, TaskReused, TaskSkipped
from cascade_core.executors.local import LocalExecutor
from cascade_core.run import inputs
from cascade_core.run.calls import Caller, Execution
from cascade_core.run.frame import Deferred, Frame, Items, Parent, Store
from cascade_core.run.memo import Entry
from cascade_core.run.notes import note_origin
from cascade_core.run.ready import Ready
from cascade_core.run.record import Run
from cascade_core.run.reuse import Reused, key_of, save, store_of
from cascade_core.run.running import Failed, Running, Work
from cascade_core.run.slice import TimeSlice
from cascade_core.vm.blueprint import CHUNK, PENDING, SKIPPED, Blueprint
from cascade_core.vm.steps import Registers, Step

if TYPE_CHECKING:
    from cascade_core.run.engine import Engine

OpenPlan: TypeAlias = Callable[[LazyResult[Any] | TailCall], tuple[Blueprint, list[Any]]]
"""Looks up the plan of a sub-graph; gives its blueprint and inputs."""

_UNSET = object()


class _Prepared:
    """What an asyncio task gives that only opened resources for its node."""


class _Saved:
    """What an asyncio task gives that handed a node's value to result caches."""

    def __init__(self, value: Any) -> None:
        self.value = value


_NO_VALUES = frozenset({Failed, LazyResult, Reused, TailCall, _Prepared, _Saved})
"""Types of what an asyncio task may come to that is not the value of its node."""


@final
class Scheduler:
    """Runs the frame of one iteration, and the sub-graphs its nodes return, to a value.

    Attributes:
        store: The result cache that is owed what the target's tail calls come to, if one is.
    """

    def __init__(
        self, engine: Engine, run: Run, time_slice: TimeSlice, open_plan: OpenPlan
    ) -> None:
        self._run = run
        self._bus = engine.bus
        self._calls_directly = type(engine.executor) is LocalExecutor
        self._caller = Caller(engine, run)
        self._bare_call: Work = self._caller.bare if self._calls_directly else self._caller.call
        self._slice = time_slice
        self._open_plan = open_plan
        self._serials = itertools.count()
        self._ready = Ready()
        self._running = Running()
        self._memo: dict[bytes, Entry] = {}
        self._values: deque[tuple[Frame, int, Any]] = deque()  # final, not yet delivered
        self._is_delivering = False
        self._unopened: deque[tuple[Frame, int]] = deque()  # maps with items to open
        self._steps = 0
        self._result: Any = _UNSET
        self.store: Store | None = None

    async def run_frame(
        self,
        blueprint: Blueprint,
        registers: Registers,
        done: int,
        is_head: bool,
        started_ns: int | None = None,
    ) -> Any:
        """Run the target's frame, from the start or from where the machine stopped.

        Args:
            blueprint: The target's blueprint.
            registers: Its inputs, and the results so far.
            done: How many nodes have run; what the last of them came to may be unfinished.
            is_head: Whether a result cache of the target applies.
            started_ns: When that last one began, if somebody heard that and it has not ended.

        Returns:
            What the target returned: a value, or the lazy result or tail call to go on with.

        Raises:
            BaseException: The first failure, after all running nodes have been cancelled and have
                ended; likewise when this coroutine is cancelled.
            DependencyMissingError: The target was skipped.
        """
        frame = Frame(blueprint, registers, None, next(self._serials), is_head)
        try:
            self._resume(frame, done, started_ns)
            ended, unopened, ready = self._running.ended, self._unopened, self._ready
            while self._result is _UNSET:
                if ended:
                    frame_of, rank, result = ended.popleft()
                    if type(result) in _NO_VALUES or frame_of.owed or rank == frame_of.target:
                        self._collect(frame_of, rank, result)
                    else:  # what that comes to where only dependents wait for it
                        new = frame_of.done(rank, result)
                        if new:
                            ready.push(frame_of, new)
                    continue
                if unopened:
                    self._open_item()
                else:
                    entry = ready.pop()
                    if entry is None:
                        await self._running.wait()
                        continue
                    pause = self._start(*entry)
                    if pause is not None:
                        await pause
                self._steps += 1
                if not self._steps % CHUNK and perf_counter() >= self._slice.end:
                    await self._slice.renew()
        except GeneratorExit:  # the coroutine was closed: nothing can be awaited
            self._running.cancel()
            raise
        except BaseException:
            await self._running.stop()
            raise
        return self._result

    def _resume(self, frame: Frame, done: int, started_ns: int | None) -> None:
        """Take over a frame whose first ``done`` nodes have run, the last maybe unfinished."""
        last = done - 1
        for rank in range(last):
            frame.done(rank, frame.result(rank))
        self._push(frame, frame.ready(done))
        if done:
            value = frame.result(last)
            if type(value) is CoroutineType:
                execution = Execution(self._run, frame, last, started_ns)
                self._running.go_on(execution, value)
            else:
                self._settle(frame, last, value)

    def _push(self, frame: Frame, ranks: list[int]) -> None:
        if ranks:
            self._ready.push(frame, ranks)

    # -- starting a node ------------------------------------------------------------------

    def _start(self, frame: Frame, rank: int) -> Awaitable[None] | None:
        """Start a node, or do what there is to do first.

        Returns:
            What has to be awaited before another one is started.
        """
        blueprint, running = frame.blueprint, self._running
        task = blueprint.graph.tasks[blueprint.order[rank]]
        is_sync = self._calls_directly and not task.is_async
        if is_sync and running.has_unstarted:
            # Those come first in plan order: let them begin first, and fail first.
            self._ready.push(frame, [rank])
            return running.let_begin()
        call = self._bare_call
        if blueprint.steps is not None:
            step = blueprint.steps[rank]
            try:
                if not self._prepare(frame, rank, step):
                    return None
            except Exception as error:
                note_origin(error, blueprint, rank)
                raise
            if step.is_managed:
                call, is_sync = self._caller.managed, False
        if is_sync:
            self._call(frame, rank)
        elif running.tasks or self._ready:
            running.spawn(frame, rank, call, task.name)
            running.has_unstarted = True
            if blueprint.steps is None:
                self._start_more(frame)
        else:
            return self._call_alone(call, frame, rank)
        return None

    def _start_more(self, frame: Frame) -> None:
        """Start the async nodes that come next, up to the next look at the clock."""
        tasks, order = frame.blueprint.graph.tasks, frame.blueprint.order
        spawn, call = self._running.spawn, self._bare_call
        ranks = self._ready.take(frame, CHUNK - 1 - self._steps % CHUNK)
        for index, rank in enumerate(ranks):
            task = tasks[order[rank]]
            if self._calls_directly and not task.is_async:
                self._ready.push(frame, ranks[index:])
                return
            spawn(frame, rank, call, task.name)
            self._steps += 1

    async def _call_alone(self, call: Work, frame: Frame, rank: int) -> None:
        """Make a call beside which nothing runs: no asyncio task is needed to wait for it."""
        try:
            value = await call(frame, rank)
        except Exception as error:
            note_origin(error, frame.blueprint, rank)
            raise
        self._settle(frame, rank, value)

    def _call(self, frame: Frame, rank: int) -> None:
        """Call a sync task here and now."""
        execution = Execution(self._run, frame, rank)
        with execution:
            args, kwargs = frame.blueprint.arguments(rank, frame.registers)
            value = frame.blueprint.task(rank).fn(*args, **kwargs)
            execution.goes_on = type(value) is CoroutineType  # a sync function around an async one
        if execution.goes_on:
            self._running.go_on(execution, value)
        else:
            self._settle(frame, rank, value)

    # -- what comes before a call, or in its place ------------------------------------------

    def _prepare(self, frame: Frame, rank: int, step: Step) -> bool:
        """Do what there is to do before a node's call.

        Returns:
            Whether the call is to be made now; else the node is done, or waits for something.
        """
        if step.condition is not None and self._lacks(frame, rank, (step.condition,)):
            return False
        reason = frame.skip_reason(rank, step)
        if reason is not None:
            self._skip(frame, rank, reason)
            return False
        if self._lacks(frame, rank, step.injected):
            return False
        if step.kind == "call":
            return not step.pure or self._claim(frame, rank)
        _INPUTS[step.kind](self, frame, rank, step)
        return False

    def _skip(self, frame: Frame, rank: int, reason: str) -> None:
        self._run.tell(TaskSkipped, frame.blueprint, rank, reason)
        if rank == frame.target:
            raise DependencyMissingError(frame.blueprint.names[rank], reason)
        self._push(frame, frame.done(rank, SKIPPED))

    def _lacks(self, frame: Frame, rank: int, registers: tuple[int, ...]) -> bool:
        """Open the resources that stand in some registers, and put their values there.

        Returns:
            Whether that has to be awaited; the node is ready again once it is done.
        """
        missing = False
        for register in registers:
            deferred = frame.registers[register]
            if type(deferred) is Deferred:
                value = self._run.resources().open_now(deferred.name)
                missing |= value is MISSING
                if value is not MISSING:
                    frame.registers[register] = value
        if missing:
            self._running.spawn(
                frame, rank, lambda *_: self._open_resources(frame, rank, registers)
            )
        return missing

    async def _open_resources(self, frame: Frame, rank: int, registers: tuple[int, ...]) -> Any:
        for register in registers:
            deferred = frame.registers[register]
            if type(deferred) is Deferred:
                try:
                    value = await self._run.resources().open(deferred.name)
                except Exception as error:
                    note_origin(error, frame.blueprint, rank)
                    raise
                frame.registers[register] = value
        return _Prepared()

    # -- pure calls --------------------------------------------------------------------------

    def _claim(self, frame: Frame, rank: int) -> bool:
        """Whether a pure call is to be made: no equal one has been, in this iteration."""
        key = key_of(frame, rank)
        if key is None:
            return True
        entry = self._memo.get(key)
        if entry is None:
            entry = self._memo[key] = Entry()
            frame.owe(rank, entry)
            return True
        if entry.value is MISSING and not entry.add_waiter(frame, rank):
            return True
        store = store_of(frame, rank)
        if store is not None:
            frame.owe(rank, store)
        if entry.value is not MISSING:
            self._reuse(frame, rank, entry.value)
            return False
        self._run.tell(TaskBlocked, frame.blueprint, rank, "equal call")
        return False

    def _reuse(self, frame: Frame, rank: int, value: Any) -> None:
        """Give a node a value that no execution made."""
        self._run.count().reuses += 1
        self._run.tell(TaskReused, frame.blueprint, rank)
        self._finish(frame, rank, value)

    # -- inputs: nodes that are no calls -------------------------------------------------------

    def _param(self, frame: Frame, rank: int, step: Step) -> None:
        self._finish(frame, rank, inputs.param(frame, rank, self._run.params))

    def _env(self, frame: Frame, rank: int, step: Step) -> None:
        self._finish(frame, rank, inputs.env(frame, rank))

    def _inject(self, frame: Frame, rank: int, step: Step) -> None:
        """The resource itself is opened by the first node that needs it; here, by the target."""
        own = frame.blueprint.order[rank]
        if frame.registers[own] is PENDING:
            (name,) = inputs.arguments_of(frame, rank)
            frame.registers[own] = Deferred(name)
        if rank != frame.target or not self._lacks(frame, rank, (own,)):
            self._finish(frame, rank, frame.registers[own])

    def _select(self, frame: Frame, rank: int, step: Step) -> None:
        """Choose a route and wait for it; the second time, take its value."""
        if rank not in frame.chosen:
            self._push(frame, frame.choose(rank, inputs.route_number(frame, rank, step)))
            return
        route = step.routes[frame.chosen[rank]]
        if not self._lacks(frame, rank, route.injected):
            self._finish(frame, rank, route.value(frame.registers))

    def _map(self, frame: Frame, rank: int, step: Step) -> None:
        calls = inputs.item_calls(frame, rank, step)
        if calls:
            frame.items[rank] = Items(calls)
            self._unopened.append((frame, rank))
        else:
            self._finish(frame, rank, [])

    def _open_item(self) -> None:
        """Open the frame of the next item of a map."""
        frame, rank = self._unopened[0]
        items = frame.items[rank]
        item, call = items.unopened.popleft()
        if not items.unopened:
            self._unopened.popleft()
        self._open(call, Parent(frame, rank, item))

    # -- settling a node --------------------------------------------------------------------

    def _collect(self, frame: Frame, rank: int, result: Any) -> None:
        """Take what an asyncio task came to, whatever it was for."""
        kind = type(result)
        if kind is Failed:
            raise result.error
        if kind is _Saved:
            self._deliver(frame, rank, result.value)
        elif kind is _Prepared:
            self._ready.push(frame, [rank])
        else:
            self._settle(frame, rank, result)

    def _settle(self, frame: Frame, rank: int, value: Any) -> None:
        """Take what a node's call came to: a value, or a call to run to a value first."""
        kind = type(value)
        if kind is Reused:
            self._reuse(frame, rank, value.value)
        elif kind is not LazyResult and kind is not TailCall:
            self._finish(frame, rank, value)
        elif rank != frame.target:
            self._open(value, Parent(frame, rank))
        elif frame.parent is not None:
            self._open(value, frame.parent, tail_of=frame)
        else:
            self._end(frame, value)

    def _open(
        self, call: LazyResult[Any] | TailCall, parent: Parent, tail_of: Frame | None = None
    ) -> None:
        """Open the frame of a sub-graph; a tail call takes over what its caller owes."""
        blueprint, inputs = self._open_plan(call)
        registers = blueprint.registers(inputs)
        frame = Frame(blueprint, registers, parent, next(self._serials), is_head=tail_of is None)
        if tail_of is not None:
            self._tell_pruned(tail_of)
            owed = tail_of.owed.get(tail_of.target)
            if owed:
                frame.owed[frame.target] = owed
        self._push(frame, frame.ready())

    def _finish(self, frame: Frame, rank: int, value: Any) -> None:
        """A node has its final value: result caches get it first, if they are owed it."""
        stores = [owed for owed in frame.owed.get(rank, ()) if type(owed) is Store]
        if stores and not (rank == frame.target and frame.parent is None):
            self._running.spawn(frame, rank, lambda *_: _save_all(stores, value))
        else:
            self._deliver(frame, rank, value)

    def _deliver(self, frame: Frame, rank: int, value: Any) -> None:
        """Hand a final value to all who wait for it, and what is final by it to those after."""
        self._values.append((frame, rank, value))
        if self._is_delivering:
            return
        self._is_delivering = True
        try:
            while self._values:
                self._deliver_one(*self._values.popleft())
        finally:
            self._is_delivering = False

    def _deliver_one(self, frame: Frame, rank: int, value: Any) -> None:
        if rank == frame.target and frame.parent is None:
            self._end(frame, value)
            return
        for owed in frame.owed.pop(rank, ()):
            if isinstance(owed, Entry):
                owed.value = value
                for waiter in owed.waiters:
                    self._reuse(*waiter, value)
        if rank != frame.target:
            self._push(frame, frame.done(rank, value))
        elif frame.parent is not None:
            self._tell_pruned(frame)
            parent, parent_rank, item = frame.parent
            if item is None:
                self._finish(parent, parent_rank, value)
            elif parent.items[parent_rank].put(item, value):
                self._finish(parent, parent_rank, parent.items.pop(parent_rank).values)

    def _end(self, frame: Frame, value: Any) -> None:
        """The target's frame is done; what it came to may be a call to go on with.

        A result cache waits for what that comes to; equal pure calls cannot: all are done before.
        """
        for owed in frame.owed.pop(frame.target, ()):
            if type(owed) is Store:
                self.store = owed
        self._tell_pruned(frame)
        self._result = value

    def _tell_pruned(self, frame: Frame) -> None:
        if self._bus.listening:
            for rank in frame.pruned():
                self._run.tell(TaskSkipped, frame.blueprint, rank, "pruned")


_INPUTS: dict[str, Callable[[Scheduler, Frame, int, Step], None]] = {
    "param": Scheduler._param,
    "env": Scheduler._env,
    "inject": Scheduler._inject,
    "select": Scheduler._select,
    "map": Scheduler._map,
}


async def _save_all(stores: list[Store], value: Any) -> _Saved:
    for store in stores:
        await save(store, value)
    return _Saved(value)
