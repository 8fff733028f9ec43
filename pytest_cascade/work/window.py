"""From when to when, and whose: which runs belong to which test.

A run belongs to the window in which it *started*, and a test's window is its call phase. A run
that starts is told apart by what its context and its thread remember:

* the context carries the token of the open window: it is counted;
* the context carries the token of another window: what that test left running started it;
* the context carries no token, but an earlier test's call phase bore the thread: likewise;
* anything else is counted if a window is open, and is nobody's business (set-up, teardown) if not.

A run that outlives its window is read when the window closes, so that a record never changes once
a test was judged by it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token
from typing import Any, Final
from weakref import WeakKeyDictionary

from pytest_cascade.probes.base import Missed, Probe, Run

from .record import Resolve, WorkRecord
from .sums import Sums

NOTHING: Final = WorkRecord()
"""What a window holds in which no engine ran."""

Guard = Callable[[Missed], None]
"""Asked before a graph is planned; may raise."""


_LOCK: Final = threading.RLock()
"""One for all windows, for every test makes one. Reentrant: collecting garbage while it is held may
run anything, even an engine."""


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
        self._lock = _LOCK
        # None until an engine runs: in most tests of most suites none does.
        self._sums: Sums | None = None
        self._final: WorkRecord | None = None

    def snapshot(self) -> WorkRecord:
        """Read the counts so far; two snapshots subtract to what happened in between."""
        with self._lock:
            if self._final is not None:
                return self._final
            return NOTHING if self._sums is None else self._sums.read()

    def engines(self) -> tuple[Any, ...]:
        """The engines that ran in this window and are still alive, in no order."""
        with self._lock:
            return () if self._sums is None else tuple(self._sums.engines)

    def close(self) -> WorkRecord:
        """Count nothing from now on; runs under way are taken as they are."""
        with self._lock:
            if self._sums is None:
                self._final = NOTHING
            else:
                self._final = self._sums.read()
                self._sums.running.clear()
            return self._final

    def begin(self, run: Run) -> None:
        """Count ``run`` from now on."""
        with self._lock:
            if self._final is None:
                if self._sums is None:
                    self._sums = Sums()
                self._sums.begin(run)

    def end(self, run: Run) -> None:
        """Take the totals of ``run`` as they are and let go of it."""
        with self._lock:
            if self._sums is not None:
                self._sums.end(run)

    def owns(self, run: Run) -> bool:
        """Tell whether ``run`` is under way in this window."""
        return self._sums is not None and id(run) in self._sums.running

    def resolved(self, resolve: Resolve, names: Iterable[str]) -> None:
        """Remember one plan that was made by a run of this window."""
        with self._lock:
            if self._sums is not None:
                self._sums.resolved(resolve, names)


class Recorder:
    """Listens to the probes and keeps the windows of one pytest configuration.

    Attributes:
        leftovers: How many runs were started by what an earlier test left running, by its node id.
        is_attached: Whether it listens.
    """

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self.probes = probes
        self.leftovers: Counter[str] = Counter()
        self.is_attached = False
        self._window: Window | None = None
        # One for each recorder, though contexts never forget one: sessions inside a test's call
        # phase must not take each other's tests for their own.
        self._owner: ContextVar[Window] = ContextVar("cascade_window")
        self._lock = threading.RLock()
        self._threads_before: set[threading.Thread] = set()
        self._strays: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()

    def attach(self) -> None:
        """Import the engines and listen to them; a second call changes nothing."""
        if not self.is_attached:
            for probe in self.probes.values():
                probe.attach(self)
            self.is_attached = True

    def detach(self) -> None:
        """Listen no more."""
        for probe in self.probes.values():
            probe.detach()
        self.is_attached = False

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
