"""The counts of a test as reports carry them: its ``user_properties``, which JUnit shows as well.

Plain strings and numbers, for xdist carries nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pytest_cascade.concern import PROPERTIES
from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.probes.known import ENGINES
from pytest_cascade.work.record import COUNTERS, WorkRecord

if TYPE_CHECKING:
    import pytest

    from .file import Counts

VERDICT: Final = f"{PROPERTIES}verdict"
"""The property that holds what was wrong with a test's work."""

COUNT: Final = re.compile(rf"{PROPERTIES}(?P<counter>[a-z]+)(?:\[(?P<engine>.+)\])?")


def counts_of(record: WorkRecord, counted: Collection[str] = COUNTERS) -> dict[str, int]:
    """The counts of ``record`` by name, of those that its probe counts."""
    return {name: count for name, count in record.counts.items() if name in counted}


def clear(item: pytest.Item) -> None:
    """Forget what an earlier attempt at ``item`` told; what others told stays."""
    item.user_properties[:] = [pair for pair in item.user_properties if not _is_ours(pair[0])]


def _is_ours(name: object) -> bool:
    match = COUNT.fullmatch(str(name))
    return name == VERDICT or (match is not None and match["counter"] in COUNTERS)


def tell(item: pytest.Item, records: Mapping[str, WorkRecord], verdict: str) -> None:
    """Put the counts of a test on the reports that will be made of it."""
    for engine, record in records.items():
        if engine == DEFAULT_ENGINE:
            suffix, counts = "", counts_of(record)
        else:
            counted = item.config.stash[ENGINES].capabilities[engine]
            suffix, counts = f"[{engine}]", counts_of(record, counted)
        told = [(f"{PROPERTIES}{name}{suffix}", count) for name, count in counts.items()]
        item.user_properties += told
    if verdict:
        item.user_properties.append((VERDICT, verdict))


def told_counts(report: Any) -> Mapping[str, Counts]:
    """Read the counts from a report.

    Returns:
        Engine -> counter -> count; empty if no engine ran.
    """
    found: dict[str, dict[str, int]] = {}
    for name, value in getattr(report, "user_properties", ()):
        match = COUNT.fullmatch(name) if isinstance(name, str) else None
        if match is not None and match["counter"] in COUNTERS:
            found.setdefault(match["engine"] or DEFAULT_ENGINE, {})[match["counter"]] = value
    return found


def told_verdict(report: Any) -> str | None:
    """Read what was wrong with the work of the test, if anything was."""
    properties: Iterable[tuple[str, Any]] = getattr(report, "user_properties", ())
    return next((value for name, value in properties if name == VERDICT), None)
