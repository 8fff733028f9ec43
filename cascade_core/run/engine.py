"""The engine: ``run`` takes a target to its value, iteration by iteration.

Read ``Engine.run``, then ``Iterations.run``: an iteration is read into a key and its data, its
plan is found or made, and its blueprint runs. What the target returns ends the run or is the next
target. This file owns what lasts longer than a run: the parts, the plans, the counters.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from typing import Any, TypeVar, final

from cascade_core.bus import MessageBus
from cascade_core.define.lazy import LazyResult
from cascade_core.errors import BlueprintError, CascadeError, GraphError, UnknownNameError
from cascade_core.events import PlanResolved, PlanReused, RunFinished, RunStarted
from cascade_core.executors.base import Executor
from cascade_core.executors.local import LocalExecutor
from cascade_core.graph.build import graph_of, require_lazy
from cascade_core.graph.model import Graph
from cascade_core.graph.reading import Reading, read
from cascade_core.plan.cache import CachedPlan, PlanCache
from cascade_core.plan.solver import NativeSolver, Solver, checked_order
from cascade_core.run import observe
from cascade_core.run.iterations import Iterations
from cascade_core.run.limits import Limits
from cascade_core.run.notes import drop_engine_frames, status_of
from cascade_core.run.providers import sort_resources
from cascade_core.run.record import Run
from cascade_core.run.slice import checked_slice_ms
from cascade_core.run.stats import Stats, Tally
from cascade_core.run.use import Use
from cascade_core.vm.blueprint import Blueprint

R = TypeVar("R")


@final
class Engine:
    """Runs lazy results, and plans each structure once.

    Args:
        solver: Orders graphs; ``NativeSolver()`` by default. Its ``resolve`` is looked up at
            every miss.
        executor: Runs the tasks; ``LocalExecutor()`` by default.
        bus: Tells what happens; a bus of its own by default.
        plan_cache: Keeps the plans; ``PlanCache()`` by default. Engines of one thread may share it.
        resources: By name, what nodes may ``inject``: providers made by ``resource`` (or functions,
            for scope ``run``); and what constraints may take amounts of: capacities, numbers >= 0.
        slice_ms: A run yields to the event loop when so many milliseconds have passed; 0 yields at
            every look at the clock (after each iteration and every 32 nodes), infinity never.

    Raises:
        TypeError: A part does not have what its protocol asks for, or a resource is neither
            provider nor capacity.
        ValueError: ``slice_ms`` is no number >= 0.
        GraphError: Providers need what they cannot have (``UnknownNameError``, ``CycleError``).

    One engine belongs to one thread at a time; several runs at once on one event loop are
    independent of each other.
    """

    def __init__(
        self,
        solver: Solver | None = None,
        executor: Executor | None = None,
        bus: MessageBus | None = None,
        *,
        plan_cache: PlanCache | None = None,
        resources: Mapping[str, Any] | None = None,
        slice_ms: float = 1.0,
    ) -> None:
        self.solver: Solver = NativeSolver() if solver is None else solver
        self.executor: Executor = LocalExecutor() if executor is None else executor
        self.bus = MessageBus() if bus is None else bus
        self.plan_cache = PlanCache() if plan_cache is None else plan_cache
        self.providers, capacities = sort_resources(resources)
        self.limits = Limits(capacities)
        self.slice_ms = checked_slice_ms(slice_ms)
        _require("solver", self.solver, "resolve")
        _require("executor", self.executor, "execute")
        _require("bus", self.bus, "publish")
        _require("plan_cache", self.plan_cache, "find")
        self._places = frozenset({"local"}) | getattr(self.executor, "places", frozenset())
        self.takes_plans = hasattr(self.executor, "execute_plan")
        self._settled = Tally()
        self._active: dict[int, Run] = {}
        self._thread = 0

    @property
    def stats(self) -> Stats:
        """Live counters of all its runs."""
        return Stats(self._tally)

    async def run(
        self,
        target: LazyResult[R],
        params: Mapping[str, Any] | None = None,
        use_vm: bool = False,
    ) -> R:
        """Run a lazy result to its value, with all its tail calls.

        Args:
            target: What to run.
            params: Values by name for the run's parameters.
            use_vm: Run tail calls made with ``Task.tail`` on the VM, without a graph.

        Returns:
            The first value of the target, or of what it tail-called, that is no call itself.

        Raises:
            TypeError: ``target`` is no lazy result, or ``params`` no mapping.
            GraphError: The target cannot be made into a graph that this engine can run.
            ConstraintError: A constraint can never be met.
            DependencyMissingError: The target was skipped.
            BlueprintError: ``use_vm`` with an executor that takes whole plans.
            PlanError: The solver's plan does not fit its graph.
            CascadeError: The engine is running in another thread.
            Exception: What a task raises, as it is, with a note that names the node.

        Cost: a structure seen before costs a walk over its calls; memory stays constant over
        tail calls.
        """
        require_lazy(target)
        if params is not None and not isinstance(params, Mapping):
            raise TypeError(f"params must be a mapping of names to values, got {params!r}")
        if use_vm and self.takes_plans:
            raise BlueprintError(
                "use_vm runs tasks in this process, but the executor "
                f"{type(self.executor).__name__} takes whole plans"
            )
        self._claim_thread()
        reading = key, inputs, _ = read(target)
        known = self.plan_cache.find(key)
        graph = graph_of(reading) if known is None else known.blueprint.graph
        self._admit(graph, inputs)
        run = Run(self, params)
        error: BaseException | None = None
        try:
            self._begin(run)
            try:
                value: R = await Iterations(self, run).run(target, reading, graph, use_vm)
                if run.opened is not None:
                    await run.opened.close("run")
            except BaseException as raised:
                if run.opened is not None:
                    await run.opened.fail(raised)
                raise
        except BaseException as raised:
            error = raised
            drop_engine_frames(raised)
            raise
        finally:
            self._finish(run, error)
        return value

    # -- plans ------------------------------------------------------------------------------

    def find_plan(
        self,
        run: Run,
        target: LazyResult[Any],
        reading: Reading,
        graph: Graph | None = None,
        on_vm: bool = False,
    ) -> Use:
        """Look up the plan of a target, or make it; the caller counts the use.

        Args:
            run: The run that needs it.
            target: The lazy result.
            reading: What ``read`` found in it.
            graph: Its graph, if one was made already.
            on_vm: Whether it is for the VM.
        """
        plan = self.plan_cache.find(reading[0])
        if plan is None:
            return self._resolve(run, target, reading, graph, on_vm)
        if self.bus.listening:
            self.bus.publish(PlanReused(run))
        try:  # amounts are of this run; and an engine that has more may share the cache
            self._admit(plan.blueprint.graph, reading[1])
        except CascadeError:
            run.count().hits += 1  # a hit all the same, of a use that never comes about
            plan.hits_settled += 1
            raise
        return run.use_of(plan, on_vm)

    def _resolve(
        self,
        run: Run,
        target: LazyResult[Any],
        reading: Reading,
        graph: Graph | None,
        on_vm: bool,
    ) -> Use:
        key, inputs, _ = reading
        observe.plan_missed(run, target)
        graph = graph or graph_of(reading)
        count = run.count()
        count.builds += 1
        count.misses += 1
        count.resolves += 1
        miss = self.plan_cache.miss(graph.structure)
        started_ns = perf_counter_ns()
        plan = self.solver.resolve(graph)
        duration_ns = perf_counter_ns() - started_ns
        blueprint = Blueprint(graph, checked_order(graph, plan), len(inputs))
        cached = CachedPlan(plan, blueprint)
        count.evictions += self.plan_cache.store(key, cached)
        observe.plan_resolved(run, graph, plan, miss, duration_ns)
        if self.bus.listening:
            self.bus.publish(PlanResolved(run, miss, duration_ns))
        self._admit(graph, inputs)
        use = run.use_of(cached, on_vm)
        use.misses += 1  # last: until the caller counts the use, it would make a hit too few
        return use

    def _admit(self, graph: Graph, inputs: Sequence[Any]) -> None:
        """Refuse a graph that asks for what this engine does not have, before any of it runs."""
        demands = graph.demands
        missing = demands.places - self._places
        if missing:
            raise GraphError(
                f"a task asks to run on {', '.join(sorted(missing))}, but the executor "
                f"{type(self.executor).__name__} has {', '.join(sorted(self._places))}"
            )
        for position, name, slot in demands.constraints:
            task = graph.tasks[position].name
            self.limits.check_name(name, task)
            if slot is not None:
                self.limits.check_amount(name, inputs[slot], task)
        for slot in demands.injected:
            if inputs[slot] not in self.providers:
                raise UnknownNameError("resource", inputs[slot], self.providers)

    # -- runs -------------------------------------------------------------------------------

    def _claim_thread(self) -> None:
        thread = threading.get_ident()
        if self._active and self._thread != thread:
            raise CascadeError(
                "the engine is running in another thread; make an engine for each thread"
            )
        self._thread = thread

    def _begin(self, run: Run) -> None:
        self._active[run.id] = run
        observe.run_started(run)
        if self.bus.listening:
            self.bus.publish(RunStarted(run))

    def _finish(self, run: Run, error: BaseException | None) -> None:
        run.settle()
        self._settled.add(run.count())
        del self._active[run.id]
        if self.bus.listening:
            self.bus.publish(RunFinished(run, status_of(error)))
        observe.run_finished(run)

    def _tally(self) -> Tally:
        total = Tally()
        total.add(self._settled)
        for run in list(self._active.values()):
            total.add(run.tally())
        return total


def run(
    target: LazyResult[R],
    params: Mapping[str, Any] | None = None,
    *,
    use_vm: bool = False,
    **engine_options: Any,
) -> R:
    """Run a lazy result to its value, for callers that are not async themselves.

    Makes an engine and an event loop for this one run.

    Args:
        target: What to run.
        params: Values by name for the run's parameters.
        use_vm: Run tail calls made with ``Task.tail`` on the VM.
        engine_options: What ``Engine`` takes.

    Raises:
        CascadeError: Called where an event loop runs already; ``await engine.run(...)`` there.
        Exception: Whatever ``Engine`` and ``Engine.run`` raise.
    """
    __tracebackhide__ = True  # pytest shows what the task raised, not how it got here
    engine = Engine(**engine_options)
    if _in_event_loop():
        raise CascadeError(
            "run() cannot be called from a running event loop: await engine.run(...)"
        )
    # A loop factory leaves the thread's current event loop, if it has one, to its owner.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(engine.run(target, params, use_vm))


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _require(what: str, part: object, method: str) -> None:
    if not callable(getattr(part, method, None)):
        raise TypeError(f"{what} must have a method {method!r}, got {part!r}")
