"""Names that tests write: bounds for claims about work, and the types of the fixtures.

Imported with every pytest run, so each name is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bench.fixture import CascadeBench
    from .bounds import at_least, at_most
    from .work.inspector import CacheInspector
    from .work.spies import SpiedSolver

__all__ = ["CacheInspector", "CascadeBench", "SpiedSolver", "at_least", "at_most"]

_HOMES = {
    "CacheInspector": ".work.inspector",
    "CascadeBench": ".bench.fixture",
    "SpiedSolver": ".work.spies",
    "at_least": ".bounds",
    "at_most": ".bounds",
}


def __getattr__(name: str) -> object:
    """Import a public name.

    It is not kept: a pytest run inside this one forgets its imports, and a later import must not
    mix what it left with what is new.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
