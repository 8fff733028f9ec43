"""The hooks: what pytest calls and who answers. Start here."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from . import benches, collection, leftovers, markers
from .judging import RECORDER, concerns_us, judged_call
from .options import SETTINGS, add_options, read_settings
from .probes import PROBES
from .work.window import Recorder

pytest_plugins = ["pytest_cascade.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add flags and ini values."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings, register the markers, get ready to record."""
    config.stash[SETTINGS] = read_settings(config)
    config.stash[RECORDER] = Recorder({name: make() for name, make in PROBES.items()})
    markers.register(config)
    if config.stash[SETTINGS].bench:
        config.pluginmanager.register(benches.Carrier(), "cascade-benches")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop listening to engines."""
    if RECORDER in config.stash:
        config.stash[RECORDER].detach()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail what has marks that make no sense."""
    return collection.checked_report(collector, (yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Count the work of the call phase and hold the markers against it."""
    __tracebackhide__ = True
    recorder = item.config.stash[RECORDER]
    if not concerns_us(item, recorder):
        return (yield)
    return (yield from judged_call(item, recorder))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send what a worker has to tell to the process that tells it."""
    leftovers.send(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Receive what a worker has to tell."""
    leftovers.receive(node)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what was measured; tell of runs that earlier tests had left behind."""
    benches.tell(terminalreporter)
    leftovers.tell(terminalreporter, config)
