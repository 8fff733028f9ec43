"""Observers: process-wide listeners that hear every engine, whoever made it.

They are told per run and per miss, never per iteration; counts are read from ``run.totals``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cascade_core.define.lazy import LazyResult, TailCall
    from cascade_core.graph.model import Graph
    from cascade_core.plan.miss import Miss
    from cascade_core.plan.solver import Plan
    from cascade_core.run.record import Run

_log = logging.getLogger("cascade_core.observe")
_lock = threading.Lock()
_observers: tuple[object, ...] = ()


@contextmanager
def observe(observer: object) -> Iterator[None]:
    """Tell ``observer`` of every run and miss in this process while the block lasts.

    Args:
        observer: An object with any of these methods, called in the thread that runs the engine:

            - ``run_started(run)``: ``run.engine`` runs it, ``run.totals`` are its live counters;
            - ``plan_missed(run, target)``: before the solver; an exception from it fails the run;
            - ``plan_resolved(run, graph, plan, miss, duration_ns)``;
            - ``run_finished(run)``: the totals are final.

            An exception from any other than ``plan_missed`` is logged, and fails nothing.
    """
    global _observers
    with _lock:
        _observers = (*_observers, observer)
    try:
        yield
    finally:
        with _lock:
            kept = list(_observers)
            kept.remove(observer)
            _observers = tuple(kept)


def run_started(run: Run) -> None:
    """Tell that a run began."""
    _tell("run_started", run)


def plan_missed(run: Run, target: LazyResult[Any] | TailCall) -> None:
    """Tell that a lookup missed; what an observer raises goes through."""
    for observer in _observers:
        method = getattr(observer, "plan_missed", None)
        if method is not None:
            method(run, target)


def plan_resolved(run: Run, graph: Graph, plan: Plan, miss: Miss, duration_ns: int) -> None:
    """Tell that the solver made a plan."""
    _tell("plan_resolved", run, graph, plan, miss, duration_ns)


def run_finished(run: Run) -> None:
    """Tell that a run ended."""
    _tell("run_finished", run)


def _tell(what: str, *args: object) -> None:
    for observer in _observers:
        method = getattr(observer, what, None)
        if method is not None:
            try:
                method(*args)
            except Exception:
                _log.exception("observer %r raised in %s", observer, what)
