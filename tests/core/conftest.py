"""Fixtures of the engine's own tests, which do without the plugin."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator

import pytest
from fakes import EventLog

import cascade_core as cs


@pytest.fixture
def engine() -> cs.Engine:
    return cs.Engine()


@pytest.fixture
def log(engine: cs.Engine) -> EventLog:
    """All events of ``engine``; having it sends every node through the scheduler."""
    return EventLog(engine)


@pytest.fixture(autouse=True)
def hanging_tests_end_the_process() -> Iterator[None]:
    """A wrong engine may loop for ever, and not let go of the event loop."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
