"""Counting. The words are those of docs/how-counting-works.md.

Hot loops pay one addition per iteration: a run counts how often it *used* each plan (``Use``), and
everything else follows from the plan when somebody reads. What does not follow is added up in a
``Tally``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from cascade_core.run.use import Use


@final
class Tally:
    """Plain numbers, to add up.

    Attributes:
        tasks: Executions by task name.
        repeats: Attempts beyond the first of each execution, by task name.
    """

    __slots__ = (
        "builds",
        "evictions",
        "hits",
        "iterations",
        "misses",
        "repeats",
        "resolves",
        "reuses",
        "runs",
        "tasks",
    )

    def __init__(self, runs: int = 0) -> None:
        self.runs = runs
        self.iterations = 0
        self.hits = 0
        self.misses = 0
        self.evictions = 0
        self.resolves = 0
        self.builds = 0
        self.reuses = 0
        self.tasks: Counter[str] = Counter()
        self.repeats: Counter[str] = Counter()

    @property
    def lookups(self) -> int:
        """Hits and misses."""
        return self.hits + self.misses

    @property
    def executions(self) -> int:
        """Over all tasks."""
        return self.tasks.total()

    @property
    def attempts(self) -> int:
        """Over all tasks."""
        return self.tasks.total() + self.repeats.total()

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.runs += other.runs
        self.iterations += other.iterations
        self.hits += other.hits
        self.misses += other.misses
        self.evictions += other.evictions
        self.resolves += other.resolves
        self.builds += other.builds
        self.reuses += other.reuses
        for name, count in list(other.tasks.items()):  # another thread may count on meanwhile
            self.tasks[name] += count
        for name, count in list(other.repeats.items()):
            self.repeats[name] += count

    def add_use(self, use: Use) -> None:
        """Add what follows from the use of a plan."""
        blueprint = use.plan.blueprint
        frames = use.iterations + use.inner - use.stepwise
        self.iterations += use.iterations
        self.hits += use.hits
        for name, count in blueprint.work.items():
            self.tasks[name] += count * frames
        if use.rank < blueprint.last:
            self.tasks.subtract(blueprint.names[use.rank + 1 :])


class _Count:
    """An integer counter of a ``Stats``, read through its tally."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, stats: Stats, owner: type | None = None) -> int:
        count: int = getattr(stats._tally(), self._name)
        return count


@final
class Stats:
    """Live counters of an engine or a run: exact at every moment, in the middle of a run too."""

    __slots__ = ("_tally",)

    runs = _Count()
    iterations = _Count()
    lookups = _Count()
    hits = _Count()
    misses = _Count()
    evictions = _Count()
    resolves = _Count()
    builds = _Count()
    executions = _Count()
    attempts = _Count()
    reuses = _Count()

    def __init__(self, tally: Callable[[], Tally]) -> None:
        self._tally = tally

    @property
    def tasks(self) -> Counter[str]:
        """Executions by task name, a copy."""
        return +self._tally().tasks

    @property
    def task_attempts(self) -> Counter[str]:
        """Attempts by task name, a copy."""
        tally = self._tally()
        return tally.tasks + tally.repeats

    def as_dict(self) -> dict[str, int]:
        """All integer counters by name, read at one moment."""
        tally = self._tally()
        return {name: getattr(tally, name) for name in COUNTERS}

    def __repr__(self) -> str:
        counts = " ".join(f"{name}={count}" for name, count in self.as_dict().items())
        return f"<Stats {counts}>"


COUNTERS: tuple[str, ...] = tuple(
    name for name, value in vars(Stats).items() if isinstance(value, _Count)
)
"""The names of all integer counters, in the order they are shown."""
