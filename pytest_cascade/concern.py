"""Which tests concern us, and who records them.

Every test of every suite pays for this module: it makes few calls, and imports nothing that only
some tests need.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from .markers import MARKERS
from .probes import TRIGGERS

if TYPE_CHECKING:
    from .work.window import Recorder

RECORDER: Final = pytest.StashKey["Recorder"]()
"""Where a configuration keeps its recorder, once a test concerned us."""

FIXTURES: Final = frozenset({"engine", "spied_solver", "cache_inspector", "cascade_bench"})


def concerns_us(item: pytest.Item) -> bool:
    """Tell whether ``item`` may run an engine or says something about one."""
    for trigger in TRIGGERS:
        if trigger in sys.modules:
            return True
    return is_marked(item) or not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def is_marked(item: pytest.Item) -> bool:
    """Tell whether a mark of ours is anywhere above ``item``."""
    node: Any = item
    while node is not None:
        for mark in node.own_markers:
            if mark.name in MARKERS:
                return True
        node = node.parent
    return False


def recorder_of(config: pytest.Config) -> Recorder:
    """Give the recorder of ``config``, made when it is first asked for."""
    try:
        return config.stash[RECORDER]
    except KeyError:
        return config.stash.setdefault(RECORDER, _new_recorder())


def _new_recorder() -> Recorder:
    from .probes import make_probes
    from .work.window import Recorder

    return Recorder(make_probes())
