"""Every command line flag and ini value, and the settings they make."""

from __future__ import annotations

from typing import Final

import pytest

DEFAULT_BENCH_ROUNDS: Final = 7


class Settings:
    """What the user chose, read once.

    A plain class, for every pytest run imports it and a dataclass is slow to make.

    Attributes:
        bench: Whether benchmarks measure; else they run as ordinary tests.
        bench_rounds: Rounds of each measurement at least, where no marker says otherwise.
    """

    __slots__ = ("bench", "bench_rounds")

    def __init__(self, *, bench: bool, bench_rounds: int) -> None:
        self.bench: Final = bench
        self.bench_rounds: Final = bench_rounds


SETTINGS: Final = pytest.StashKey[Settings]()
"""Where a configuration keeps its settings."""


def add_options(parser: pytest.Parser) -> None:
    """Tell pytest our flags and ini values."""
    group = parser.getgroup("cascade", "work of graph engines")
    group.addoption(
        "--cascade-bench",
        action="store_true",
        default=None,
        help="measure the tests that use the fixture cascade_bench; "
        "without it they run with few iterations, as ordinary tests",
    )
    parser.addini(
        "cascade_bench_rounds",
        "rounds that cascade_bench measures at least, where no marker says otherwise",
        default=str(DEFAULT_BENCH_ROUNDS),
    )


def read_settings(config: pytest.Config) -> Settings:
    """Read what the user chose.

    Raises:
        pytest.UsageError: an ini value makes no sense.
    """
    return Settings(
        bench=bool(config.getoption("cascade_bench")),
        bench_rounds=_positive(config, "cascade_bench_rounds"),
    )


def _positive(config: pytest.Config, name: str) -> int:
    text = str(config.getini(name))
    if not text.isdecimal() or int(text) == 0:
        raise pytest.UsageError(f"{name} must be an int > 0, got {text!r}")
    return int(text)
