"""Names that users write: bounds for claims about work, types of fixtures, what probes are made of.

Imported with every pytest run, so each name is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bench.fixture import CascadeBench
    from .bench.results import Results
    from .bounds import at_least, at_most
    from .errors import UnexpectedWork
    from .probes.base import Capability, Emit, EngineProbe, Event
    from .probes.check import check_probe
    from .work.inspector import CacheInspector
    from .work.record import WorkRecord
    from .work.spies import SpiedSolver
    from .work.view import WorkView

__all__ = [
    "CacheInspector",
    "Capability",
    "CascadeBench",
    "Emit",
    "EngineProbe",
    "Event",
    "Results",
    "SpiedSolver",
    "UnexpectedWork",
    "WorkRecord",
    "WorkView",
    "at_least",
    "at_most",
    "check_probe",
]

_HOMES = {
    "CacheInspector": ".work.inspector",
    "Capability": ".probes.base",
    "CascadeBench": ".bench.fixture",
    "Emit": ".probes.base",
    "EngineProbe": ".probes.base",
    "Event": ".probes.base",
    "Results": ".bench.results",
    "SpiedSolver": ".work.spies",
    "UnexpectedWork": ".errors",
    "WorkRecord": ".work.record",
    "WorkView": ".work.view",
    "at_least": ".bounds",
    "at_most": ".bounds",
    "check_probe": ".probes.check",
}


if not TYPE_CHECKING:  # a checker is to know a name that is not there

    def __getattr__(name: str) -> object:
        """Import a public name.

        It is not kept: a pytest run inside this one forgets its imports, and a later import must
        not mix what it left with what is new.
        """
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
