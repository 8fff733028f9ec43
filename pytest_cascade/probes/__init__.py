"""How the plugin hears of engines: one probe for each engine, by name. Imports no probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .base import Probe

DEFAULT_ENGINE: Final = "cascade_core"

ENGINES: Final = frozenset({DEFAULT_ENGINE})
"""The names of all engines that have a probe."""

TRIGGERS: Final = ("cascade_core",)
"""The modules without which no engine can be in use."""


def make_probes() -> dict[str, Probe]:
    """Make a probe for each engine; each pytest configuration has its own."""
    from .cascade import CascadeProbe

    return {DEFAULT_ENGINE: CascadeProbe()}
