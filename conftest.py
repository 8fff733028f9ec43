"""What all tests share: suites inside tests."""

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def inner_suites_print_as_at_a_desk(monkeypatch: pytest.MonkeyPatch):
    """On a CI service pytest prints its summary in full, where tests look for single lines."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
