"""Whose work it is: runs and events, told by probes, are put into the window they belong to.

A run belongs to the window in which it *started*, and a test's window is its call phase. A run
that starts is told apart by what its context and its thread remember:

* the context carries the token of the open window: it is counted;
* the context carries the token of another window: what that test left running started it;
* the context carries no token, but an earlier test's call phase bore the thread: likewise;
* anything else is counted if a window is open, and is nobody's business (set-up, teardown) if not.

A single event goes by the same rule; one of a run goes where the run's beginning went. A run that
outlives its window is read when the window closes, so that a record never changes once a test was
judged by it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar, Token
from typing import Any, Final
from weakref import WeakKeyDictionary

from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.probes.base import EVENT_COUNTERS, EngineProbe, Event, Missed, Run
from pytest_cascade.probes.imports import ImportWatch, is_whole

from .record import Resolve, WorkRecord
from .window import Window

KINDS: Final = ", ".join(dict.fromkeys(kind for kind, _ in EVENT_COUNTERS))

FLUSH_TIMEOUT_S: Final = 10.0
"""So long a probe may wait for the last events of a test."""


class Recorder:
    """Listens to the probes and keeps the windows of one pytest configuration.

    Attributes:
        probes: All probes by engine; those of engines that are not in use are not attached.
        judges_idle: Whether tests are judged that did nothing and are not marked.
        keeps_order: Whether resolves are to tell what was done before them.
        wanted: The engines to be attached although nobody imported them: what tests ask for.
        failed: Why a probe is of no use, by engine; told at the end.
        leftovers: How many runs were started by what an earlier test left running, by its node id.
    """

    def __init__(
        self,
        probes: Mapping[str, EngineProbe],
        *,
        judges_idle: bool = False,
        keeps_order: bool = False,
    ) -> None:
        self.probes = probes
        self.judges_idle = judges_idle
        self.keeps_order = keeps_order
        self.wanted: set[str] = {DEFAULT_ENGINE}
        self.failed: dict[str, str] = {}
        self.leftovers: Counter[str] = Counter()
        self._unattached = dict(probes)
        self._imports = ImportWatch(self.attach)
        self._attached: list[EngineProbe] = []
        self._scoped: list[EngineProbe] = []
        # Of these the ones that want to know when a test begins or ends.
        self._window: Window | None = None
        # One for each recorder, though contexts never forget one: sessions inside a test's call
        # phase must not take each other's tests for their own.
        self._owner: ContextVar[Window] = ContextVar("cascade_window")
        self._lock = threading.RLock()
        self._threads_before: set[threading.Thread] = set()
        self._strays: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()
        self._run_windows: dict[object, Window | None] = {}

    def add(self, probe: EngineProbe) -> None:
        """Know a probe that was offered late."""
        self._unattached[probe.engine] = probe

    def watches(self, engine: str) -> bool:
        """Tell whether the probe of ``engine`` is attached and works."""
        is_attached = any(probe.engine == engine for probe in self._attached)
        return is_attached and engine not in self.failed

    def known_tasks(self, engine: str) -> Iterable[str]:
        """Name the tasks of ``engine`` that are alive, as far as its probe can."""
        known = getattr(self.probes[engine], "known_tasks", None)
        found: list[str] = []
        if known is not None:
            self._tried(engine, lambda: found.extend(known()), name="known_tasks")
        return found

    def attach(self, imported: str = "") -> None:
        """Listen to the engines that are imported or wanted and are not listened to yet.

        Args:
            imported: The module that is just now whole, if one is.
        """
        for engine, probe in tuple(self._unattached.items()):
            is_used = any(name == imported or is_whole(name) for name in probe.triggers)
            if not (engine in self.wanted or is_used):
                continue
            if self._unattached.pop(engine, None) is not None:  # to attach one may import another
                self._attach(probe)
        self._imports.await_(name for probe in self._unattached.values() for name in probe.triggers)

    def _attach(self, probe: EngineProbe) -> None:
        if self._tried(probe.engine, probe.attach, Ear(self, probe.engine)):
            self._attached.append(probe)
            if any(hasattr(probe, name) for name in ("begin", "flush", "end")):
                self._scoped.append(probe)
                if self._window is not None:
                    self._begin(probe, self._window)

    def detach(self) -> None:
        """Listen no more."""
        for probe in self._attached:
            self._tried(probe.engine, probe.detach)
        self._imports.stop()
        self._attached.clear()
        self._scoped.clear()
        self._unattached = dict(self.probes)

    def open(self, window: Window) -> Token[Window]:
        """Make ``window`` the one that runs belong to, until it is closed."""
        if self._unattached:
            self.attach()
        with self._lock:
            self._threads_before = set(threading.enumerate())
            self._window = window
            window.keeps_order = self.keeps_order
        token = self._owner.set(window)
        for probe in self._scoped:
            self._begin(probe, window)
        return token

    def settle(self, window: Window, engine: str) -> None:
        """Wait for the events of ``engine`` so far."""
        for probe in self._scoped:
            if probe.engine == engine:
                self._flush(probe, window)

    def close(self, window: Window, token: Token[Window]) -> Mapping[str, WorkRecord]:
        """End ``window``, opened with ``token``; threads born in it are its test's leftovers.

        Returns:
            A record for each engine that ran.
        """
        for probe in self._scoped:
            self._end(probe, window)
        self._owner.reset(token)
        with self._lock:
            self._window = None
            for thread in threading.enumerate():
                if thread not in self._threads_before:
                    self._strays[thread] = window.test
            self._threads_before = set()
        return window.close()

    def _begin(self, probe: EngineProbe, window: Window) -> None:
        begin = getattr(probe, "begin", None)
        if begin is not None:
            self._tried(probe.engine, begin, window.test, name="begin")

    def _flush(self, probe: EngineProbe, window: Window) -> None:
        flush = getattr(probe, "flush", None)
        if flush is not None and not self._tried(probe.engine, flush, FLUSH_TIMEOUT_S):
            window.incomplete.add(probe.engine)

    def _end(self, probe: EngineProbe, window: Window) -> None:
        self._flush(probe, window)
        end = getattr(probe, "end", None)
        if end is not None:
            self._tried(probe.engine, end, window.test, name="end")

    def _tried(
        self, engine: str, call: Callable[..., Any], *args: object, name: str | None = None
    ) -> bool:
        """Call a probe; an error of its own is kept to be told, and fails no test."""
        try:
            return call(*args) is not False
        except Exception as error:
            self.failed.setdefault(engine, f"{name or call.__name__}() raised {error!r}")
            return False

    def place(self) -> Window | None:
        """Find the window of what happens now; what an earlier test left behind has none."""
        window = self._window
        owner = self._owner.get(None)
        if owner is None:
            left_by = self._strays.get(threading.current_thread())
        else:
            left_by = None if owner is window else owner.test
        if left_by is None:
            return window
        self.leftovers[left_by] += 1
        if window is not None:
            window.dropped[left_by] = window.dropped.get(left_by, 0) + 1
        return None

    def place_event(self, event: Event) -> Window | None:
        """Find the window of an event; those of a run go where its beginning went."""
        run = (event.engine, event.run_id)
        if event.run_id is None:
            return self.place()
        if (event.kind, event.op) == ("run", "start"):
            self._run_windows[run] = self.place()
        if run not in self._run_windows:  # nobody heard it start
            return self.place()
        if (event.kind, event.op) == ("run", "end"):
            return self._run_windows.pop(run)
        return self._run_windows[run]


class Ear:
    """What one probe tells, on its way to the windows: an ``Emit``."""

    def __init__(self, recorder: Recorder, engine: str) -> None:
        self._recorder = recorder
        self._engine = engine

    def __call__(self, event: Event) -> None:
        """Find the window of ``event``."""
        recorder = self._recorder
        wrong = self._wrong_in(event)
        if wrong:
            recorder.failed.setdefault(self._engine, f"told of an unknown event: {wrong}: {event}")
            return
        with recorder._lock:
            window = recorder.place_event(event)
            if window is not None:
                window.told(event)

    def _wrong_in(self, event: Event) -> str:
        if not isinstance(event, Event):
            return "it must be an Event"
        if event.engine != self._engine:
            return f"engine must be {self._engine!r}"
        if (event.kind, event.op) not in EVENT_COUNTERS:
            known = ", ".join(op for kind, op in EVENT_COUNTERS if kind == event.kind)
            return f"op must be one of {known}" if known else f"kind must be one of {KINDS}"
        return ""

    def run_started(self, run: Run) -> None:
        """Find the window of ``run``."""
        recorder = self._recorder
        with recorder._lock:
            window = recorder.place()
            if window is not None:
                window.begin(self._engine, run)

    def plan_missed(self, run: Run, missed: Missed) -> None:
        """Ask the guards of the window."""
        window = self._recorder._window
        if window is not None and window.owns(self._engine, run):
            for guard in tuple(window.guards):
                guard(missed)

    def plan_resolved(self, run: Run, resolve: Resolve, names: Iterable[str]) -> None:
        """Remember the plan."""
        window = self._recorder._window
        if window is not None and window.owns(self._engine, run):
            window.resolved(self._engine, resolve, names)

    def run_finished(self, run: Run) -> None:
        """Take the totals of ``run``."""
        window = self._recorder._window
        if window is not None:
            window.end(self._engine, run)
