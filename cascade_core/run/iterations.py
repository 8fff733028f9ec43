"""The loop of one run: from target to target until there is a value.

``run`` reads top to bottom in the order things happen. There are two ways round: the graph path
takes a lazy result, reads its structure and looks its plan up; the VM takes a tail call and goes
on with the blueprint of the called task, with no lazy result, no graph and no lookup.
"""

from __future__ import annotations

from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, final

from cascade_core.define.lazy import LazyResult, TailCall
from cascade_core.define.task import Task
from cascade_core.executors.local import LocalExecutor
from cascade_core.graph.containers import ATOMS
from cascade_core.graph.model import Graph
from cascade_core.graph.reading import Reading, read
from cascade_core.graph.tokens import Key
from cascade_core.plan.cache import CachedPlan
from cascade_core.run.frame import Store
from cascade_core.run.notes import note_origin
from cascade_core.run.record import Run
from cascade_core.run.reuse import save
from cascade_core.run.scheduler import Scheduler
from cascade_core.run.slice import TimeSlice
from cascade_core.run.stats import Use
from cascade_core.vm.blueprint import Blueprint, Instruction
from cascade_core.vm.machine import UNFINISHED, execute
from cascade_core.vm.steps import Registers

if TYPE_CHECKING:
    from cascade_core.run.engine import Engine


@final
class Iterations:
    """The iterations of one run."""

    def __init__(self, engine: Engine, run: Run) -> None:
        self._engine = engine
        self._run = run
        self._bus = engine.bus
        self._calls_directly = type(engine.executor) is LocalExecutor
        self._slice = TimeSlice(engine.slice_ms)
        self._store: Store | None = None  # the first target's result cache

    async def run(
        self, target: LazyResult[Any], reading: Reading, graph: Graph, use_vm: bool
    ) -> Any:
        """Run the target, then what it returns, until that is a value.

        Args:
            target: The first target.
            reading: What ``read`` found in it.
            graph: Its graph, in case there is no plan for it yet.
            use_vm: Whether tail calls go to the VM.
        """
        key, inputs, _ = reading
        use = self._plan(target, reading, graph)
        if use_vm:
            use.entered += 1
            use.jumps += 1
            value = await self._frame(use, inputs, is_head=True)
            value = await self._vm_path(value, {key: use.plan})
        else:
            use.iterations += 1
            value = await self._frame(use, inputs, is_head=True)
        value = await self._graph_path(value)
        if self._store is not None:
            await save(self._store, value)
        return value

    def _plan(self, target: LazyResult[Any], reading: Reading, graph: Graph | None = None) -> Use:
        try:
            return self._engine.find_plan(self._run, target, reading, graph)
        except BaseException:
            self._run.count().iterations += 1  # it began, and ends here
            raise

    # -- the graph path ---------------------------------------------------------------------

    async def _graph_path(self, value: Any) -> Any:
        """Iterate for as long as the target returns a call."""
        run, time_slice, bus = self._run, self._slice, self._bus
        find = self._engine.plan_cache.find
        use: Use | None = None  # of the plan before, if that ran straight
        while True:
            if type(value) is TailCall:
                value = value.lazy()
            elif type(value) is not LazyResult:
                return value
            if perf_counter() >= time_slice.end:
                await time_slice.renew(run)
            reading = key, registers, _ = read(value)
            if use is None or find(key) is not use.plan or bus.listening:
                use = self._plan(value, reading)
            use.iterations += 1
            value = self._straight(use, registers)
            if value is _STOPPED:
                value = await self._go_on(use, registers, is_head=False)
                use = None  # sub-graphs may have settled the run's uses

    # -- the VM -----------------------------------------------------------------------------

    async def _vm_path(self, value: Any, entered: dict[Key, CachedPlan]) -> Any:
        """Iterate for as long as the target returns a tail call whose arguments are all data.

        Args:
            value: What the first target returned.
            entered: The plans of this run by structure; each was looked up once.

        Returns:
            A value, or the call to go on with on the graph path.
        """
        run, time_slice = self._run, self._slice
        use: Use | None = None  # of the plan before, if that ran straight
        simple: dict[Task[Any], CachedPlan] = {}  # of calls whose arguments are atoms
        while type(value) is TailCall:
            if perf_counter() >= time_slice.end:
                await time_slice.renew(run)
            task, args = value._task, value._args
            is_simple = ATOMS.issuperset(map(type, args)) and not value._kwargs
            plan = simple.get(task) if is_simple else None
            if plan is not None:
                registers = list(args)
            else:
                call = value.lazy()
                reading = key, registers, calls = read(call)
                if len(calls) > 1:
                    return call
                plan = entered.get(key)
                if plan is None:
                    new = self._plan(call, reading)
                    new.entered += 1
                    plan = entered[key] = new.plan
                if is_simple and task.identity.has_fixed_arity:
                    simple[task] = plan
            if use is None or use.plan is not plan:
                use = run.use_of(plan)
            use.jumps += 1
            value = self._straight(use, registers)
            if value is _STOPPED:
                value = await self._go_on(use, registers, is_head=False)
                use = None
        return value

    # -- one frame ----------------------------------------------------------------------------

    async def _frame(self, use: Use, registers: Registers, is_head: bool) -> Any:
        """Run one frame of the target to what the target returns."""
        value = self._straight(use, registers)
        return await self._go_on(use, registers, is_head) if value is _STOPPED else value

    def _straight(self, use: Use, registers: Registers) -> Any:
        """Run a short frame straight through, if that is the way for it.

        Returns:
            What the target returned; or _STOPPED where the frame has not begun, or has come to a
            node that has to be run to a value first.
        """
        blueprint = use.plan.blueprint
        if not (blueprint.short and self._calls_directly) or self._bus.listening:
            return _STOPPED
        self._run.use = use
        self._run.registers = registers
        self._execute(blueprint, blueprint.instructions, registers)
        value = registers[-1]
        if type(value) in UNFINISHED and not _is_finished(blueprint, registers):
            return _STOPPED
        return value

    async def _go_on(self, use: Use, registers: Registers, is_head: bool) -> Any:
        """Run a frame that ``_straight`` stopped at, from where it is, and end its iteration."""
        blueprint = use.plan.blueprint
        if self._engine.takes_plans and blueprint.steps is None:
            return await self._by_executor(use, registers)
        if len(registers) > blueprint.slots:
            value = await self._by_scheduler(blueprint, registers, is_head)
        elif not (blueprint.straight and self._calls_directly) or self._bus.listening:
            self._run.go_node_by_node(use)
            value = await self._by_scheduler(blueprint, registers, is_head)
        else:
            value = await self._chunk_by_chunk(use, registers)
        if self._run.opened is not None:
            await self._run.opened.close("iteration")
        return value

    async def _chunk_by_chunk(self, use: Use, registers: Registers) -> Any:
        """Run a long frame straight, with a look at the clock after each chunk."""
        self._run.use = use
        self._run.registers = registers
        blueprint = use.plan.blueprint
        for chunk in blueprint.chunks:
            self._execute(blueprint, chunk, registers)
            if type(registers[-1]) in UNFINISHED:
                break
            if perf_counter() >= self._slice.end:
                await self._slice.renew(self._run)
        if _is_finished(blueprint, registers):
            return registers[-1]
        return await self._by_scheduler(blueprint, registers, is_head=False)

    def _execute(
        self, blueprint: Blueprint, instructions: tuple[Instruction, ...], registers: Registers
    ) -> None:
        try:
            execute(instructions, registers)
        except Exception as error:
            note_origin(error, blueprint, len(registers) - blueprint.slots)
            raise

    async def _by_scheduler(self, blueprint: Blueprint, registers: Registers, is_head: bool) -> Any:
        self._run.leave_straight()
        scheduler = Scheduler(self._engine, self._run, self._slice, self._open_subgraph)
        value = await scheduler.run_frame(blueprint, registers, is_head)
        if scheduler.store is not None:
            self._store = scheduler.store
        return value

    async def _by_executor(self, use: Use, inputs: Registers) -> Any:
        """Hand the whole plan over; all its nodes count as begun."""
        graph = use.plan.blueprint.graph
        return await self._engine.executor.execute_plan(  # type: ignore[attr-defined]  # it has it
            graph, use.plan.plan, inputs
        )

    def _open_subgraph(self, call: LazyResult[Any] | TailCall) -> tuple[Blueprint, Registers]:
        """The plan of a sub-graph: a lookup, but no iteration."""
        if type(call) is TailCall:
            call = call.lazy()
        reading = read(call)
        use = self._engine.find_plan(self._run, call, reading)
        use.inner += 1
        self._run.go_node_by_node(use)
        return use.plan.blueprint, reading[1]


_STOPPED = object()


def _is_finished(blueprint: Blueprint, registers: Registers) -> bool:
    """Whether all nodes have run, so that the last register is what the target returned."""
    return len(registers) == blueprint.size and type(registers[-1]) is not CoroutineType
