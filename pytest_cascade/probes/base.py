"""What a probe offers and what it tells. Imports no engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_cascade.work.record import Resolve


class Totals(Protocol):
    """The live counters of one run, readable at any time and from any thread.

    Each reading may cost the engine an addition of all it did, so they are few.
    """

    def as_dict(self) -> Mapping[str, int]:
        """All of ``work.record.COUNTERS`` by name, read at one moment."""

    @property
    def tasks(self) -> Counter[str]:
        """Executions by task name, a copy."""

    @property
    def task_attempts(self) -> Counter[str]:
        """Attempts by task name, a copy."""


class Run(Protocol):
    """One run of an engine, as its probe hears of it."""

    @property
    def engine(self) -> object:
        """The engine that runs."""

    @property
    def totals(self) -> Totals:
        """Its counters."""


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

    def attach(self, listener: Listener) -> None:
        """Import the engine and tell ``listener`` of its runs until ``detach`` is called."""

    def detach(self) -> None:
        """Tell nobody any more."""

    def known_tasks(self) -> set[str]:
        """Name the tasks that are alive now."""
