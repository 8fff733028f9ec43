"""The probe of ``cascade_core``: turns what the engine tells into our records.

Every session makes one, so what it needs to watch is imported when it does.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

from . import DEFAULT_ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import FrameType

    from cascade_core import Engine, Graph, LazyResult, Miss, Plan

    from .base import Capability, Emit, Run

PASSED_OVER = frozenset({"cascade_core", "pytest_cascade", "asyncio", "contextlib", ""})
"""Packages between an engine and whoever called it; plans that were written out have no name."""

NO_USERS = frozenset({"_pytest", "pluggy", "pytest_asyncio", "anyio", "threading", "concurrent"})
"""Packages below which nobody called an engine: an event loop or a pool drives the run."""


class CascadeProbe:
    """Watches every ``cascade_core.Engine`` of the process."""

    engine = DEFAULT_ENGINE
    triggers = ("cascade_core",)

    def __init__(self) -> None:
        self._attached = ExitStack()

    def capabilities(self) -> Mapping[str, Capability]:
        """All counters, exactly."""
        from pytest_cascade.counted import COUNTED

        return dict.fromkeys(COUNTED, "exact")

    def attach(self, emit: Emit) -> None:
        """Start to tell ``emit``; imports the engine."""
        import cascade_core

        self._attached.enter_context(cascade_core.observe(_Observer(emit)))

    def detach(self) -> None:
        """Stop telling."""
        self._attached.close()

    def known_tasks(self) -> Iterable[str]:
        """Name all live tasks."""
        from cascade_core.define import live_task_names

        return live_task_names()


class _Observer:
    """Hears the engine's own words and passes them on in ours."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.run_started = emit.run_started
        self.run_finished = emit.run_finished

    def plan_missed(self, run: Run, target: LazyResult[Any]) -> None:
        from .base import Missed

        plan_cache = cast("Engine", run.engine).plan_cache

        def reason() -> str:
            from cascade_core import build_graph

            return str(plan_cache.explain(build_graph(target).structure))

        task = target.task
        self._emit.plan_missed(run, Missed(task.name, task.source, reason))

    def plan_resolved(
        self, run: Run, graph: Graph, plan: Plan, miss: Miss, duration_ns: int
    ) -> None:
        from pytest_cascade.work.record import Resolve
        from pytest_cascade.work.spies import explain_latest_calls

        explain_latest_calls(graph, miss)
        root = graph.nodes[graph.root]
        redefined = (node for node in graph.nodes if node.name in miss.redefined)
        resolve = Resolve(
            root.name,
            len(graph.nodes),
            miss,
            source=getattr(next(redefined, root).task, "source", None),
            called_from=_users_line(),
            duration_ns=duration_ns,
            structure=miss.structure,
        )
        names = (node.name for node in graph.nodes if node.task.kind == "call")
        self._emit.plan_resolved(run, resolve, names)


def _users_line() -> tuple[str, int] | None:
    """File and line where a user's code asked for the run; None if only an event loop drives it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in NO_USERS:
            return None
        if package not in PASSED_OVER:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None
