"""How the plugin hears of engines: one probe for each engine. Imports no probe and no engine."""

from typing import Final

DEFAULT_ENGINE: Final = "cascade_core"
"""The engine that a marker means if neither it nor the configuration says otherwise."""
