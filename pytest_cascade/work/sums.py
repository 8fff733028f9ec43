"""What an engine did, added up. Knows nothing of tests or threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from weakref import WeakSet

from pytest_cascade.probes.base import EVENT_COUNTERS, Difference, Event, Run, Totals

from .record import COUNTERS, Resolve, WorkRecord

MAX_RESOLVES: Final = 1_000
"""So many resolves are kept, the first ones."""


@dataclass(frozen=True, slots=True)
class ToldReason:
    """Why a plan was made, as a probe told it."""

    reason: str
    text: str
    changes: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        return self.text or ("" if self.reason == "unknown" else self.reason.replace("_", " "))


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
    """The work of one engine: runs, finished and under way, and single events.

    Whoever shares one locks it.
    """

    engine: str
    """Whose work it is."""
    keeps_order: bool = False
    """Whether each resolve is to tell what was done before it; costs it a reading of all runs."""
    running: dict[int, Run] = field(default_factory=dict)
    """Runs under way, by their identity."""
    finished: Tally = field(default_factory=Tally)
    """The totals of the others."""
    nodes: int = 0
    """Nodes of all graphs that were planned."""
    timeline: list[Resolve] = field(default_factory=list)
    """The first plans that were made."""
    structures: set[object] = field(default_factory=set)
    """What they planned."""
    names: set[str] = field(default_factory=set)
    """Names of the tasks in these."""
    engines: WeakSet[Any] = field(default_factory=WeakSet)
    """Whatever ran and is still alive."""
    events: int = 0
    """Events that were told one by one."""
    fallbacks: list[str] = field(default_factory=list)
    """What the first fallbacks were."""

    def begin(self, run: Run) -> None:
        """Count ``run`` from now on."""
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
            if resolve.structure in self.structures:
                resolve = replace(resolve, again=True)
            elif resolve.structure is not None:
                self.structures.add(resolve.structure)
            if self.keeps_order:
                resolve = replace(resolve, after=self._so_far())
            self.timeline.append(resolve)
            self.names.update(names)

    def told(self, event: Event) -> None:
        """Count one event."""
        counters = EVENT_COUNTERS[event.kind, event.op]
        self.events += 1
        for counter in COUNTERS:
            self.finished.counts[counter] += counter in counters
        if event.kind == "task" and event.name:
            self.names.add(event.name)
            self.finished.tasks[event.name] += "executions" in counters
            self.finished.task_attempts[event.name] += "attempts" in counters
        elif event.kind == "resolve":
            why = ToldReason(event.reason, event.reason_text)
            resolve = Resolve(event.name, event.nodes, why, event.source, None, event.dur_ns)
            self.resolved(resolve, ())
        elif event.kind == "fallback" and len(self.fallbacks) < MAX_RESOLVES:
            text = f": {event.reason_text}" if event.reason_text else ""
            self.fallbacks.append(f"{event.name or event.op} ({event.op}){text}")

    def _so_far(self) -> tuple[int, int]:
        """Iterations and hits until now."""
        every = [self.finished.counts, *(run.totals.as_dict() for run in self.running.values())]
        return sum(each["iterations"] for each in every), sum(each["hits"] for each in every)

    def read(self) -> WorkRecord:
        """Add everything up as it is now."""
        sums = Tally()
        sums.add(self.finished)
        for run in self.running.values():
            sums.add(run.totals)
        return WorkRecord(
            engine=self.engine,
            running=len(self.running),
            nodes=self.nodes,
            tasks=sums.tasks,
            task_attempts=sums.task_attempts,
            timeline=tuple(self.timeline),
            names=frozenset(self.names),
            fallbacks=tuple(self.fallbacks),
            events=self.events,
            **sums.counts,
        )
