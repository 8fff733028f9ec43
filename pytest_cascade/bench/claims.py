"""The marks that claim something of a benchmark, read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import pytest

from pytest_cascade.errors import MarkerError
from pytest_cascade.keyword_marks import BENCH_OPTIONS, is_number

from .judgement import Claim, Figure

BOUNDS: Final = ("at_least", "at_most", "between")
CONFIDENCE: Final = BENCH_OPTIONS["confidence"]
UNITS: Final = ("calls", "opcodes")

FIGURES: Final[Mapping[str, tuple[Figure, tuple[str, ...]]]] = {
    "expect_speedup": ("speedup", ("over", *BOUNDS, "confidence")),
    "expect_tps": ("tps", (*BOUNDS, "confidence")),
    "expect_cost": ("cost", (*BOUNDS, "unit")),
}
"""Marker -> what it is about, and the keywords it takes."""


def parse_claim(mark: pytest.Mark) -> Claim:
    """Read one mark.

    Raises:
        MarkerError: an argument makes no sense; the text begins with the marker's name.
    """
    figure, keywords = FIGURES[mark.name]
    for keyword in mark.kwargs:
        if keyword not in keywords:
            valid = ", ".join(sorted(keywords))
            raise MarkerError(f"{mark.name}: unknown argument {keyword!r}, valid: {valid}")
    least, most = _bounds(mark)
    return Claim(
        _label(mark),
        figure,
        _name(mark),
        least,
        most,
        over=_over(mark),
        unit=_unit(mark) if figure == "cost" else "",
        confidence=_confidence(mark),
    )


def _label(mark: pytest.Mark) -> str:
    keywords = (f"{name}={_quoted(value)}" for name, value in mark.kwargs.items())
    return f"{mark.name}({', '.join([*map(_quoted, mark.args), *keywords])})"


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _name(mark: pytest.Mark) -> str | None:
    if len(mark.args) > 1:
        raise MarkerError(f"{mark.name}: takes one contender, got {len(mark.args)}: {mark.args!r}")
    (name,) = mark.args or (None,)
    if name is None and mark.name != "expect_speedup":
        return None
    if not isinstance(name, str):
        raise MarkerError(f"{mark.name}: expected a contender's name, got {name!r}")
    return name


def _over(mark: pytest.Mark) -> str | None:
    if mark.name != "expect_speedup":
        return None
    over = mark.kwargs.get("over")
    if not isinstance(over, str):
        raise MarkerError(f"{mark.name}: over must be a contender's name, got {over!r}")
    if over == mark.args[0]:
        raise MarkerError(f"{mark.name}: {over!r} is compared with itself")
    return over


def _unit(mark: pytest.Mark) -> str:
    unit = mark.kwargs.get("unit", UNITS[0])
    if unit not in UNITS:
        valid = " or ".join(map(repr, UNITS))
        raise MarkerError(f"{mark.name}: unit must be {valid}, got {unit!r}")
    return str(unit)


def _confidence(mark: pytest.Mark) -> float | None:
    value = mark.kwargs.get("confidence")
    if value is not None and not CONFIDENCE.admits(value):
        raise MarkerError(f"{mark.name}: confidence must be {CONFIDENCE.expected}, got {value!r}")
    return value


def _bounds(mark: pytest.Mark) -> tuple[float | None, float | None]:
    given = {name: mark.kwargs[name] for name in BOUNDS if name in mark.kwargs}
    if not given:
        raise MarkerError(f"{mark.name}: no bound given, expected {', '.join(BOUNDS)}")
    if "between" in given:
        if len(given) > 1:
            raise MarkerError(f"{mark.name}: between= stands alone, got {', '.join(given)}")
        return _both(mark, given["between"])
    least, most = given.get("at_least"), given.get("at_most")
    for name, value in given.items():
        if value is not None and not _is_bound(value):
            raise MarkerError(f"{mark.name}: {name} must be a number >= 0, got {value!r}")
    _check_order(mark, least, most)
    return least, most


def _both(mark: pytest.Mark, value: Any) -> tuple[float | None, float | None]:
    if value is None:
        return None, None
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    if not is_pair or not all(map(_is_bound, value)):
        raise MarkerError(f"{mark.name}: between must be two numbers >= 0, got {value!r}")
    least, most = value
    _check_order(mark, least, most)
    return least, most


def _check_order(mark: pytest.Mark, least: float | None, most: float | None) -> None:
    if least is not None and most is not None and least > most:
        raise MarkerError(f"{mark.name}: {least!r} is more than {most!r}")


def _is_bound(value: Any) -> bool:
    return is_number(value) and 0 <= value < math.inf
