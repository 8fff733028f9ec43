"""The fixtures, each a few lines: what they do is elsewhere, and imported by those who ask.

None requests another by its public name, for a user may override any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .options import SETTINGS

if TYPE_CHECKING:
    from cascade_core import Engine

    from .bench.fixture import CascadeBench
    from .work.inspector import CacheInspector
    from .work.spies import SpiedSolver


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Engine:
    """A fresh ``cascade_core.Engine`` for this test, its solver spied on.

    The marker ``cascade_engine(solver=, executor=, bus=, max_plans=, ...)`` sets its options.
    """
    from .making import make_engine, solver_of

    return make_engine(request, solver_of(request))


@pytest.fixture
def spied_solver(request: pytest.FixtureRequest) -> SpiedSolver:
    """The solver of the fixture ``engine``, which remembers how it was called.

    ``call_count`` is the number of calls, ``calls`` has the first 1,000: ``graph plan miss
    duration_ns``. Pass it to an engine of your own, or spy on ``resolve`` with pytest-mock.
    """
    from .making import solver_of

    return solver_of(request)


@pytest.fixture
def cache_inspector(request: pytest.FixtureRequest) -> CacheInspector:
    """What all engines did since the test began: hits, resolves, iterations and the rest.

    ``explain()`` lists each resolve and its reason, ``with cache_inspector.expect(resolves=1):``
    makes a claim about one block, ``with cache_inspector.no_resolves():`` refuses planning.
    """
    from .judging import window_of
    from .session import SessionContext
    from .work.inspector import CacheInspector

    return CacheInspector(window_of(request.node), SessionContext(request.config))


@pytest.fixture
def cascade_bench(request: pytest.FixtureRequest) -> CascadeBench:
    """Measure loops: ``cascade_bench(factory)`` or ``cascade_bench.compare(name=factory, ...)``.

    Measures under ``--cascade-bench`` only; otherwise the same test runs with few iterations.
    The marker ``cascade_bench(iterations=, rounds=, warmup=, ...)`` sets how; in an async test
    the calls are awaited.
    """
    from .bench.fixture import CascadeBench
    from .judging import window_of

    return CascadeBench(request, request.config.stash[SETTINGS], window_of(request.node))
