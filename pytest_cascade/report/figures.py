"""Numbers and verdicts of benchmarks as a reader expects them. Pure: values to text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pytest_cascade.bench.judgement import Judged
from pytest_cascade.bench.statistics import Interval

TIMES: Final = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))
"""How many nanoseconds a unit has, the longest first."""

RATES: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))


def duration(nanoseconds: float) -> str:
    """Three digits and a unit: ``1.35 ms``."""
    size, unit = next((each for each in TIMES if nanoseconds >= each[0]), TIMES[-1])
    return f"{three_digits(nanoseconds / size)} {unit}"


def rate(per_second: float) -> str:
    """Three digits, with a letter for thousands: ``812 k/s``."""
    size, letter = next((each for each in RATES if per_second >= each[0]), RATES[-1])
    return f"{three_digits(per_second / size)} {letter}/s"


def three_digits(number: float) -> str:
    """As many decimals as make three digits: ``0.123``, ``1.23``, ``12.3``, ``1,230``."""
    if number >= 99.95:
        return f"{number:,.0f}"
    if number >= 9.995:
        return f"{number:.1f}"
    if number >= 0.995:
        return f"{number:.2f}"
    return f"{number:.3f}" if number >= 0.1 else f"{number:#.3g}"


def exact(number: float) -> str:
    """A count, with decimals only if it has some."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"


def ratio(interval: Interval) -> str:
    """A ratio with where it lies: ``7.61 (7.42 to 7.90)``."""
    return f"{three_digits(interval.median)} {span(interval)}"


def span(interval: Interval) -> str:
    """Where something lies, in brackets."""
    if not interval.is_known:
        return "(too few rounds to say)"
    return f"({three_digits(interval.low)} to {three_digits(interval.high)})"


def percent(confidence: float) -> str:
    """A share as percent, with decimals only if it has some."""
    return f"{100 * confidence:.4g} %"


def verdict_line(judged: Judged) -> str:
    """Say what was claimed and what was found."""
    return f"{judged.claim.label}: {finding(judged)}"


def finding(judged: Judged) -> str:
    """Say what was found, and how sure that is."""
    interval, claim = judged.interval, judged.claim
    if claim.figure == "cost":
        return f"{judged.name} takes {exact(interval.median)} {claim.unit} an iteration"
    if claim.figure == "tps":
        said = f"{judged.name} makes {rate(interval.median)}"
        shown: Callable[[float], str] = rate
    else:
        said = f"{judged.name} is {three_digits(interval.median)} times as fast as {claim.over}"
        shown = three_digits
    assert judged.confidence is not None
    sure = f"at {percent(judged.confidence)}, look {judged.look} of {judged.looks}"
    ends = (interval.low, interval.high)
    where = " to ".join(map(shown, ends)) if interval.is_known else "too few rounds to say"
    return f"{said} ({where} {sure})"
