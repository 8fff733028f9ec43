"""The probe of ``cascade_core``: turns what the engine tells into our records."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

from pytest_cascade.work.record import Resolve
from pytest_cascade.work.spies import explain_latest_calls

from .base import Missed

if TYPE_CHECKING:
    from cascade_core import Engine, Graph, LazyResult, Miss, Plan

    from .base import Listener, Run


class CascadeProbe:
    """Watches every ``cascade_core.Engine`` of the process."""

    def __init__(self) -> None:
        self._attached = ExitStack()

    def attach(self, listener: Listener) -> None:
        """Start to tell ``listener``; imports the engine."""
        import cascade_core

        self._attached.enter_context(cascade_core.observe(_Observer(listener)))

    def detach(self) -> None:
        """Stop telling."""
        self._attached.close()

    def known_tasks(self) -> set[str]:
        """Name all live tasks."""
        from cascade_core.define import live_task_names

        return set(live_task_names())


class _Observer:
    """Hears the engine's own words and passes them on in ours."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.run_started = listener.run_started
        self.run_finished = listener.run_finished

    def plan_missed(self, run: Run, target: LazyResult[Any]) -> None:
        plan_cache = cast("Engine", run.engine).plan_cache

        def reason() -> str:
            from cascade_core import build_graph

            return str(plan_cache.explain(build_graph(target).structure))

        task = target.task
        self._listener.plan_missed(run, Missed(task.name, task.source, reason))

    def plan_resolved(
        self, run: Run, graph: Graph, plan: Plan, miss: Miss, duration_ns: int
    ) -> None:
        explain_latest_calls(graph, miss)
        root = graph.nodes[graph.root]
        source = getattr(root.task, "source", None)
        resolve = Resolve(root.name, len(graph.nodes), miss, source, duration_ns)
        names = (node.name for node in graph.nodes if node.task.kind == "call")
        self._listener.plan_resolved(run, resolve, names)
