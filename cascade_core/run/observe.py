"""Observers: process-wide listeners that hear every engine, whoever made it.

They are told per run and per miss, never per iteration; counts are read from ``run.totals``.
"""

from __future__ import annotations

import logging
import math
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
_is_bare = False


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


@contextmanager
def bare_runs() -> Iterator[None]:
    """Have engines do nothing but run while the block lasts, in this whole process.

    No observer is told of anything, and no run that begins meanwhile yields to the event loop by
    the clock. So what a loop costs can be counted, in calls or opcodes, exactly and repeatably.
    Counters and events on buses stay as they are. Blocks do not nest.
    """
    global _is_bare
    _is_bare = True
    try:
        yield
    finally:
        _is_bare = False


def run_started(run: Run) -> None:
    """Tell that a run began."""
    if _is_bare:
        run.time_slice.end = math.inf
    _tell("run_started", run)


def plan_missed(run: Run, target: LazyResult[Any] | TailCall) -> None:
    """Tell that a lookup missed; what an observer raises goes through."""
    for observer in _listeners():
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
    for observer in _listeners():
        method = getattr(observer, what, None)
        if method is not None:
            try:
                method(*args)
            except Exception:
                _log.exception("observer %r raised in %s", observer, what)


def _listeners() -> tuple[object, ...]:
    return () if _is_bare else _observers
