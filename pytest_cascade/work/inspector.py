"""The fixture ``cache_inspector``: what a test can ask about its work while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.report import terminal

from .blocks import Context, Count, ExpectedBlock, UnplannedBlock, block_expectations
from .view import WorkView
from .window import Window

if TYPE_CHECKING:
    from cascade_core.plan.cache import PlanEntry


class CacheInspector(WorkView):
    """The work of all engines since the test began, or since ``reset()``.

    Args:
        window: The call phase that is looked at.
        context: The session it is in.
    """

    def __init__(self, window: Window, context: Context) -> None:
        super().__init__(window)
        self._context = context

    def entries(self) -> tuple[PlanEntry, ...]:
        """List the cached plans of all engines that ran in this test and are still alive.

        Returns:
            Of each engine the newest plan first: ``digest root nodes hits source``.
        """
        engines = self._window.engines()
        return tuple(entry for engine in engines for entry in engine.plan_cache.entries())

    def explain(self) -> str:
        """List what was planned, one line each: target, size and why no cached plan fitted."""
        lines = terminal.timeline(self.record, self._context.rootdir, terminal.EVERY_LINE)
        return "\n".join(lines) or "nothing was planned"

    def reset(self) -> None:
        """Count from zero, here only: the test's markers see all of its work."""
        self._start = self._window.snapshot()

    def expect(
        self,
        *,
        engine: str = DEFAULT_ENGINE,
        allow_fallbacks: bool = False,
        **counts: Count | Mapping[str, Count],
    ) -> ExpectedBlock:
        """Claim how much work a block does: ``with cache_inspector.expect(resolves=1) as work:``.

        Args:
            engine: Whose work is meant.
            allow_fallbacks: Whether the engine may go on without what it makes plans for.
            counts: A number, ``at_least(n)`` or ``at_most(n)`` by counter; of ``executions`` and
                ``attempts`` also a mapping of task names to these.

        Returns:
            A context manager that gives the block's counts, live inside it and final after it.
            It raises ``UnexpectedWork`` if the block did other work or no engine ran in it; an
            error of the block itself stands and gets a note.

        Raises:
            TypeError: there is no such counter, or none is given.
            ValueError: a count is no int >= 0, or the engine's work is not counted.
        """
        expected = block_expectations(counts, engine, allow_fallbacks)
        self._context.check(expected)
        return ExpectedBlock(self._window, expected, self._context, engine)

    def no_resolves(self) -> UnplannedBlock:
        """Refuse planning in a block: a run that needs a plan fails at that moment.

        Of ``cascade_core`` only: other engines tell of a plan when it is made.

        Returns:
            A context manager; ``UnexpectedWork`` is raised inside the run that needs a plan, and
            once more at the end of the block if somebody swallowed it.
        """
        return UnplannedBlock(self._window, self._context.rootdir)
