"""Marks that set options by keyword: which there are, and what each may be.

Plain classes, for every pytest run imports them and a dataclass is slow to make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from .errors import MarkerError


class OptionRule:
    """What one option may be.

    Attributes:
        expected: In words, after "must be".
        admits: Tells whether a value will do.
    """

    __slots__ = ("admits", "expected")

    def __init__(self, expected: str, admits: Callable[[Any], bool]) -> None:
        self.expected: Final = expected
        self.admits: Final = admits


class Option:
    """One option that a mark sets; None lifts what a farther place says."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: Any) -> None:
        self.name: Final = name
        self.value: Final = value

    def __str__(self) -> str:
        return f"{self.name}={self.value!r}"


def parse_options(mark: pytest.Mark, rules: Mapping[str, OptionRule]) -> list[Option]:
    """Read one mark.

    Raises:
        MarkerError: an argument makes no sense; the text begins with the marker's name.
    """
    if mark.args:
        raise MarkerError(f"{mark.name}: takes keywords only, got {mark.args[0]!r}")
    for name, value in mark.kwargs.items():
        rule = rules.get(name)
        if rule is None:
            valid = ", ".join(sorted(rules))
            raise MarkerError(f"{mark.name}: unknown option {name!r}, valid: {valid}")
        if value is not None and not rule.admits(value):
            raise MarkerError(f"{mark.name}: {name} must be {rule.expected}, got {value!r}")
    return [Option(name, value) for name, value in mark.kwargs.items()]


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_int(value) and value >= 0


def _is_positive(value: Any) -> bool:
    return _is_int(value) and value > 0


def is_number(value: object) -> bool:
    """Tell whether ``value`` is an int or a float; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_duration(value: Any) -> bool:
    return is_number(value) and value > 0


def _is_confidence(value: Any) -> bool:
    return is_number(value) and 0.5 <= value < 1


def _are_ratios(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(label, str)
        and isinstance(names, tuple | list)
        and len(names) == 2
        and all(isinstance(name, str) for name in names)
        for label, names in value.items()
    )


ENGINE_OPTIONS: Final[Mapping[str, OptionRule]] = {
    "solver": OptionRule("a callable that makes a solver", callable),
    "executor": OptionRule(
        "an executor or a callable that makes one",
        lambda value: callable(value) or hasattr(value, "execute"),
    ),
    "bus": OptionRule(
        "a bus or a callable that makes one",
        lambda value: callable(value) or hasattr(value, "publish"),
    ),
    "max_plans": OptionRule("an int >= 0", _is_count),
    "slice_ms": OptionRule("a number > 0", _is_duration),
    "resources": OptionRule("a mapping", lambda value: isinstance(value, Mapping)),
}
"""Options of the engine that the fixture makes."""

BENCH_OPTIONS: Final[Mapping[str, OptionRule]] = {
    "iterations": OptionRule("an int > 0", _is_positive),
    "rounds": OptionRule("an int > 0", _is_positive),
    "warmup": OptionRule("an int >= 0", _is_count),
    "confidence": OptionRule("a number from 0.5 to below 1", _is_confidence),
    "baseline": OptionRule("a contender's name", lambda value: isinstance(value, str)),
    "ratios": OptionRule("a mapping: label -> (name, over)", _are_ratios),
}
"""Options of a measurement."""

OPTION_RULES: Final[Mapping[str, Mapping[str, OptionRule]]] = {
    "cascade_engine": ENGINE_OPTIONS,
    "cascade_bench": BENCH_OPTIONS,
}
"""Marker -> the options it takes."""
