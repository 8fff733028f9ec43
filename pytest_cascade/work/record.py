"""What an engine did between two moments. Values only: no engine, no pytest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_cascade.probes import DEFAULT_ENGINE

if TYPE_CHECKING:
    from pytest_cascade.probes.base import Why

COUNTERS: Final = (
    "runs",
    "iterations",
    "lookups",
    "hits",
    "misses",
    "evictions",
    "resolves",
    "builds",
    "executions",
    "attempts",
    "reuses",
)
"""The counters that a record shares with the totals of a run."""


@dataclass(frozen=True, slots=True)
class Resolve:
    """One plan that was made."""

    root: str
    """Name of the graph's target."""
    nodes: int
    """Number of nodes in the graph; 0 where the engine has no graph."""
    why: Why
    """Why no cached plan fitted; its text is costly and made only when read."""
    source: tuple[str, int] | None = None
    """File and line where the target's task is defined, or the task that was redefined."""
    called_from: tuple[str, int] | None = None
    """File and line that asked for the run."""
    duration_ns: int = 0
    """Time inside the solver."""
    structure: object = None
    """Hashable; equal for graphs that could share a plan. None where the engine does not tell."""
    again: bool = False
    """Whether the same structure was planned in the same window before."""
    after: tuple[int, int] | None = None
    """Iterations and hits of the window before it; None if nobody asked for the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRecord:
    """The work of one engine in a window, or in a stretch of it: ``later - earlier``."""

    engine: str = DEFAULT_ENGINE
    """Whose work it is."""
    runs: int = 0
    """Runs that started."""
    running: int = 0
    """Runs under way at the end."""
    carried: int = 0
    """Runs under way at the beginning."""
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
    nodes: int = 0
    """Nodes of all graphs that were planned."""
    tasks: Counter[str] = field(default_factory=Counter)
    """Executions by task name."""
    task_attempts: Counter[str] = field(default_factory=Counter)
    """Attempts by task name."""
    timeline: tuple[Resolve, ...] = ()
    """The resolves in order; of a window the first 1,000."""
    names: frozenset[str] = frozenset()
    """Names of the tasks in the graphs of the timeline."""
    fallbacks: tuple[str, ...] = ()
    """Why the engine went on without what it makes plans for; the first 1,000."""
    events: int = 0
    """Events that were told one by one."""

    @property
    def counts(self) -> dict[str, int]:
        """All of ``COUNTERS`` by name."""
        return {name: getattr(self, name) for name in COUNTERS}

    @property
    def any_ran(self) -> bool:
        """Whether the engine ran at all."""
        return bool(self.runs or self.carried or self.events)

    @property
    def task_names(self) -> set[str]:
        """Names of all tasks that were executed or seen in a graph."""
        return {*self.names, *self.tasks, *self.task_attempts}

    def __sub__(self, earlier: WorkRecord) -> WorkRecord:
        counts = {
            name: getattr(self, name) - getattr(earlier, name)
            for name in ("nodes", "events", *COUNTERS)
        }
        return WorkRecord(
            engine=self.engine,
            running=self.running,
            carried=earlier.running,
            tasks=self.tasks - earlier.tasks,
            task_attempts=self.task_attempts - earlier.task_attempts,
            timeline=self.timeline[len(earlier.timeline) :],
            names=self.names,
            fallbacks=self.fallbacks[len(earlier.fallbacks) :],
            **counts,
        )
