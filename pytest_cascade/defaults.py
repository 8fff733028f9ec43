"""The ini value ``cascade_expect``: bounds for every test that runs an engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import pytest

from .bounds import Bound
from .counted import COUNTED
from .errors import MarkerError
from .expectations import Expectation
from .probes.known import Engines

LINE: Final = re.compile(
    r"(?:(?P<engine>[^\s.<>=]+)\.)?(?P<counter>\w+)\s*(?P<sign><=|>=|==|=|<|>)\s*(?P<count>\d+)"
)
"""``resolves <= 3``, or of another engine ``toy.resolves <= 3``."""

SIGNS: Final[Mapping[str, Callable[[int], Bound]]] = {
    "<=": lambda count: Bound(most=count),
    ">=": lambda count: Bound(least=count),
    "==": lambda count: Bound(count, count),
    "=": lambda count: Bound(count, count),
    "<": lambda count: Bound(most=count - 1),
    ">": lambda count: Bound(least=count + 1),
}

EXPECTED: Final = "expected lines such as 'resolves <= 3' or 'toy.resolves == 1'"


def parse_defaults(lines: Iterable[str], engines: Engines) -> tuple[Expectation, ...]:
    """Read the lines of ``cascade_expect``; empty ones and comments with # say nothing.

    Raises:
        pytest.UsageError: a line makes no sense, or a probe cannot count what it claims.
    """
    stripped = (line.partition("#")[0].strip() for line in lines)
    return tuple(_expectation(line, engines) for line in stripped if line)


def _expectation(line: str, engines: Engines) -> Expectation:
    from .claims import check_capability

    found = LINE.fullmatch(line)
    if found is None:
        raise pytest.UsageError(f"cascade_expect: cannot read {line!r}, {EXPECTED}")
    counter, engine = found["counter"], found["engine"] or engines.default
    if counter not in COUNTED:
        valid = ", ".join(sorted(COUNTED))
        raise pytest.UsageError(
            f"cascade_expect: unknown counter {counter!r} in {line!r}, valid: {valid}"
        )
    bound = SIGNS[found["sign"]](int(found["count"]))
    if bound.most is not None and bound.most < 0:
        raise pytest.UsageError(f"cascade_expect: {line!r} admits nothing")
    try:
        check_capability("cascade_expect", counter, engine, bound.most is not None, engines)
    except MarkerError as error:
        raise pytest.UsageError(str(error)) from None
    return Expectation(f"cascade_expect: {line}", counter, bound, engine=engine)
