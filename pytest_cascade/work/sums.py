"""Sums of the totals of runs, and the plans that were made. Knows nothing of tests or threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakSet

from pytest_cascade.probes.base import Run, Totals

from .record import COUNTERS, Resolve, WorkRecord

MAX_RESOLVES: Final = 1_000
"""So many resolves are kept, the first ones."""


def _zeros() -> dict[str, int]:
    return dict.fromkeys(COUNTERS, 0)


@dataclass(slots=True)
class Tally:
    """A sum of totals, and read as they are."""

    counts: dict[str, int] = field(default_factory=_zeros)
    tasks: Counter[str] = field(default_factory=Counter)
    task_attempts: Counter[str] = field(default_factory=Counter)

    def add(self, totals: Totals) -> None:
        """Add totals as they are now."""
        counts = totals.as_dict()
        for name in COUNTERS:
            self.counts[name] += counts[name]
        self.tasks.update(totals.tasks)
        self.task_attempts.update(totals.task_attempts)

    def as_dict(self) -> Mapping[str, int]:
        """All counters by name."""
        return self.counts


@dataclass(slots=True)
class Sums:
    """The work of runs, finished and under way; whoever shares one locks it."""

    runs: int = 0
    """Runs that began."""
    running: dict[int, Run] = field(default_factory=dict)
    """Runs under way, by their identity."""
    finished: Tally = field(default_factory=Tally)
    """The totals of the others."""
    nodes: int = 0
    """Nodes of all graphs that were planned."""
    timeline: list[Resolve] = field(default_factory=list)
    """The first plans that were made."""
    names: set[str] = field(default_factory=set)
    """Names of the tasks in these."""
    engines: WeakSet[Any] = field(default_factory=WeakSet)
    """Whatever ran and is still alive."""

    def begin(self, run: Run) -> None:
        """Count ``run`` from now on."""
        self.runs += 1
        self.running[id(run)] = run
        self.engines.add(run.engine)

    def end(self, run: Run) -> None:
        """Take the totals of ``run`` as they are and let go of it, if it is under way."""
        if self.running.pop(id(run), None) is not None:
            self.finished.add(run.totals)

    def resolved(self, resolve: Resolve, names: Iterable[str]) -> None:
        """Remember one plan that was made."""
        self.nodes += resolve.nodes
        if len(self.timeline) < MAX_RESOLVES:
            self.timeline.append(resolve)
            self.names.update(names)

    def read(self) -> WorkRecord:
        """Add everything up as it is now."""
        sums = Tally()
        sums.add(self.finished)
        for run in self.running.values():
            sums.add(run.totals)
        return WorkRecord(
            runs=self.runs,
            running=len(self.running),
            nodes=self.nodes,
            tasks=sums.tasks,
            task_attempts=sums.task_attempts,
            timeline=tuple(self.timeline),
            names=frozenset(self.names),
            **sums.counts,
        )
