"""Fixtures of the engine's own tests, which do without the plugin."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest
from fakes import EventLog
from ways import WAYS

import cascade_core as cs

SECONDS = 60
"""No test takes a tenth of it; a broken engine may loop for ever."""


@pytest.fixture(autouse=True)
def hanging_tests_fail() -> Iterator[None]:
    """Fail a test that does not end, in place of hanging."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals arrive in the main thread only
        return

    def fail(signum: int, frame: object) -> None:
        pytest.fail(f"did not end within {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def engine() -> cs.Engine:
    return cs.Engine()


@pytest.fixture
def log(engine: cs.Engine) -> EventLog:
    """All events of ``engine``; having it sends every node through the scheduler."""
    return EventLog(engine)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """One of the ways to run a target."""
    return str(request.param)
