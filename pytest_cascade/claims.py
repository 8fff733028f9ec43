"""Count marks, read: from a mark's arguments to claims, from claims to expectations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from .bounds import Bound, checked_count
from .counted import COUNTED
from .errors import MarkerError
from .expectations import Expectation
from .probes.known import Engines

Count = int | Callable[..., int]
"""A number, or a function of the test's parameters and fixtures that gives one."""

_Said = tuple[str | None, tuple[object, ...], dict[str, object]]
# A task's name, positional counts, and the keywords that bound.

BOUND_KEYWORDS: Final = ("exactly", "at_least", "at_most")
KEYWORDS: Final = (*BOUND_KEYWORDS, "engine", "allow_fallbacks")
"""The last one is for resolves only."""

NO_COUNT: Final = (
    "no count given, expected one, exactly=, at_least= or at_most= "
    "(a named function goes by keyword: pytest takes mark(function) for decoration)"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one count mark says about one counter, before its counts are known."""

    marker: str
    """The marker's name."""
    counter: str
    """What it counts."""
    engine: str
    """Whose work is meant."""
    task: str | None
    """The one task that is meant; None for all of them."""
    least: Count | None
    """The lower bound; equal to ``most`` for an exact count."""
    most: Count | None
    """The upper bound; None for both lifts what a farther place says."""
    names_engine: bool = False
    """Whether the mark says whose work is meant."""
    allows_fallbacks: bool = False
    """Whether the engine may have gone on without what it makes plans for."""

    @property
    def subject(self) -> tuple[str, str, str | None]:
        """What is claimed about; of two claims about the same, the nearer wins."""
        return self.marker, self.engine, self.task

    @property
    def is_lifted(self) -> bool:
        """Whether nothing is claimed after all."""
        return self.least is None and self.most is None

    def parameters(self) -> Iterator[str]:
        """Name the arguments that the claim's functions cannot do without."""
        for count in (self.least, self.most):
            if callable(count):
                signature = inspect.signature(count)
                yield from (p.name for p in _named(signature) if p.default is p.empty)

    def expectation(self, values: Mapping[str, object]) -> Expectation:
        """Put numbers in.

        Args:
            values: The test's parameters and fixtures by name.

        Raises:
            MarkerError: a function gave no count, or the bounds admit nothing.
        """
        least = self._evaluated(self.least, values)
        is_exact = self.least == self.most
        most = least if is_exact else self._evaluated(self.most, values)
        bound = Bound(least, most)
        _check_order(self.marker, bound)
        return Expectation(
            self._label(bound.arguments),
            self.counter,
            bound,
            self.task,
            self.engine,
            self.allows_fallbacks,
        )

    def __str__(self) -> str:
        if self.least == self.most:
            return self._label(_shown(self.least))
        sides = (("at_least", self.least), ("at_most", self.most))
        given = (f"{name}={_shown(count)}" for name, count in sides if count is not None)
        return self._label(", ".join(given))

    def _label(self, arguments: str) -> str:
        task = "" if self.task is None else f'"{self.task}", '
        engine = f', engine="{self.engine}"' if self.names_engine else ""
        return f"{self.marker}({task}{arguments}{engine})"

    def _evaluated(self, count: Count | None, values: Mapping[str, object]) -> int | None:
        if not callable(count):
            return count
        given = {
            p.name: values[p.name]
            for p in _named(inspect.signature(count))
            if p.default is p.empty or p.name in values
        }
        called = ", ".join(f"{name}={value!r}" for name, value in given.items())
        call = f"{_shown(count)}({called})"
        try:
            result = count(**given)
        except Exception as error:
            raise MarkerError(f"{self.marker}: {call} raised {error!r}") from error
        try:
            return checked_count(result)
        except ValueError as error:
            raise MarkerError(f"{self.marker}: {error} from {call}") from None


def parse_claims(mark: pytest.Mark, counter: str, engines: Engines) -> list[Claim]:
    """Read one count mark.

    Args:
        mark: The mark as pytest holds it.
        counter: What it counts.
        engines: The engines that are known, and which one is meant by default.

    Returns:
        One claim, or one for each task it names.

    Raises:
        MarkerError: an argument makes no sense, or the engine's probe cannot count this; the text
            begins with the marker's name.
    """
    knows_tasks = bool(COUNTED[counter].by_task)
    keywords = KEYWORDS if counter == "resolves" else KEYWORDS[:-1]
    bounds = {name: mark.kwargs[name] for name in BOUND_KEYWORDS if name in mark.kwargs}
    tasks = {name: mark.kwargs[name] for name in mark.kwargs if name not in keywords}
    if tasks and not knows_tasks:
        valid = ", ".join(sorted(keywords))
        raise MarkerError(f"{mark.name}: unknown argument {next(iter(tasks))!r}, valid: {valid}")
    engine = mark.kwargs.get("engine", engines.default)
    allows_fallbacks = mark.kwargs.get("allow_fallbacks", False)
    if not isinstance(allows_fallbacks, bool):
        raise MarkerError(f"{mark.name}: allow_fallbacks must be a bool, got {allows_fallbacks!r}")
    task, counts = _positional(mark, knows_tasks)
    said: list[_Said] = [(name, (count,), {}) for name, count in tasks.items()]
    if mark.args or bounds or not tasks:
        said.insert(0, (task, counts, bounds))
    claims = []
    for name, positional, given in said:
        least, most = _sides(mark.name, positional, given)
        check_capability(mark.name, counter, engine, most is not None, engines)
        claims.append(
            Claim(
                mark.name,
                counter,
                engine,
                name,
                least,
                most,
                "engine" in mark.kwargs,
                allows_fallbacks,
            )
        )
    return claims


def check_capability(
    marker: str, counter: str, engine: object, is_bounded_above: bool, engines: Engines
) -> None:
    """See that the probe of ``engine`` can count what is claimed: it is no zero if it cannot."""
    if not isinstance(engine, str) or engine not in engines.probes:
        known = ", ".join(map(repr, sorted(engines.probes)))
        raise MarkerError(f"{marker}: unknown engine {engine!r}, known: {known}")
    counted = engines.capabilities[engine]
    if counter not in counted:
        able = ", ".join(sorted(counted)) or "nothing"
        raise MarkerError(f"{marker}: {counter} of {engine!r} are not counted, only {able}")
    if counted[counter] == "lower_bound" and is_bounded_above:
        raise MarkerError(
            f"{marker}: of {counter} of {engine!r} only a lower bound is counted, "
            "expected at_least= alone"
        )


def check_parameters(claim: Claim, fixture_names: Collection[str]) -> None:
    """See that the test has what the claim's functions take.

    Raises:
        MarkerError: an argument is neither a parameter nor a fixture of the test.
    """
    for name in claim.parameters():
        if name not in fixture_names:
            known = ", ".join(map(repr, sorted(fixture_names))) or "none"
            raise MarkerError(
                f"{claim.marker}: count takes {name!r}, "
                f"which is no parameter or fixture of the test, known: {known}"
            )


def _positional(mark: pytest.Mark, knows_tasks: bool) -> tuple[str | None, tuple[object, ...]]:
    """Split off the task's name that may come first."""
    task, counts = None, mark.args
    if knows_tasks and counts and isinstance(counts[0], str):
        task, counts = counts[0], counts[1:]
    if len(counts) > 1:
        raise MarkerError(f"{mark.name}: takes one count, got {len(counts)}: {counts!r}")
    return task, counts


def _sides(
    marker: str, positional: tuple[object, ...], keywords: Mapping[str, object]
) -> tuple[Count | None, Count | None]:
    """The lower and the upper bound that a mark's arguments give."""
    exact = [*positional, *(keywords[name] for name in ("exactly",) if name in keywords)]
    open_sides = [name for name in ("at_least", "at_most") if name in keywords]
    if not exact and not open_sides:
        raise MarkerError(f"{marker}: {NO_COUNT}")
    if len(exact) + bool(open_sides) > 1:
        raise MarkerError(f"{marker}: an exact count stands alone, got more beside {exact[0]!r}")
    if exact:
        return _exact_sides(marker, exact[0])
    least, most = (
        _checked(marker, keywords[name], name) if name in keywords else None
        for name in ("at_least", "at_most")
    )
    if isinstance(least, int) and isinstance(most, int):
        _check_order(marker, Bound(least, most))
    return least, most


def _exact_sides(marker: str, count: object) -> tuple[Count | None, Count | None]:
    if count is None:
        return None, None
    if isinstance(count, Bound):
        return count.least, count.most
    checked = _checked(marker, count)
    return checked, checked


def _checked(marker: str, count: object, what: str = "count") -> Count:
    try:
        if not callable(count):
            return checked_count(count, what)
        _named(inspect.signature(count))
    except (TypeError, ValueError) as error:
        raise MarkerError(f"{marker}: {error}") from None
    return count


def _named(signature: inspect.Signature) -> list[inspect.Parameter]:
    """The parameters that can be given by name.

    Raises:
        ValueError: one cannot, and has no default.
    """
    parameters = list(signature.parameters.values())
    for parameter in parameters:
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            raise ValueError(f"count cannot take {parameter.name!r} by position, expected by name")
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter for parameter in parameters if parameter.kind in kinds]


def _check_order(marker: str, bound: Bound) -> None:
    least, most = bound.least, bound.most
    if least is not None and most is not None and least > most:
        raise MarkerError(f"{marker}: at_least={least} is more than at_most={most}")


def _shown(count: Count | None) -> str:
    return getattr(count, "__name__", repr(count))
