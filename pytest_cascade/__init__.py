"""Names that tests write: bounds for claims about work, and the types of the fixtures."""

from typing import TYPE_CHECKING

from .bounds import at_least, at_most
from .work.inspector import CacheInspector
from .work.spies import SpiedSolver

if TYPE_CHECKING:
    from .bench.fixture import CascadeBench

__all__ = ["CacheInspector", "CascadeBench", "SpiedSolver", "at_least", "at_most"]


def __getattr__(name: str) -> object:
    """Import what pulls in pytest-benchmark when it is asked for, not with every pytest run."""
    if name == "CascadeBench":
        from .bench.fixture import CascadeBench

        return CascadeBench
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
