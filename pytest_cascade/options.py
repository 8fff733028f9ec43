"""Every command line flag and ini value, and the settings they make."""

from __future__ import annotations

import os
from typing import Final

import pytest

from .probes import DEFAULT_ENGINE

DEFAULT_BENCH_ROUNDS: Final = 7

VERBOSITY: Final = "cascade"
"""The name under which pytest keeps our verbosity: ini ``verbosity_cascade``."""


class Settings:
    """What the user chose, read once.

    A plain class, for every pytest run imports it and a dataclass is slow to make.

    Attributes:
        bench: Whether benchmarks measure; else they run as ordinary tests.
        bench_rounds: Rounds of each measurement at least, where no marker says otherwise.
        expect: The lines of ``cascade_expect``.
        record: The absolute path of the file to write the work of all tests to, or None.
        compare: The absolute path of the file to hold the work of all tests against, or None.
        ratchet: Whether less work than in that file fails, too.
        explain: Whether to show the timelines of all tests.
        ask_for_more: Whether there is more to do than markers and fixtures ask for.
        concern_all: Whether every test is watched, for any may turn out to run an engine.
    """

    __slots__ = (
        "ask_for_more",
        "bench",
        "bench_rounds",
        "compare",
        "concern_all",
        "expect",
        "explain",
        "ratchet",
        "record",
    )

    def __init__(
        self,
        *,
        bench: bool,
        bench_rounds: int,
        expect: tuple[str, ...] = (),
        record: str | None = None,
        compare: str | None = None,
        ratchet: bool = False,
        explain: bool = False,
    ) -> None:
        self.bench: Final = bench
        self.bench_rounds: Final = bench_rounds
        self.expect: Final = expect
        self.record: Final = record
        self.compare: Final = compare
        self.ratchet: Final = ratchet
        self.explain: Final = explain
        self.concern_all: Final = bool(expect or record or compare or explain)
        self.ask_for_more: Final = bench or self.concern_all


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
    # An absolute path, for the workers of xdist may be elsewhere.
    group.addoption(
        "--cascade-record",
        metavar="PATH",
        type=os.path.abspath,
        help="write the work of every test that ran an engine to PATH, as JSON",
    )
    group.addoption(
        "--cascade-compare",
        metavar="PATH",
        type=os.path.abspath,
        help="fail each test whose work grew against PATH, made by --cascade-record",
    )
    group.addoption(
        "--cascade-ratchet",
        action="store_true",
        default=None,
        help="with --cascade-compare: fail each test whose work shrank, too, so that the file "
        "is renewed",
    )
    group.addoption(
        "--cascade-explain",
        action="store_true",
        default=None,
        help="show what every test planned and why, not only what failing ones did",
    )
    parser.addini(
        "cascade_bench_rounds",
        "rounds that cascade_bench measures at least, where no marker says otherwise",
        default=str(DEFAULT_BENCH_ROUNDS),
    )
    parser.addini(
        "cascade_expect",
        "bounds for every test that runs an engine and has no marker of that kind: "
        "lines such as 'resolves <= 3'",
        type="linelist",
        default=[],
    )
    parser.addini(
        "cascade_default_engine",
        "the engine that count markers mean where they name none",
        default=DEFAULT_ENGINE,
    )
    parser.addini(
        f"verbosity_{VERBOSITY}",
        "how much failures tell of what was planned, instead of -v: "
        "0 is terse, 1 has all differences, 2 leaves nothing out",
        default="auto",
    )


def read_settings(config: pytest.Config) -> Settings:
    """Read what the user chose.

    Raises:
        pytest.UsageError: an option or an ini value makes no sense.
    """
    settings = Settings(
        bench=bool(config.getoption("cascade_bench")),
        bench_rounds=_positive(config, "cascade_bench_rounds"),
        expect=tuple(config.getini("cascade_expect")),
        record=config.getoption("cascade_record"),
        compare=config.getoption("cascade_compare"),
        ratchet=bool(config.getoption("cascade_ratchet")),
        explain=bool(config.getoption("cascade_explain")),
    )
    if settings.ratchet and settings.compare is None:
        raise pytest.UsageError("--cascade-ratchet needs --cascade-compare PATH")
    _check_folder(settings.record)
    return settings


def _positive(config: pytest.Config, name: str) -> int:
    text = str(config.getini(name))
    if not text.isdecimal() or int(text) == 0:
        raise pytest.UsageError(f"{name} must be an int > 0, got {text!r}")
    return int(text)


def _check_folder(record: str | None) -> None:
    """See that a file can be written, before the tests have run."""
    if record is None:
        return
    if os.path.isdir(record):
        raise pytest.UsageError(f"--cascade-record: {record} is a folder, expected a file")
    folder = os.path.dirname(record)
    if not os.path.isdir(folder):
        raise pytest.UsageError(f"--cascade-record: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise pytest.UsageError(f"--cascade-record: {folder} cannot be written to")
