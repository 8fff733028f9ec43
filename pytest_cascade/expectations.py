"""Whether work was as expected. Pure: an expectation and a record give a violation or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from .bounds import Bound
from .counted import COUNTED
from .work.record import WorkRecord

NAMES_TOLD: Final = 20
"""So many known task names are listed for an unknown one."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """How often something is to happen."""

    label: str
    """The claim as the test wrote it: ``expect_resolves(1)``."""
    counter: str
    """One of ``COUNTED``."""
    bound: Bound
    """How often."""
    task: str | None = None
    """The one task that is meant; None for all of them."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A claim that does not hold."""

    label: str
    """The claim as the test wrote it."""
    verdict: str
    """What happened instead."""

    def __str__(self) -> str:
        return f"{self.label}: {self.verdict}"


def violations(
    expectations: Iterable[Expectation],
    record: WorkRecord,
    *,
    place: str = "this test",
    alive: Collection[str] = (),
) -> list[Violation]:
    """Hold expectations against a record.

    Args:
        expectations: What was claimed.
        record: What happened.
        place: Where nothing happened if no engine ran.
        alive: Names of tasks that may be named although they were not seen.

    Returns:
        A violation for each expectation that does not hold, in order.
    """
    found = (_violation(expected, record, place, alive) for expected in expectations)
    return [violation for violation in found if violation is not None]


def _violation(
    expected: Expectation, record: WorkRecord, place: str, alive: Collection[str]
) -> Violation | None:
    if not record.any_ran:
        return Violation(expected.label, f"no engine ran in {place}")
    if expected.task is not None:
        seen = record.task_names
        if expected.task not in seen and expected.task not in alive:
            return Violation(expected.label, _unknown_task(expected.task, seen, alive))
    count = count_of(expected, record)
    if expected.bound.admits(count):
        return None
    counted = COUNTED[expected.counter]
    verdict = counted.verdict if expected.task is None else counted.task_verdict
    times = f"{count} time{'' if count == 1 else 's'}"
    return Violation(expected.label, verdict.format(times=times, task=expected.task))


def count_of(expected: Expectation, record: WorkRecord) -> int:
    """Read from ``record`` the count that ``expected`` is about."""
    if expected.task is None:
        return int(getattr(record, expected.counter))
    return int(getattr(record, COUNTED[expected.counter].by_task)[expected.task])


def _unknown_task(task: str, seen: Collection[str], alive: Collection[str]) -> str:
    known = [*sorted(seen), *sorted(set(alive) - set(seen))]
    told = ", ".join(map(repr, known[:NAMES_TOLD])) or "none"
    more = f" and {len(known) - NAMES_TOLD} more" if len(known) > NAMES_TOLD else ""
    return f"no task is called {task!r}, known: {told}{more}"
