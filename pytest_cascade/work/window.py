"""From when to when: the call phase of a test, and what was run in it, by engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.probes.base import Event, Missed, Run

from .record import Resolve, WorkRecord
from .sums import Sums

Guard = Callable[[Missed], None]
"""Asked before a graph is planned; may raise."""

_LOCK: Final = threading.RLock()
"""One for all windows, for every test makes one. Reentrant: collecting garbage while it is held may
run anything, even an engine."""


class Window:
    """The call phase of one test, and the sums of what was run in it.

    Safe to read from any thread at any time, while engines run too.

    Attributes:
        test: The test's node id.
        guards: Who is asked before a graph is planned.
        complaints: What is wrong with the test whatever its markers say, by who says so.
        judged: The engines whose work was held against the test's markers part by part, by whoever
            ran the parts, so that the whole is not held against them as well.
        contenders: The contenders of all benchmarks so far, measured or not.
        benchmarks: How many benchmarks were measured.
        is_measured: Whether how much is done depends on the clock, so that no two runs compare.
        is_closed: Whether nothing is counted any more.
        keeps_order: Whether resolves are to tell what was done before them.
        dropped: Runs that were not counted here, by the earlier test that left them behind.
        incomplete: The engines some of whose events had not arrived when it closed.
    """

    def __init__(self, test: str) -> None:
        self.test = test
        self.guards: list[Guard] = []
        self.judged: set[str] = set()
        self.contenders: set[str] = set()
        self.benchmarks = 0
        self.is_measured = False
        self.is_closed = False
        self.keeps_order = False
        self.complaints: dict[str, str] = {}
        self.dropped: dict[str, int] = {}
        self.incomplete: set[str] = set()
        self._lock = _LOCK
        # By engine, once it runs: in most tests of most suites none does.
        self._sums: dict[str, Sums] = {}
        self._final: dict[str, WorkRecord] | None = None

    def snapshot(self, engine: str = DEFAULT_ENGINE) -> WorkRecord:
        """Read the counts so far; two snapshots subtract to what happened in between."""
        with self._lock:
            if self._final is not None:
                return self._final.get(engine) or WorkRecord(engine=engine)
            sums = self._sums.get(engine)
            return WorkRecord(engine=engine) if sums is None else sums.read()

    def engines(self, engine: str = DEFAULT_ENGINE) -> tuple[Any, ...]:
        """The engine objects that ran in this window and are still alive, in no order."""
        with self._lock:
            sums = self._sums.get(engine)
            return () if sums is None else tuple(sums.engines)

    def close(self) -> Mapping[str, WorkRecord]:
        """Count nothing from now on; runs under way are taken as they are.

        Returns:
            A record for each engine that ran.
        """
        with self._lock:
            self.is_closed = True
            if not self._sums:
                self._final = {}
                return self._final
            self._final = {engine: sums.read() for engine, sums in self._sums.items()}
            for sums in self._sums.values():
                sums.running.clear()
            return self._final

    def begin(self, engine: str, run: Run) -> None:
        """Count ``run`` from now on."""
        with self._lock:
            if self._final is None:
                self._sums_of(engine).begin(run)

    def end(self, engine: str, run: Run) -> None:
        """Take the totals of ``run`` as they are and let go of it."""
        with self._lock:
            if engine in self._sums:
                self._sums[engine].end(run)

    def owns(self, engine: str, run: Run) -> bool:
        """Tell whether ``run`` is under way in this window."""
        sums = self._sums.get(engine)
        return sums is not None and id(run) in sums.running

    def resolved(self, engine: str, resolve: Resolve, names: Iterable[str]) -> None:
        """Remember one plan that was made by a run of this window."""
        with self._lock:
            self._sums_of(engine).resolved(resolve, names)

    def told(self, event: Event) -> None:
        """Count one event."""
        with self._lock:
            if self._final is None:
                self._sums_of(event.engine).told(event)

    def _sums_of(self, engine: str) -> Sums:
        sums = self._sums.get(engine)
        if sums is None:
            sums = self._sums[engine] = Sums(engine, self.keeps_order)
        return sums
