"""Whether work was as expected. Pure: an expectation and a record give a violation or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from .bounds import Bound
from .counted import COUNTED
from .probes import DEFAULT_ENGINE
from .words import first_few, plural
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
    engine: str = DEFAULT_ENGINE
    """Whose work is meant."""
    allows_fallbacks: bool = False
    """Whether the engine may have gone on without what it makes plans for."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A claim that does not hold."""

    label: str
    """The claim as the test wrote it."""
    verdict: str
    """What happened instead."""
    engine: str = DEFAULT_ENGINE
    """Whose work was meant."""

    def __str__(self) -> str:
        return f"{self.label}: {self.verdict}"


def violations(
    expectations: Iterable[Expectation],
    records: Mapping[str, WorkRecord],
    *,
    place: str = "this test",
    alive: Collection[str] = (),
) -> list[Violation]:
    """Hold expectations against records.

    Args:
        expectations: What was claimed.
        records: What happened, by engine; nothing, if an engine has none.
        place: Where nothing happened if no engine ran.
        alive: Names of tasks that may be named although they were not seen.

    Returns:
        A violation for each expectation that does not hold, in order.
    """
    found = []
    for expected in expectations:
        record = records.get(expected.engine) or WorkRecord(engine=expected.engine)
        verdict = _verdict(expected, record, place, alive)
        if verdict:
            found.append(Violation(expected.label, verdict, expected.engine))
    return found


def _verdict(
    expected: Expectation, record: WorkRecord, place: str, alive: Collection[str]
) -> str | None:
    """What is wrong, if anything is."""
    if not record.any_ran:
        engine = "no engine" if record.engine == DEFAULT_ENGINE else f"no engine {record.engine!r}"
        return f"{engine} ran in {place}"
    if expected.task is not None:
        seen = record.task_names
        if expected.task not in seen and expected.task not in alive:
            return _unknown_task(expected.task, seen, alive)
    count = count_of(expected, record)
    if not expected.bound.admits(count):
        counted = COUNTED[expected.counter]
        verdict = counted.verdict if expected.task is None else counted.task_verdict
        return verdict.format(times=f"{count} {plural(count, 'time')}", task=expected.task)
    if record.fallbacks and expected.counter == "resolves" and not expected.allows_fallbacks:
        more = f" and {len(record.fallbacks) - 1} more" if len(record.fallbacks) > 1 else ""
        return f"the engine fell back: {record.fallbacks[0]}{more}; allow_fallbacks=True permits it"
    return None


def count_of(expected: Expectation, record: WorkRecord) -> int:
    """Read from ``record`` the count that ``expected`` is about."""
    if expected.task is None:
        return int(getattr(record, expected.counter))
    return int(getattr(record, COUNTED[expected.counter].by_task)[expected.task])


def _unknown_task(task: str, seen: Collection[str], alive: Collection[str]) -> str:
    known = [*sorted(seen), *sorted(set(alive) - set(seen))]
    told = first_few([*map(repr, known)], NAMES_TOLD) or "none"
    return f"no task is called {task!r}, known: {told}"
