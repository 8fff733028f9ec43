"""What a probe offers and what it tells. Imports no engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_cascade.work.record import Resolve


class Totals(Protocol):
    """The live counters of one run."""

    iterations: int
    lookups: int
    hits: int
    misses: int
    evictions: int
    resolves: int
    builds: int
    executions: int
    attempts: int
    reuses: int
    tasks: Counter[str]
    task_attempts: Counter[str]


class Run(Protocol):
    """One run of an engine, as its probe hears of it."""

    @property
    def engine(self) -> object:
        """The engine that runs."""

    @property
    def totals(self) -> Totals:
        """Its counters, readable at any time and from any thread."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A graph that is about to be planned."""

    root: str
    """Name of the graph's target."""
    source: tuple[str, int] | None
    """File and line of the target's task."""
    reason: Callable[[], str]
    """Says why no cached plan fits; costly, for those who ask."""


class Listener(Protocol):
    """Whoever a probe tells; called in the thread and context that run the engine."""

    def run_started(self, run: Run) -> None:
        """Hear that ``run`` begins; called before anything of it is counted."""

    def plan_missed(self, run: Run, missed: Missed) -> None:
        """Hear that a graph will be planned; an exception fails the run."""

    def plan_resolved(self, run: Run, resolve: Resolve, names: Iterable[str]) -> None:
        """Hear that a graph of tasks called ``names`` was planned."""

    def run_finished(self, run: Run) -> None:
        """Hear that ``run`` is over; its totals change no more."""


class Probe(Protocol):
    """Watches one engine, wherever in the process it runs."""

    trigger: str
    """The module without which the engine cannot be in use."""

    def attach(self, listener: Listener) -> None:
        """Import the engine and tell ``listener`` of its runs; a second call changes nothing."""

    def detach(self) -> None:
        """Tell nobody any more."""

    def known_tasks(self) -> set[str]:
        """Name the tasks that are alive now."""
