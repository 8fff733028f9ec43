"""For all tests: what is collected once is not searched for garbage again and again."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Leave thousands of items out of each full collection; inner sessions ask for several."""
    gc.collect()
    gc.freeze()
