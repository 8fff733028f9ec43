"""The marks of a test, read: every place that marks it is asked, and the nearest wins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from .claims import Claim, check_parameters, parse_claims
from .errors import MarkerError
from .expectations import Expectation
from .keyword_marks import OPTION_RULES, Option, parse_options
from .levels import location, nearest
from .markers import BENCH_MARKERS, COUNT_MARKERS
from .probes.known import ENGINES

if TYPE_CHECKING:
    from .bench.judgement import Claim as BenchClaim

T = TypeVar("T")


DEFAULTS: Final = pytest.StashKey[tuple[Expectation, ...]]()
"""Where a configuration keeps what ``cascade_expect`` says, if it says anything."""


CLAIMS: Final = pytest.StashKey[tuple[tuple[pytest.Mark, ...], list[Claim]]]()
"""Where an item keeps its marks and what they claim: read at collection, judged later."""


def claims_of(item: pytest.Item) -> list[Claim]:
    """Read the count marks of ``item``, of two about the same the nearer one.

    Raises:
        MarkerError: a mark makes no sense; the text begins with file and line.
    """
    marks = tuple(mark for node in item.listchain() for mark in node.own_markers)
    known_marks, claims = item.stash.get(CLAIMS, ((), []))
    if marks != known_marks:
        engines = item.config.stash[ENGINES]

        def parse(mark: pytest.Mark) -> list[Claim]:
            return parse_claims(mark, COUNT_MARKERS[mark.name], engines)

        claims = list(nearest(item, COUNT_MARKERS, parse, lambda claim: claim.subject).values())
        item.stash[CLAIMS] = marks, claims
    return claims


def expectations_of(item: pytest.Item, ran: Collection[str]) -> list[Expectation]:
    """Read what is expected of ``item``, with its parameters and fixtures put in.

    Args:
        item: The test.
        ran: The engines that ran: ``cascade_expect`` speaks of these.

    Returns:
        What its count marks say, then what ``cascade_expect`` says and no mark speaks of.

    Raises:
        MarkerError: a mark makes no sense, or a function gave no count.
    """
    values: Mapping[str, object] = getattr(item, "funcargs", {})
    claims = claims_of(item)
    claimed = {(claim.counter, claim.engine) for claim in claims if claim.task is None}
    in_force = [claim for claim in claims if not claim.is_lifted]
    return [
        *_located(item, lambda: [_checked(item, claim).expectation(values) for claim in in_force]),
        *(
            default
            for default in item.config.stash.get(DEFAULTS, ())
            if default.engine in ran and (default.counter, default.engine) not in claimed
        ),
    ]


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


def bench_claims_of(item: pytest.Item) -> list[BenchClaim]:
    """Read the marks of ``item`` that claim something of a benchmark.

    Returns:
        The claims that are not lifted, of two about the same the nearer one.

    Raises:
        MarkerError: a mark makes no sense; the text begins with file and line.
    """
    from .bench.claims import parse_claim

    found = nearest(item, BENCH_MARKERS, lambda mark: [parse_claim(mark)], lambda c: c.subject)
    return [claim for claim in found.values() if not claim.is_lifted]


def validate(item: pytest.Item) -> set[str]:
    """See that all marks of ``item`` make sense.

    Returns:
        The engines they are about.

    Raises:
        MarkerError: one does not; the text begins with file and line.
    """
    claims = claims_of(item)
    _located(item, lambda: [_checked(item, claim) for claim in claims])
    bench_claims_of(item)
    for marker in OPTION_RULES:
        options_of(item, marker)
    return {claim.engine for claim in claims}


def _checked(item: pytest.Item, claim: Claim) -> Claim:
    check_parameters(claim, getattr(item, "fixturenames", ()))
    return claim


def _located(item: pytest.Item, read: Callable[[], T]) -> T:
    try:
        return read()
    except MarkerError as error:
        raise MarkerError(f"{location(item)}: {error}") from error.__cause__
