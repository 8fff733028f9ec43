"""Whether a session ran its tests, and to their end."""

from __future__ import annotations

from collections.abc import Generator

import pytest


class LoopWatch:
    """What plugins share that write a file when a session ends.

    Attributes:
        loops_begun: How often the session began to run tests: once, or never.
        loops_ended: How often it came to their end; whatever stops it early raises.
    """

    loops_begun = 0
    loops_ended = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """See the tests begin and end."""
        self.loops_begun += 1
        result = yield
        self.loops_ended += 1
        return result
