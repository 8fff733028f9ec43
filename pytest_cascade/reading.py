"""The marks of a test, read: every place that marks it is asked, and the nearest wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest

from .claims import Claim, check_parameters, parse_claims
from .errors import MarkerError
from .expectations import Expectation
from .keyword_marks import OPTION_RULES, Option, parse_options
from .levels import location, nearest
from .markers import COUNT_MARKERS

T = TypeVar("T")


def claims_of(item: pytest.Item) -> list[Claim]:
    """Read the count marks in force for ``item``.

    Raises:
        MarkerError: a mark makes no sense; the text begins with file and line.
    """

    def parse(mark: pytest.Mark) -> list[Claim]:
        return parse_claims(mark, COUNT_MARKERS[mark.name])

    found = nearest(item, COUNT_MARKERS, parse, lambda claim: claim.subject)
    return [claim for claim in found.values() if not claim.is_lifted]


def expectations_of(item: pytest.Item) -> list[Expectation]:
    """Read the count marks in force for ``item``, with its parameters and fixtures put in.

    Raises:
        MarkerError: a mark makes no sense, or a function gave no count.
    """
    values: Mapping[str, object] = getattr(item, "funcargs", {})
    in_force = claims_of(item)
    return _located(item, lambda: [_checked(item, claim).expectation(values) for claim in in_force])


def options_of(item: pytest.Item, marker: str) -> dict[str, Any]:
    """Read the keywords of one of the ``OPTION_RULES``, merged over all places.

    Returns:
        The options that were given and not lifted by None.
    """
    rules = OPTION_RULES[marker]

    def parse(mark: pytest.Mark) -> list[Option]:
        return parse_options(mark, rules)

    found = nearest(item, (marker,), parse, lambda option: option.name)
    return {name: option.value for name, option in found.items() if option.value is not None}


def validate(item: pytest.Item) -> None:
    """See that all marks of ``item`` make sense.

    Raises:
        MarkerError: one does not; the text begins with file and line.
    """
    in_force = claims_of(item)
    _located(item, lambda: [_checked(item, claim) for claim in in_force])
    for marker in OPTION_RULES:
        options_of(item, marker)


def _checked(item: pytest.Item, claim: Claim) -> Claim:
    check_parameters(claim, getattr(item, "fixturenames", ()))
    return claim


def _located(item: pytest.Item, read: Callable[[], T]) -> T:
    try:
        return read()
    except MarkerError as error:
        raise MarkerError(f"{location(item)}: {error}") from error.__cause__
