"""The hooks: what pytest calls and who answers. Start here.

Imported with every pytest run, so whoever answers is imported when something is asked.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from .concern import (
    RECORDER,
    add_late_probes,
    concerns_us,
    has_something_to_tell,
    recorder_of,
)
from .markers import register
from .options import SETTINGS, add_options, read_settings
from .probes.known import ENGINES, collect_engines

if TYPE_CHECKING:
    from cascade_core import Engine

    from .probes.base import EngineProbe

pytest_plugins = ["pytest_cascade.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add flags and ini values."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer our own hooks."""
    from . import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Hear of the ``conftest.py`` of a folder, which comes late and may offer probes."""
    if hasattr(plugin, "pytest_cascade_probes"):
        add_late_probes(plugin, manager)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings, find the engines, register the markers and what the settings ask for."""
    config.stash[SETTINGS] = read_settings(config)
    config.stash[ENGINES] = collect_engines(config)
    register(config)
    if config.stash[SETTINGS].ask_for_more:
        from .configuring import register_what_is_asked_for

        register_what_is_asked_for(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop listening to engines."""
    if RECORDER in config.stash:
        config.stash[RECORDER].detach()


def pytest_cascade_probes() -> list[EngineProbe]:
    """Offer the probe of ``cascade_core``."""
    from .probes.cascade import CascadeProbe

    return [CascadeProbe()]


@pytest.hookimpl(trylast=True)
def pytest_cascade_make_engine(options: Mapping[str, Any]) -> Engine:
    """Make the engine that nobody else made."""
    from .making import default_engine

    return default_engine(options)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail what has marks that make no sense."""
    from .collection import checked_report

    return checked_report(collector, (yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Count the work of the call phase and hold the markers against it."""
    __tracebackhide__ = True
    if not concerns_us(item):
        return (yield)
    # By its full name: a relative import costs each test two calls.
    from pytest_cascade.judging import judged_call

    return (yield from judged_call(item, recorder_of(item.config)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send what a worker has to tell to the process that tells it."""
    if RECORDER in session.config.stash:
        from .leftovers import send

        send(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receive what a worker has to tell."""
    from .leftovers import receive

    receive(node)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what was measured, done and left behind."""
    if has_something_to_tell(terminalreporter, config):
        from .report.summary import tell

        tell(terminalreporter, config)
