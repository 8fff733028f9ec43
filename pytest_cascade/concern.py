"""Which tests concern us, and who records them.

Every test of every suite pays for this module: it makes few calls, and imports nothing that only
some tests need.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from .markers import MARKERS
from .options import SETTINGS
from .probes.known import ENGINES

if TYPE_CHECKING:
    from .work.recorder import Recorder

RECORDER: Final = pytest.StashKey["Recorder"]()
"""Where a configuration keeps its recorder, once a test concerned us."""

PROPERTIES: Final = "cascade_"
"""With which the ``user_properties`` begin that carry the work of a test."""

FIXTURES: Final = frozenset({"engine", "spied_solver", "cache_inspector", "cascade_bench"})


def concerns_us(item: pytest.Item) -> bool:
    """Tell whether ``item`` may run an engine or says something about one."""
    for trigger in item.config.stash[ENGINES].triggers:
        if trigger in sys.modules:
            return True
    if item.config.stash[SETTINGS].concern_all:
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
        from .work.recorder import Recorder

        settings = config.stash[SETTINGS]
        made = Recorder(
            config.stash[ENGINES].probes,
            judges_idle=settings.compare is not None,
            keeps_order=settings.report is not None,
        )
        return config.stash.setdefault(RECORDER, made)


def add_late_probes(plugin: Any, manager: pytest.PytestPluginManager) -> None:
    """Know the probes of a plugin that was registered after all others had been asked."""
    config: Any = manager.get_plugin("pytestconfig")
    if config is None or ENGINES not in config.stash:
        return
    implementations = config.hook.pytest_cascade_probes.get_hookimpls()
    if all(each.plugin is not plugin for each in implementations):
        return  # it has every attribute, whatever its name
    for probe in config.stash[ENGINES].add(plugin.pytest_cascade_probes()):
        if RECORDER in config.stash:
            config.stash[RECORDER].add(probe)


def has_something_to_tell(reporter: pytest.TerminalReporter, config: pytest.Config) -> bool:
    """Tell whether we have a word to say at the end; tests may have run in other processes."""
    if RECORDER in config.stash or config.stash[SETTINGS].ask_for_more:
        return True
    return any(
        str(name).startswith(PROPERTIES)
        for reports in reporter.stats.values()
        for report in reports
        for name, _ in getattr(report, "user_properties", ())
    )
