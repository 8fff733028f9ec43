"""For all tests: no clock decides, and what is collected once is not searched again and again."""

from __future__ import annotations

import gc

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """Leave thousands of items out of each full garbage collection; inner sessions ask for many."""
    gc.collect()
    gc.freeze()
