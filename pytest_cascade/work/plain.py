"""Records as plain data, for reports that are drawn in another process, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .record import Resolve, WorkRecord
from .sums import ToldReason


@dataclass(frozen=True, slots=True)
class ToldDifference:
    """One difference to what was known, as it was told."""

    path: str
    before: str
    now: str


def as_plain_data(record: WorkRecord) -> dict[str, Any]:
    """Turn a record into dicts, lists, strings and numbers.

    Cost: the reasons of all resolves are worked out.
    """
    return {
        "engine": record.engine,
        "counts": record.counts,
        "executions": dict(record.tasks),
        "attempts": dict(record.task_attempts),
        "timeline": [_plain_resolve(each) for each in record.timeline],
        "fallbacks": list(record.fallbacks),
    }


def of_plain_data(data: Mapping[str, Any]) -> WorkRecord:
    """Make the record again; the names of tasks that were only seen are gone."""
    return WorkRecord(
        engine=data["engine"],
        tasks=Counter(data["executions"]),
        task_attempts=Counter(data["attempts"]),
        timeline=tuple(_resolve(each) for each in data["timeline"]),
        fallbacks=tuple(data["fallbacks"]),
        **data["counts"],
    )


def _plain_resolve(resolve: Resolve) -> dict[str, Any]:
    why = resolve.why
    return {
        "root": resolve.root,
        "nodes": resolve.nodes,
        "reason": why.reason,
        "text": str(why),
        "changes": [[each.path, each.before, each.now] for each in why.changes],
        "source": _plain_place(resolve.source),
        "called_from": _plain_place(resolve.called_from),
        "duration_ns": resolve.duration_ns,
        "again": resolve.again,
    }


def _resolve(data: Mapping[str, Any]) -> Resolve:
    changes = tuple(ToldDifference(*change) for change in data["changes"])
    return Resolve(
        data["root"],
        data["nodes"],
        ToldReason(data["reason"], data["text"], changes),
        _place(data["source"]),
        _place(data["called_from"]),
        data["duration_ns"],
        again=data["again"],
    )


def _plain_place(place: tuple[str, int] | None) -> list[str | int] | None:
    return None if place is None else [*place]


def _place(data: Any) -> tuple[str, int] | None:
    return None if data is None else (data[0], data[1])
