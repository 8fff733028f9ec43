"""A solver that remembers its calls. Works alone, without any test or window."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final
from weakref import ref

if TYPE_CHECKING:
    from cascade_core import Graph, Miss, Plan, Solver

MAX_CALLS: Final = 1_000
"""So many calls are kept by each solver, the first ones."""

NESTED_SPIES: Final = 8
"""So many spies around one another still learn why they were called."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class SpiedCall:
    """One call of ``resolve``."""

    graph: Graph
    """What was to be planned."""
    plan: Plan | None = None
    """What came of it; None if the solver raised."""
    miss: Miss | None = None
    """Why no cached plan fitted; None for a call outside a run."""
    duration_ns: int = 0
    """Time inside the solver."""


class _LatestCalls(threading.local):
    """The latest calls of this thread: an engine tells the reason right after the call."""

    def __init__(self) -> None:
        self.calls: deque[ref[SpiedCall]] = deque(maxlen=NESTED_SPIES)


_latest = _LatestCalls()


def explain_latest_calls(graph: Graph, miss: Miss) -> None:
    """Tell the calls that just planned ``graph`` why they were needed."""
    for reference in _latest.calls:
        call = reference()
        if call is not None and call.graph is graph:
            call.miss = miss
    _latest.calls.clear()


class SpiedSolver:
    """A solver that delegates to another one and remembers each call.

    Args:
        solver: The solver that does the work; ``cascade_core.NativeSolver()`` if None.

    Cost: two clock readings and one record per resolve; the first 1,000 records are kept.
    """

    def __init__(self, solver: Solver | None = None) -> None:
        if solver is None:
            from cascade_core import NativeSolver

            solver = NativeSolver()
        self.solver: Solver = solver
        self._lock = threading.Lock()
        self._call_count = 0
        self._calls: list[SpiedCall] = []

    @property
    def call_count(self) -> int:
        """How often ``resolve`` was called."""
        return self._call_count

    @property
    def calls(self) -> tuple[SpiedCall, ...]:
        """The first 1,000 calls in order, each with ``graph plan miss duration_ns``."""
        return tuple(self._calls)

    def resolve(self, graph: Graph) -> Plan:
        """Let the real solver plan ``graph``, and remember it."""
        call = SpiedCall(graph)
        self._remember(call)
        started_ns = perf_counter_ns()
        try:
            call.plan = self.solver.resolve(graph)
        finally:
            call.duration_ns = perf_counter_ns() - started_ns
        return call.plan

    def _remember(self, call: SpiedCall) -> None:
        _latest.calls.append(ref(call))
        with self._lock:
            self._call_count += 1
            if len(self._calls) < MAX_CALLS:
                self._calls.append(call)
