"""The loop of one run: from target to target until there is a value.

``run`` reads top to bottom in the order things happen. There are two ways round: the graph path
takes a lazy result, reads its structure and looks its plan up; the VM takes a tail call and goes
on with the blueprint of the called task, with no lazy result, no graph and no lookup. On both, a
plan that was used often has a program, and the inner loop (``_by_program``) goes round with that
for as long as the targets fit it.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, final

from cascade_core.define.lazy import BoundCall, LazyResult, TailCall
from cascade_core.executors.local import LocalExecutor
from cascade_core.graph.model import Graph
from cascade_core.graph.reading import Reading, read
from cascade_core.graph.tokens import Key
from cascade_core.plan.cache import CachedPlan
from cascade_core.run.record import Run
from cascade_core.run.use import Use, execute_heard
from cascade_core.vm.blueprint import CHUNK, Blueprint
from cascade_core.vm.machine import STOPPED, UNFINISHED, Flavour, execute
from cascade_core.vm.steps import Registers

if TYPE_CHECKING:
    from cascade_core.run.engine import Engine
    from cascade_core.run.frame import Store


_NONE_RAN: Final = object()


@final
class Iterations:
    """The iterations of one run."""

    def __init__(self, engine: Engine, run: Run) -> None:
        self._engine = engine
        self._run = run
        self._bus = engine.bus
        self._calls_directly = type(engine.executor) is LocalExecutor
        self._slice = run.time_slice
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
        use = self._plan(target, reading, graph, use_vm)
        use.entered += use_vm
        value = await self._frame(use, reading[1], is_head=True)
        if use_vm:
            value = await self._vm_path(value, {reading[0]: use.plan})
        value = await self._graph_path(value)
        if self._store is not None:
            from cascade_core.run.reuse import save

            await save(self._store, value)
        return value

    def _plan(
        self,
        target: LazyResult[Any],
        reading: Reading,
        graph: Graph | None = None,
        on_vm: bool = False,
    ) -> Use:
        try:
            return self._engine.find_plan(self._run, target, reading, graph, on_vm)
        except BaseException:
            self._run.count().iterations += 1  # it began, and ends here
            raise

    async def _graph_path(self, value: Any) -> Any:
        """Iterate for as long as the target returns a call."""
        while type(value) is LazyResult or type(value) is TailCall:
            target = value.lazy() if type(value) is TailCall else value
            if perf_counter() >= self._slice.end:
                await self._slice.renew()
            known = self._run.uses_with_program(target._task, on_vm=False)
            value = await self._by_known_program(target, known) if known else _NONE_RAN
            if value is _NONE_RAN:
                reading = read(target)
                use = self._plan(target, reading)
                value = await self._by_plan(target, use, reading[1])
        return value

    async def _vm_path(self, value: Any, entered: dict[Key, CachedPlan]) -> Any:
        """Iterate for as long as the target returns a tail call whose arguments are all data.

        Args:
            value: What the first target returned.
            entered: The plans of this run by structure; each was looked up once.

        Returns:
            A value, or the call to go on with on the graph path.
        """
        while type(value) is TailCall:
            target = value
            if perf_counter() >= self._slice.end:
                await self._slice.renew()
            known = self._run.uses_with_program(target._task, on_vm=True)
            value = await self._by_known_program(target, known) if known else _NONE_RAN
            if value is _NONE_RAN:
                lazy = target.lazy()
                reading = key, inputs, calls = read(lazy)
                if len(calls) > 1:
                    return lazy
                if key in entered:
                    use = self._run.use_of(entered[key], on_vm=True)
                else:
                    use = self._plan(lazy, reading, on_vm=True)
                    use.entered += 1
                    entered[key] = use.plan
                value = await self._by_plan(target, use, inputs)
        return value

    # -- many iterations, or one --------------------------------------------------------------

    async def _by_known_program(self, target: BoundCall[Any], uses: Sequence[Use]) -> Any:
        """Iterate by one of some programs that this run has used for the task of the target.

        Structures may alternate, so there are a few, the latest first.
        """
        if self._bus.listening:  # the lookup has to be told first
            return _NONE_RAN
        for use in uses:
            value = await self._by_program(target, use)
            if value is not _NONE_RAN:
                if use is not uses[0]:
                    self._run.remember_program(target._task, use)
                return value
        return _NONE_RAN

    async def _by_plan(self, target: BoundCall[Any], use: Use, inputs: list[Any]) -> Any:
        """Iterate by the program of the plan that was found, or once without."""
        value = await self._by_program(target, use)
        if value is _NONE_RAN:
            return await self._frame(use, inputs, is_head=False)
        self._run.remember_program(target._task, use)
        return value

    async def _by_program(self, target: BoundCall[Any], use: Use) -> Any:
        """Iterate by the program of a plan, if it has one, for as long as that goes on.

        Args:
            target: The next target.
            use: A use of a plan.

        Returns:
            What the last iteration came to, if there was one.
        """
        program = use.plan.programs.get((use.on_vm, self._bus.listening))
        if program is None or not self._calls_directly:
            return _NONE_RAN
        before = use.iterations
        try:
            value = program.run(target, use)
        except BaseException as error:
            use.fail(error)
            raise
        if value is STOPPED or type(value) is CoroutineType:
            return await self._resume(use, value)
        # A task may return the target itself, so that alone does not mean that none ran.
        return _NONE_RAN if value is target and use.iterations == before else value

    # -- one frame ----------------------------------------------------------------------------

    async def _frame(self, use: Use, inputs: list[Any], is_head: bool) -> Any:
        """Run one frame of the target to what the target returns."""
        next(use.ticks)
        blueprint = use.plan.blueprint
        if self._engine.takes_plans and blueprint.steps is None:
            return await self._by_executor(use, inputs)
        registers = blueprint.registers(inputs)
        if blueprint.straight and self._calls_directly:
            return await self._straight(use, registers)
        use.stepwise += 1
        return await self._by_scheduler(blueprint, registers, 0, is_head)

    async def _straight(self, use: Use, registers: Registers, first: int = 0) -> Any:
        """Run a frame straight through from a rank on, with a look at the clock now and then."""
        blueprint = use.plan.blueprint
        is_heard = self._bus.listening
        run_nodes = execute_heard if is_heard else execute
        size = blueprint.last + 1
        for start in range(first, size, CHUNK):
            if start and perf_counter() >= self._slice.end:
                await self._slice.renew()
            try:
                is_through = run_nodes(blueprint, registers, use, start, min(start + CHUNK, size))
            except BaseException as error:
                use.fail(error)
                raise
            if not is_through:
                return await self._leave_straight(use, registers)
        use.plan.has_run(registers, Flavour(use.on_vm, is_heard))
        return registers[blueprint.graph.root]

    async def _resume(self, use: Use, value: Any) -> Any:
        """Go on with a frame that its program could not finish."""
        blueprint = use.plan.blueprint
        if value is not STOPPED:  # a coroutine, from the target itself
            registers = blueprint.registers([])
            registers[blueprint.graph.root] = value
            return await self._leave_straight(use, registers)
        registers, use.registers = use.registers, []
        # A program never stops at what the target itself came to.
        if type(registers[blueprint.order[use.rank]]) in UNFINISHED:
            return await self._leave_straight(use, registers)
        return await self._straight(use, registers, use.rank + 1)

    async def _leave_straight(self, use: Use, registers: Registers) -> Any:
        """Have the scheduler go on with a frame whose latest result is no value yet."""
        done = use.rank + 1
        started_ns, use.started_ns = use.started_ns, None
        self._run.go_on_node_by_node(use)
        return await self._by_scheduler(
            use.plan.blueprint, registers, done, is_head=False, started_ns=started_ns
        )

    async def _by_scheduler(
        self,
        blueprint: Blueprint,
        registers: Registers,
        done: int,
        is_head: bool,
        started_ns: int | None = None,
    ) -> Any:
        from cascade_core.run.scheduler import Scheduler  # what runs straight through needs none

        scheduler = Scheduler(self._engine, self._run, self._slice, self._open_subgraph)
        value = await scheduler.run_frame(blueprint, registers, done, is_head, started_ns)
        if scheduler.store is not None:
            self._store = scheduler.store
        if self._run.opened is not None:
            await self._run.opened.close("iteration")
        return value

    async def _by_executor(self, use: Use, inputs: list[Any]) -> Any:
        """Hand the whole plan over; all its nodes count as begun."""
        graph = use.plan.blueprint.graph
        return await self._engine.executor.execute_plan(  # type: ignore[attr-defined]  # it has it
            graph, use.plan.plan, inputs
        )

    def _open_subgraph(self, call: LazyResult[Any] | TailCall) -> tuple[Blueprint, list[Any]]:
        """The plan of a sub-graph: a lookup, but no iteration."""
        if type(call) is TailCall:
            call = call.lazy()
        reading = read(call)
        use = self._engine.find_plan(self._run, call, reading)
        use.inner += 1
        use.stepwise += 1
        return use.plan.blueprint, reading[1]
