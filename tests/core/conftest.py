"""Fixtures of the engine's own tests, which do without the plugin."""

from __future__ import annotations

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
