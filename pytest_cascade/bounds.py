"""How often something may happen. Knows numbers only: no marker, no engine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """From ``least`` to ``most``, both included; None leaves that side open."""

    least: int | None = None
    most: int | None = None

    def admits(self, count: int) -> bool:
        """Tell whether ``count`` lies within."""
        above = self.least is None or count >= self.least
        return above and (self.most is None or count <= self.most)

    @property
    def arguments(self) -> str:
        """The bound as a marker's arguments: ``1`` or ``at_least=1, at_most=3``."""
        if self.least == self.most:
            return str(self.least)
        sides = (("at_least", self.least), ("at_most", self.most))
        return ", ".join(f"{name}={count}" for name, count in sides if count is not None)

    def __repr__(self) -> str:
        if self.least == self.most:
            return str(self.least)
        sides = (("at_least", self.least), ("at_most", self.most))
        return " and ".join(f"{name}({count})" for name, count in sides if count is not None)


def checked_count(value: object, what: str = "count") -> int:
    """Return ``value`` if it can be a count.

    Raises:
        ValueError: it is no int, a bool or negative; ``what`` names it in the text.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{what} must be an int >= 0, got {value!r}")
    return value


def exactly(count: int) -> Bound:
    """Make the bound that admits ``count`` alone."""
    return Bound(count, count)


def at_least(count: int) -> Bound:
    """Make the bound that admits ``count`` and more.

    Raises:
        ValueError: ``count`` is no int >= 0.
    """
    return Bound(least=checked_count(count, "at_least"))


def at_most(count: int) -> Bound:
    """Make the bound that admits ``count`` and less.

    Raises:
        ValueError: ``count`` is no int >= 0.
    """
    return Bound(most=checked_count(count, "at_most"))
