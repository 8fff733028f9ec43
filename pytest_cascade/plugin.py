"""The hooks: what pytest calls and who answers. Start here.

Imported with every pytest run, so whoever answers is imported when something is asked.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from .concern import RECORDER, concerns_us, recorder_of
from .markers import register
from .options import SETTINGS, add_options, read_settings

pytest_plugins = ["pytest_cascade.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add flags and ini values."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings, register the markers, get ready to carry benchmarks."""
    config.stash[SETTINGS] = read_settings(config)
    register(config)
    if config.stash[SETTINGS].bench:
        from .benches import Carrier

        config.pluginmanager.register(Carrier(), "cascade-benches")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop listening to engines."""
    if RECORDER in config.stash:
        config.stash[RECORDER].detach()


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
    """Show what was measured; tell of runs that earlier tests had left behind."""
    if config.stash[SETTINGS].bench:
        from .benches import tell as tell_benches

        tell_benches(terminalreporter)
    if RECORDER in config.stash:
        from .leftovers import tell as tell_leftovers

        tell_leftovers(terminalreporter, config)
