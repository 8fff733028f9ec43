"""Whether the rounds of a contender come to what they should."""

from __future__ import annotations

from reprlib import Repr
from typing import Any, Final

from pytest_cascade.errors import UnexpectedValue

FIRST_VALUE: Final = object()
"""Stands for an expected value: a contender's first round says what its others come to."""

_SHORT: Final = Repr()
_SHORT.maxstring = _SHORT.maxother = 200

CURE: Final = "give the right one as result=, or result=unittest.mock.ANY to accept all"


class ValueCheck:
    """Holds the value of every round against the one that is expected.

    Args:
        expected: What all contenders come to; ``FIRST_VALUE`` for what each came to first.
    """

    def __init__(self, expected: Any = FIRST_VALUE) -> None:
        self._expected = expected
        self._first: dict[str, Any] = {}

    def check(self, contender: str, where: str, value: Any) -> None:
        """Check one value.

        Args:
            contender: Whose value it is.
            where: Which round it is of, in words.
            value: What it came to.

        Raises:
            UnexpectedValue: it is not what is expected, or cannot be compared with it.
        """
        if self._expected is FIRST_VALUE:
            expected, said = self._first.setdefault(contender, value), "the first time"
        else:
            expected, said = self._expected, "expected"
        try:
            is_right = _are_equal(value, expected)
        except Exception as error:
            both = f"{_SHORT.repr(value)} and {_SHORT.repr(expected)}"
            raise UnexpectedValue(
                f"{contender}, {where}: {both} cannot be compared: {error!r}; {CURE}"
            ) from error
        if not is_right:
            came = f"came to {_SHORT.repr(value)}, {said} {_SHORT.repr(expected)}"
            raise UnexpectedValue(f"{contender}, {where}: {came}; {CURE}")


def _defined_by(cls: type) -> set[str]:
    """Names that a class or one of its bases defines, but for ``object``."""
    return {name for base in cls.__mro__[:-1] for name in vars(base)}


def _are_equal(value: Any, expected: Any) -> bool:
    if value is expected:
        return True
    if type(value) is type(expected) and "__eq__" not in _defined_by(type(value)):
        return True  # each such object equals itself alone, so there is nothing to compare
    return bool(value == expected)
