"""How the plugin hears of engines: one probe for each engine, by name."""

from collections.abc import Callable, Mapping
from typing import Final

from .base import Probe
from .cascade import CascadeProbe

DEFAULT_ENGINE: Final = "cascade_core"

PROBES: Final[Mapping[str, Callable[[], Probe]]] = {DEFAULT_ENGINE: CascadeProbe}
"""Engine name -> what makes its probe; each pytest configuration makes its own."""
