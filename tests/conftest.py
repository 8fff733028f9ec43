"""For all tests: no clock decides, and what is collected once is not searched again and again."""

from __future__ import annotations

import gc

from hypothesis import find, settings
from hypothesis import strategies as st

settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """Leave thousands of items out of each full garbage collection; inner sessions ask for many.

    Hypothesis makes its source of randomness when it is first used, and warns if nothing seems to
    refer to it; what is frozen by then is not looked at.
    """
    find(st.booleans(), lambda _: True)
    gc.collect()
    gc.freeze()
