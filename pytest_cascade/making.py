"""Engines for tests, as the marker ``cascade_engine`` wants them; imported when called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from .reading import options_of
from .work.spies import SpiedSolver

if TYPE_CHECKING:
    from cascade_core import Engine

SPY: Final = pytest.StashKey[SpiedSolver]()
"""Where an item keeps its solver while its fixtures live."""


def make_engine(request: pytest.FixtureRequest, solver: SpiedSolver) -> Engine:
    """Make a new engine for a test, as the markers ``cascade_engine`` and the plugins want it."""
    options = {**options_of(request.node, "cascade_engine"), "solver": solver}
    made: Engine = request.node.ihook.pytest_cascade_make_engine(request=request, options=options)
    return made


def default_engine(options: Mapping[str, Any]) -> Engine:
    """Make a new engine from options, if nobody else does."""
    import cascade_core

    max_plans = options.get("max_plans")
    chosen = {name: options[name] for name in ("resources", "slice_ms") if name in options}
    return cascade_core.Engine(
        options["solver"],
        _made(options.get("executor"), "execute"),
        _made(options.get("bus"), "publish"),
        plan_cache=None if max_plans is None else cascade_core.PlanCache(max_plans),
        **chosen,
    )


def make_solver(item: pytest.Item) -> SpiedSolver:
    """Make a new spied solver around the one that the ``cascade_engine`` marks of ``item`` want."""
    factory: Callable[[], Any] | None = options_of(item, "cascade_engine").get("solver")
    return SpiedSolver(factory() if factory is not None else None)


def solver_of(request: pytest.FixtureRequest) -> SpiedSolver:
    """Give the one spied solver of a test, whichever of its fixtures asks first.

    Kept with the item because a user may override the fixtures by name.
    """
    stash = request.node.stash
    if SPY not in stash:
        stash[SPY] = make_solver(request.node)
        # Another attempt at the same item must not find the calls of this one.
        request.addfinalizer(lambda: stash.__delitem__(SPY))
    solver: SpiedSolver = stash[SPY]
    return solver


def _made(value: Any, method: str) -> Any:
    """Call ``value`` if it is a class or another callable that is not itself the thing."""
    is_factory = isinstance(value, type) or (callable(value) and not hasattr(value, method))
    return value() if is_factory else value
