"""Every command line flag and ini value, and the settings they make."""

from __future__ import annotations

import os
from typing import Final

import pytest

from .probes import DEFAULT_ENGINE

DEFAULT_BENCH_ROUNDS: Final = 15
DEFAULT_CONFIDENCE: Final = 0.99
DEFAULT_MAX_TIME: Final = 10.0

VERBOSITY: Final = "cascade"
"""The name under which pytest keeps our verbosity: ini ``verbosity_cascade``."""


class Settings:
    """What the user chose, read once.

    A plain class, for every pytest run imports it and a dataclass is slow to make.

    Attributes:
        bench: Whether benchmarks measure; else they run as ordinary tests.
        bench_held_back: Whether they would measure, but ``--benchmark-disable`` is on.
        bench_confidence: How sure intervals and verdicts of benchmarks are to be.
        bench_max_time: So many seconds at most rounds are added while a claim is unclear.
        bench_strict: Whether a claim fails that stays unclear.
        bench_profile: The absolute path of the folder to write profiles to, or None.
        selects_benches: Whether pytest-benchmark is to run benchmarks only, or none.
        bench_rounds: Rounds of each measurement at least, where no marker says otherwise.
        expect: The lines of ``cascade_expect``.
        record: The absolute path of the file to write the work of all tests to, or None.
        compare: The absolute path of the file to hold the work of all tests against, or None.
        ratchet: Whether less work than in that file fails, too.
        explain: Whether to show the timelines of all tests.
        report: The absolute path of the page to write, or None.
        ask_for_more: Whether there is more to do than markers and fixtures ask for.
        concern_all: Whether every test is watched, for any may turn out to run an engine.
    """

    __slots__ = (
        "ask_for_more",
        "bench",
        "bench_confidence",
        "bench_held_back",
        "bench_max_time",
        "bench_profile",
        "bench_rounds",
        "bench_strict",
        "compare",
        "concern_all",
        "expect",
        "explain",
        "ratchet",
        "record",
        "report",
        "selects_benches",
    )

    def __init__(
        self,
        *,
        bench: bool,
        bench_rounds: int,
        bench_held_back: bool = False,
        bench_confidence: float = DEFAULT_CONFIDENCE,
        bench_max_time: float = DEFAULT_MAX_TIME,
        bench_strict: bool = False,
        bench_profile: str | None = None,
        selects_benches: bool = False,
        expect: tuple[str, ...] = (),
        record: str | None = None,
        compare: str | None = None,
        ratchet: bool = False,
        explain: bool = False,
        report: str | None = None,
    ) -> None:
        self.bench: Final = bench
        self.bench_rounds: Final = bench_rounds
        self.bench_held_back: Final = bench_held_back
        self.bench_confidence: Final = bench_confidence
        self.bench_max_time: Final = bench_max_time
        self.bench_strict: Final = bench_strict
        self.bench_profile: Final = bench_profile
        self.selects_benches: Final = selects_benches
        self.expect: Final = expect
        self.record: Final = record
        self.compare: Final = compare
        self.ratchet: Final = ratchet
        self.explain: Final = explain
        self.report: Final = report
        self.concern_all: Final = bool(expect or record or compare or explain or report)
        is_about_benches = bench or bench_held_back or selects_benches
        self.ask_for_more: Final = is_about_benches or self.concern_all


SETTINGS: Final = pytest.StashKey[Settings]()
"""Where a configuration keeps its settings."""


def add_options(parser: pytest.Parser) -> None:
    """Tell pytest our flags and ini values.

    Paths are made absolute, for the workers of xdist may be elsewhere.
    """
    group = parser.getgroup("cascade", "work of graph engines")
    _add_flags_of_benchmarks(group)
    _add_flags_of_recording(group)
    _add_ini_values(parser)


def _add_flags_of_benchmarks(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--cascade-bench",
        action="store_true",
        default=None,
        help="measure the tests that use the fixture cascade_bench; "
        "without it they run with few iterations, as ordinary tests",
    )
    group.addoption(
        "--cascade-bench-max-time",
        metavar="SECONDS",
        default=str(DEFAULT_MAX_TIME),
        help="with --cascade-bench: add rounds for so long at most while a claim about speed is "
        "unclear, per benchmark; 0 adds none (default: %(default)s)",
    )
    group.addoption(
        "--cascade-bench-strict",
        action="store_true",
        default=None,
        help="with --cascade-bench: fail each test with a claim about speed that stays unclear",
    )
    group.addoption(
        "--cascade-bench-profile",
        metavar="DIR",
        type=os.path.abspath,
        help="with --cascade-bench: write a profile of one more round of each contender to DIR, "
        "by pyinstrument if it is installed, else by cProfile",
    )


def _add_flags_of_recording(group: pytest.OptionGroup) -> None:
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
    group.addoption(
        "--cascade-report",
        metavar="PATH",
        type=os.path.abspath,
        help="write one self-contained HTML page about the work of all tests to PATH; "
        "needs the extra pytest-cascade[report]",
    )


def _add_ini_values(parser: pytest.Parser) -> None:
    parser.addini(
        "cascade_bench_rounds",
        "rounds that cascade_bench measures at least, where no marker says otherwise",
        default=str(DEFAULT_BENCH_ROUNDS),
    )
    parser.addini(
        "cascade_bench_confidence",
        "how sure intervals and verdicts of benchmarks are to be, where no marker says otherwise",
        default=str(DEFAULT_CONFIDENCE),
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
    is_asked_for = bool(config.getoption("cascade_bench"))
    # Of pytest-benchmark, if it is there.
    is_held_back = is_asked_for and bool(
        config.getoption("benchmark_disable", False)
        and not config.getoption("benchmark_enable", False)
    )
    settings = Settings(
        bench=is_asked_for and not is_held_back,
        bench_held_back=is_held_back,
        bench_confidence=_confidence(config),
        bench_max_time=_seconds(config),
        bench_strict=bool(config.getoption("cascade_bench_strict")),
        bench_profile=config.getoption("cascade_bench_profile"),
        selects_benches=bool(
            config.getoption("benchmark_only", False) or config.getoption("benchmark_skip", False)
        ),
        bench_rounds=_positive(config, "cascade_bench_rounds"),
        expect=tuple(config.getini("cascade_expect")),
        record=config.getoption("cascade_record"),
        compare=config.getoption("cascade_compare"),
        ratchet=bool(config.getoption("cascade_ratchet")),
        explain=bool(config.getoption("cascade_explain")),
        report=config.getoption("cascade_report"),
    )
    if settings.ratchet and settings.compare is None:
        raise pytest.UsageError("--cascade-ratchet needs --cascade-compare PATH")
    if settings.bench_profile is not None:
        if not is_asked_for:
            raise pytest.UsageError("--cascade-bench-profile needs --cascade-bench")
        if os.path.exists(settings.bench_profile) and not os.path.isdir(settings.bench_profile):
            raise pytest.UsageError(
                f"--cascade-bench-profile: {settings.bench_profile} is no folder"
            )
    _check_file("--cascade-record", settings.record)
    _check_file("--cascade-report", settings.report)
    return settings


def _positive(config: pytest.Config, name: str) -> int:
    text = str(config.getini(name))
    if not text.isdecimal() or int(text) == 0:
        raise pytest.UsageError(f"{name} must be an int > 0, got {text!r}")
    return int(text)


def _confidence(config: pytest.Config) -> float:
    from .keyword_marks import BENCH_OPTIONS

    rule, text = BENCH_OPTIONS["confidence"], str(config.getini("cascade_bench_confidence"))
    value = _number(text)
    if not rule.admits(value):
        raise pytest.UsageError(f"cascade_bench_confidence must be {rule.expected}, got {text!r}")
    return value


def _seconds(config: pytest.Config) -> float:
    text = config.getoption("cascade_bench_max_time")
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise pytest.UsageError(
            f"--cascade-bench-max-time must be a number of seconds >= 0, got {text!r}"
        )
    return value


def _number(text: str) -> float:
    """Read a number; what is none becomes one that is never within bounds."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _check_file(option: str, path: str | None) -> None:
    """See that a file can be written, before the tests have run."""
    if path is None:
        return
    if os.path.isdir(path):
        raise pytest.UsageError(f"{option}: {path} is a folder, expected a file")
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise pytest.UsageError(f"{option}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise pytest.UsageError(f"{option}: {folder} cannot be written to")
