"""Counts of a window since a moment, to be read inside a test."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from pytest_cascade.probes import DEFAULT_ENGINE

from .record import WorkRecord
from .window import Window

if TYPE_CHECKING:
    from cascade_core import Miss


class WorkView:
    """What an engine did since a moment; live until it is frozen."""

    def __init__(self, window: Window, engine: str = DEFAULT_ENGINE) -> None:
        self._window = window
        self._engine = engine
        self._start = window.snapshot(engine)
        self._final: WorkRecord | None = None

    @property
    def record(self) -> WorkRecord:
        """All counts at once."""
        return self._final or self._window.snapshot(self._engine) - self._start

    @property
    def runs(self) -> int:
        """Runs that started."""
        return self.record.runs

    @property
    def resolves(self) -> int:
        """Calls of the solver."""
        return self.record.resolves

    @property
    def lookups(self) -> int:
        """Lookups in the plan cache: hits and misses."""
        return self.record.lookups

    @property
    def hits(self) -> int:
        """Lookups that found a plan."""
        return self.record.hits

    @property
    def misses(self) -> int:
        """Lookups that found none."""
        return self.record.misses

    @property
    def builds(self) -> int:
        """Graphs built."""
        return self.record.builds

    @property
    def iterations(self) -> int:
        """Target graphs run; one for each run and one for each tail call."""
        return self.record.iterations

    @property
    def evictions(self) -> int:
        """Plans evicted."""
        return self.record.evictions

    @property
    def attempts(self) -> int:
        """Calls of tasks' functions."""
        return self.record.attempts

    @property
    def reuses(self) -> int:
        """Values reused instead of executed."""
        return self.record.reuses

    @property
    def executions(self) -> Counter[str]:
        """Tasks run, by name."""
        return self.record.tasks

    @property
    def misses_seen(self) -> tuple[Miss, ...]:
        """Why each plan was made, in order; the first 1,000 of a test are kept."""
        return tuple(cast("Miss", resolve.why) for resolve in self.record.timeline)

    def freeze(self) -> None:
        """Keep the counts as they are now."""
        self._final = self.record
