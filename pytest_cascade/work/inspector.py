"""The fixture ``cache_inspector``: what a test can ask about its work while it runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from pytest_cascade.report import terminal

from .blocks import Count, ExpectedBlock, UnplannedBlock, block_expectations
from .view import WorkView
from .window import Window

if TYPE_CHECKING:
    from cascade_core.plan.cache import PlanEntry


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

    def expect(self, **counts: Count | Mapping[str, Count]) -> ExpectedBlock:
        """Claim how much work a block does: ``with cache_inspector.expect(resolves=1) as work:``.

        Args:
            counts: A number, ``at_least(n)`` or ``at_most(n)`` by counter; of ``executions`` and
                ``attempts`` also a mapping of task names to these.

        Returns:
            A context manager that gives the block's counts, live inside it and final after it.
            It raises ``UnexpectedWork`` if the block did other work or no engine ran in it; an
            error of the block itself stands and gets a note.

        Raises:
            TypeError: there is no such counter, or none is given.
            ValueError: a count is no int >= 0.
        """
        return ExpectedBlock(self._window, block_expectations(counts), self._rootdir, self._alive)

    def no_resolves(self) -> UnplannedBlock:
        """Refuse planning in a block: a run that needs a plan fails at that moment.

        Returns:
            A context manager; ``UnexpectedWork`` is raised inside the run that needs a plan, and
            once more at the end of the block if somebody swallowed it.
        """
        return UnplannedBlock(self._window, self._rootdir)
