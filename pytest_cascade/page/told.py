"""What a test tells for the page, as plain data, in the process that ran it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from pytest_cascade.report.terminal import reason_text

from .drawing import Drawings, drawing
from .strip import Stretch, strip

if TYPE_CHECKING:
    from pytest_cascade.carrier import PlainData
    from pytest_cascade.work.record import Resolve, WorkRecord


MOST_CHANGES: Final = 20
"""So many differences of each miss are told."""

MOST_TASKS: Final = 20
"""So many tasks are told, those that ran most."""

MOST_FALLBACKS: Final = 20
"""So many fallbacks are told, the first ones."""


def told_of(
    records: Mapping[str, WorkRecord], labels: Iterable[str], verdict: str, *, is_compared: bool
) -> PlainData:
    """Gather what a test did and what was claimed of it.

    Args:
        records: What it did, by engine.
        labels: What its marks, and the defaults, claim.
        verdict: What was wrong, in the words the user sees.
        is_compared: Whether its work is held against a recording, if there is one.

    Cost: the reasons and differences of the misses that are told are worked out.
    """
    return {
        "bounds": [[label, f"{label}: " not in verdict] for label in labels],
        "is_compared": is_compared,
        "work": [_told_work(record) for record in records.values()],
    }


def _told_work(record: WorkRecord) -> PlainData:
    drawings = Drawings()
    return {
        "engine": record.engine,
        "tasks": [[name, times] for name, times in record.tasks.most_common(MOST_TASKS)],
        "fallbacks": list(record.fallbacks[:MOST_FALLBACKS]),
        "strip": [_told_stretch(each, drawings) for each in strip(record)],
        "drawings": drawings.all,
    }


def _told_stretch(stretch: Stretch, drawings: Drawings) -> PlainData:
    told: PlainData = {"kind": stretch.kind, "count": stretch.count, "start": stretch.start}
    if stretch.hits:
        told["hits"] = stretch.hits
    if stretch.resolve is not None:
        told["miss"] = _told_miss(stretch.resolve, drawings)
    return told


def _told_miss(resolve: Resolve, drawings: Drawings) -> PlainData:
    nearest = getattr(resolve.why, "nearest", None)
    is_other = nearest is not None and nearest != resolve.structure
    changes = resolve.why.changes
    return {
        "root": resolve.root,
        "nodes": resolve.nodes,
        "text": reason_text(resolve),
        "changes": [[each.path, each.before, each.now] for each in changes[:MOST_CHANGES]],
        "more_changes": max(0, len(changes) - MOST_CHANGES),
        "source": resolve.source and list(resolve.source),
        "called_from": resolve.called_from and list(resolve.called_from),
        "duration_ns": resolve.duration_ns,
        "before": drawings.number_of(drawing(nearest, resolve.structure)) if is_other else None,
        "now": drawings.number_of(drawing(resolve.structure, nearest if is_other else None)),
    }
