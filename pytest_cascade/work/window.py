"""From when to when, and whose: which runs belong to which test.

A run belongs to the window in which it *started*, and a test's window is its call phase. A run
that starts is told apart by what its context and its thread remember:

* the context carries the token of the open window: it is counted;
* the context carries the token of another window: what that test left running started it;
* the context carries no token, but an earlier test's call phase bore the thread: likewise;
* anything else is counted if a window is open, and is nobody's business (set-up, teardown) if not.

Counts are sums of the totals of runs. A run that outlives its window is read when the window
closes, so that a record never changes once a test was judged by it.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from pytest_cascade.probes.base import Missed, Probe, Run, Totals

from .record import COUNTERS, Resolve, WorkRecord

MAX_RESOLVES: Final = 1_000
"""So many resolves of a window are kept, the first ones."""

Guard = Callable[[Missed], None]
"""Asked before a graph is planned; may raise."""


@dataclass(slots=True)
class Tally:
    """A sum of totals, with the fields of one."""

    iterations: int = 0
    lookups: int = 0
    hits: int = 0
    misses: int = 0
    evictions: int = 0
    resolves: int = 0
    builds: int = 0
    executions: int = 0
    attempts: int = 0
    reuses: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    task_attempts: Counter[str] = field(default_factory=Counter)

    def add(self, totals: Totals) -> None:
        """Add totals as they are now."""
        for name in COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(totals, name))
        # Copied first: the run may be counting on in another thread.
        self.tasks.update(totals.tasks.copy())
        self.task_attempts.update(totals.task_attempts.copy())


class Window:
    """The call phase of one test, and the sum of what was run in it.

    Safe to read from any thread at any time, while engines run too.

    Attributes:
        test: The test's node id.
        guards: Who is asked before a graph is planned.
        complaints: What is wrong with the test whatever its markers say, by who says so.
        judged: Set by whoever holds the test's markers against parts of the window, so that they
            are not held against the whole of it as well.
    """

    def __init__(self, test: str) -> None:
        self.test = test
        self.guards: list[Guard] = []
        self.judged = False
        self.complaints: dict[str, str] = {}
        # Reentrant: collecting garbage while it is held may run anything, even an engine.
        self._lock = threading.RLock()
        self._runs = 0
        self._running: dict[int, Run] = {}
        self._finished = Tally()
        self._nodes = 0
        self._timeline: list[Resolve] = []
        self._names: set[str] = set()
        self._engines: WeakSet[Any] = WeakSet()
        self._final: WorkRecord | None = None

    def snapshot(self) -> WorkRecord:
        """Read the counts so far; two snapshots subtract to what happened in between."""
        with self._lock:
            return self._final or self._read()

    def engines(self) -> tuple[Any, ...]:
        """The engines that ran in this window and are still alive, in no order."""
        with self._lock:
            return tuple(self._engines)

    def close(self) -> WorkRecord:
        """Count nothing from now on; runs under way are taken as they are."""
        with self._lock:
            self._final = self._read()
            self._running.clear()
            return self._final

    def begin(self, run: Run) -> None:
        """Count ``run`` from now on."""
        with self._lock:
            if self._final is None:
                self._runs += 1
                self._running[id(run)] = run
                self._engines.add(run.engine)

    def end(self, run: Run) -> None:
        """Take the totals of ``run`` as they are and let go of it."""
        with self._lock:
            if self._running.pop(id(run), None) is not None:
                self._finished.add(run.totals)

    def owns(self, run: Run) -> bool:
        """Tell whether ``run`` is under way in this window."""
        return id(run) in self._running

    def resolved(self, resolve: Resolve, names: Iterable[str]) -> None:
        """Remember one plan that was made."""
        with self._lock:
            self._nodes += resolve.nodes
            if len(self._timeline) < MAX_RESOLVES:
                self._timeline.append(resolve)
                self._names.update(names)

    def _read(self) -> WorkRecord:
        sums = Tally()
        sums.add(self._finished)
        for run in self._running.values():
            sums.add(run.totals)
        return WorkRecord(
            runs=self._runs,
            running=len(self._running),
            nodes=self._nodes,
            tasks=sums.tasks,
            task_attempts=sums.task_attempts,
            timeline=tuple(self._timeline),
            names=frozenset(self._names),
            **{name: getattr(sums, name) for name in COUNTERS},
        )


class Recorder:
    """Listens to the probes and keeps the windows of one pytest configuration.

    Attributes:
        leftovers: How many runs were started by what an earlier test left running, by its node id.
    """

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self.probes = probes
        self.leftovers: Counter[str] = Counter()
        self._window: Window | None = None
        # One for each recorder, though contexts never forget one: sessions inside a test's call
        # phase must not take each other's tests for their own.
        self._owner: ContextVar[Window] = ContextVar("cascade_window")
        self._lock = threading.RLock()
        self._threads_before: set[threading.Thread] = set()
        self._strays: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()

    def is_triggered(self) -> bool:
        """Tell whether an engine may be in use, because its module was imported."""
        for probe in self.probes.values():  # noqa: SIM110 - any() costs a call for each probe
            if probe.trigger in sys.modules:
                return True
        return False

    def attach(self) -> None:
        """Import the engines and listen to them."""
        for probe in self.probes.values():
            probe.attach(self)

    def detach(self) -> None:
        """Listen no more."""
        for probe in self.probes.values():
            probe.detach()

    def open(self, window: Window) -> Token[Window]:
        """Make ``window`` the one that runs belong to, until it is closed."""
        with self._lock:
            self._threads_before = set(threading.enumerate())
            self._window = window
        return self._owner.set(window)

    def close(self, window: Window, token: Token[Window]) -> WorkRecord:
        """End ``window``, opened with ``token``; threads born in it are its test's leftovers."""
        self._owner.reset(token)
        with self._lock:
            self._window = None
            for thread in threading.enumerate():
                if thread not in self._threads_before:
                    self._strays[thread] = window.test
            self._threads_before = set()
        return window.close()

    def run_started(self, run: Run) -> None:
        """Find the window of ``run``; part of what probes call."""
        with self._lock:
            window = self._window
            owner = self._owner.get(None)
            if owner is None:
                leftover_of = self._strays.get(threading.current_thread())
            else:
                leftover_of = None if owner is window else owner.test
            if leftover_of is not None:
                self.leftovers[leftover_of] += 1
            elif window is not None:
                window.begin(run)

    def plan_missed(self, run: Run, missed: Missed) -> None:
        """Ask the guards of the window; part of what probes call."""
        window = self._window
        if window is not None and window.owns(run):
            for guard in tuple(window.guards):
                guard(missed)

    def plan_resolved(self, run: Run, resolve: Resolve, names: Iterable[str]) -> None:
        """Remember the plan; part of what probes call."""
        window = self._window
        if window is not None and window.owns(run):
            window.resolved(resolve, names)

    def run_finished(self, run: Run) -> None:
        """Take the totals of ``run``; part of what probes call."""
        window = self._window
        if window is not None:
            window.end(run)
