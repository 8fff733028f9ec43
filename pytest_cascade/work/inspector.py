"""Views on a window for use inside a test: counts, timeline, and claims about single blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pytest_cascade.bounds import Bound, checked_count, exactly
from pytest_cascade.errors import UnexpectedWork
from pytest_cascade.expectations import COUNTED, Expectation, violations
from pytest_cascade.report import terminal

from .record import WorkRecord
from .window import Window

if TYPE_CHECKING:
    from cascade_core import Miss
    from cascade_core.plan.cache import PlanEntry

Count = int | Bound
"""A number, ``at_least(n)`` or ``at_most(n)``."""

BLOCK: Final = "this block"


class WorkView:
    """What was done since a moment; live until it is frozen."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._start = window.snapshot()
        self._final: WorkRecord | None = None

    @property
    def record(self) -> WorkRecord:
        """All counts at once."""
        return self._final or self._window.snapshot() - self._start

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
        return tuple(resolve.miss for resolve in self.record.timeline)

    def _freeze(self) -> None:
        self._final = self.record


class CacheInspector(WorkView):
    """The work of all engines since the test began, or since ``reset()``.

    Args:
        window: The call phase that is looked at.
        rootdir: Paths below it are shown relative to it.
        alive: Names the tasks that are alive.
    """

    def __init__(self, window: Window, rootdir: str, alive: Callable[[], Collection[str]]) -> None:
        super().__init__(window)
        self._rootdir = rootdir
        self._alive = alive

    def entries(self) -> tuple[PlanEntry, ...]:
        """List the cached plans of all engines that ran in this test and are still alive.

        Returns:
            Of each engine the newest plan first: ``digest root nodes hits source``.
        """
        engines = self._window.engines()
        return tuple(entry for engine in engines for entry in engine.plan_cache.entries())

    def explain(self) -> str:
        """List what was planned, one line each: target, size and why no cached plan fitted."""
        return terminal.timeline(self.record, self._rootdir)

    def reset(self) -> None:
        """Count from zero, here only: the test's markers see all of its work."""
        self._start = self._window.snapshot()

    @contextmanager
    def expect(self, **counts: Count | Mapping[str, Count]) -> Iterator[WorkView]:
        """Claim how much work a block does.

        Args:
            counts: A number, ``at_least(n)`` or ``at_most(n)`` by counter; of ``executions`` and
                ``attempts`` also a mapping of task names to these.

        Yields:
            The counts of the block, live inside it and final after it.

        Raises:
            TypeError: there is no such counter, or none is given.
            ValueError: a count is no int >= 0.
            UnexpectedWork: the block did other work, or no engine ran in it; if the block raised,
                its own error stands and this is a note on it.
        """
        __tracebackhide__ = True
        expected = _block_expectations(counts)
        work = WorkView(self._window)
        try:
            yield work
        except Exception as error:
            work._freeze()
            wrong = self._judge(expected, work.record)
            if wrong:
                error.add_note(f"\n{wrong}")
            raise
        work._freeze()
        wrong = self._judge(expected, work.record)
        if wrong:
            raise UnexpectedWork(wrong)

    @contextmanager
    def no_resolves(self) -> Iterator[None]:
        """Refuse planning in a block: a run that needs a plan fails at that moment.

        Raises:
            UnexpectedWork: inside the run that needs a plan, and at the end of the block if
                somebody swallowed it.
        """
        __tracebackhide__ = True
        refused: list[UnexpectedWork] = []

        def refuse(target: str, source: tuple[str, int] | None) -> None:
            refused.append(UnexpectedWork(self._refusal(target, source)))
            raise refused[-1]

        self._window.guards.append(refuse)
        try:
            yield
        except Exception as error:
            if refused and error not in refused:
                error.add_note(f"\n{refused[0]}")
            raise
        finally:
            self._window.guards.remove(refuse)
        if refused:
            raise refused[0].with_traceback(None)

    def _refusal(self, target: str, source: tuple[str, int] | None) -> str:
        where = terminal.place(source, self._rootdir)
        task = f"{target!r} ({where})" if where else repr(target)
        known = sorted({f"{entry.root!r}" for entry in self.entries()})
        cached = f"plans are cached for {', '.join(known)}" if known else "no plan is cached"
        return f"no_resolves(): {task} has to be planned; {cached}"

    def _judge(self, expected: Collection[Expectation], record: WorkRecord) -> str:
        names_tasks = any(expectation.task is not None for expectation in expected)
        alive = self._alive() if names_tasks else ()
        found = violations(expected, record, place=BLOCK, alive=alive)
        return terminal.failure(found, record, self._rootdir) if found else ""


def _block_expectations(counts: Mapping[str, Count | Mapping[str, Count]]) -> list[Expectation]:
    valid = ", ".join(sorted(COUNTED))
    if not counts:
        raise TypeError(f"expect: no counter given, valid: {valid}")
    expected = []
    for counter, claimed in counts.items():
        if counter not in COUNTED:
            raise TypeError(f"expect: unknown counter {counter!r}, valid: {valid}")
        if not isinstance(claimed, Mapping):
            bound = _bound(claimed, counter)
            expected.append(Expectation(f"expect({counter}={bound!r})", counter, bound))
            continue
        if not COUNTED[counter].by_task:
            raise TypeError(f"expect: {counter} are not counted by task, got {claimed!r}")
        for task, count in claimed.items():
            bound = _bound(count, f"{counter} of {task!r}")
            label = f"expect({counter}={{{task!r}: {bound!r}}})"
            expected.append(Expectation(label, counter, bound, task))
    return expected


def _bound(count: object, what: str) -> Bound:
    if isinstance(count, Bound):
        return count
    return exactly(checked_count(count, f"expect: {what}"))
