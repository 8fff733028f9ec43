"""Offers the probe: after this, the markers work on ``toy_engine``."""

from toy_probe import ToyProbe


def pytest_cascade_probes():
    """Offer probes to pytest-cascade."""
    return [ToyProbe()]
