"""What engines did between two moments. Values only: no engine, no pytest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cascade_core import Miss

COUNTERS: Final = (
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
    """Number of nodes in the graph."""
    miss: Miss
    """Why no cached plan fitted; its text is costly and made only when read."""
    source: tuple[str, int] | None
    """File and line of the target's task."""
    duration_ns: int
    """Time inside the solver."""

    @property
    def reason(self) -> str:
        """The miss in words."""
        return str(self.miss)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRecord:
    """The work of a window, or of a stretch of it: ``later - earlier``."""

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

    @property
    def any_ran(self) -> bool:
        """Whether an engine ran at all."""
        return bool(self.runs or self.carried)

    @property
    def task_names(self) -> set[str]:
        """Names of all tasks that were executed or seen in a graph."""
        return {*self.names, *self.tasks, *self.task_attempts}

    def __sub__(self, earlier: WorkRecord) -> WorkRecord:
        counts = {
            name: getattr(self, name) - getattr(earlier, name)
            for name in ("runs", "nodes", *COUNTERS)
        }
        return WorkRecord(
            running=self.running,
            carried=earlier.running,
            tasks=self.tasks - earlier.tasks,
            task_attempts=self.task_attempts - earlier.task_attempts,
            timeline=self.timeline[len(earlier.timeline) :],
            names=self.names,
            **counts,
        )
