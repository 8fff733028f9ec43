"""Fakes shared by the tests: parts of an engine that note what they are asked to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cascade_core as cs


class EventLog:
    """Notes every event of an engine."""

    def __init__(self, engine: cs.Engine) -> None:
        self.events: list[cs.Event] = []
        engine.bus.subscribe(cs.Event, self.events.append)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def started(self) -> list[str]:
        return [event.task for event in self.of(cs.TaskStarted)]

    def finished(self) -> list[tuple[str, str]]:
        return [(event.task, event.status) for event in self.of(cs.TaskFinished)]


class RecordingExecutor:
    """Runs tasks as ``LocalExecutor`` does and notes their names."""

    def __init__(self, places: frozenset[str] = frozenset()) -> None:
        self.places = places
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._local = cs.LocalExecutor()

    async def execute(self, node: cs.Node, args: Any, kwargs: Any) -> Any:
        self.calls.append((node.name, tuple(args), dict(kwargs)))
        return await self._local.execute(node, args, kwargs)


class WholePlanExecutor(RecordingExecutor):
    """Takes whole plans and runs them node by node, in plan order."""

    def __init__(self) -> None:
        super().__init__()
        self.plans = 0

    async def execute_plan(self, graph: cs.Graph, plan: cs.Plan, inputs: Any) -> Any:
        self.plans += 1
        values: dict[int, Any] = {}
        for stage in plan.stages:
            for position in stage:
                args, kwargs = graph.arguments(position, inputs, values)
                values[position] = await self.execute(graph.nodes[position], args, kwargs)
        return values[graph.root]


class FixedSolver:
    """Answers every graph with what a function makes of it."""

    def __init__(self, answer: Callable[[cs.Graph], Any]) -> None:
        self._answer = answer

    def resolve(self, graph: cs.Graph) -> Any:
        return self._answer(graph)


class ObserverLog:
    """Notes what an observer is told; the totals as they are at that moment."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.runs: list[cs.Run] = []
        self.totals: list[dict[str, int]] = []
        self.misses: list[cs.Miss] = []

    def _note(self, what: str, run: cs.Run) -> None:
        self.told.append(what)
        self.runs.append(run)
        self.totals.append(run.totals.as_dict())

    def run_started(self, run: cs.Run) -> None:
        self._note("run_started", run)

    def plan_missed(self, run: cs.Run, target: Any) -> None:
        self._note("plan_missed", run)

    def plan_resolved(
        self, run: cs.Run, graph: cs.Graph, plan: cs.Plan, miss: cs.Miss, duration_ns: int
    ) -> None:
        self.misses.append(miss)
        self._note("plan_resolved", run)

    def run_finished(self, run: cs.Run) -> None:
        self._note("run_finished", run)
