"""Texts of failures and timelines. Pure: values to text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from pytest_cascade.expectations import Violation
from pytest_cascade.levels import shown_path
from pytest_cascade.probes.base import Difference
from pytest_cascade.words import plural
from pytest_cascade.work.record import Resolve, WorkRecord

CURED_IN_PLACE: Final = frozenset({"structure"})
"""The reasons that a change in the task's own code cures, so its place is always worth the room."""

Numbered: TypeAlias = tuple[int, Resolve]


class Detail(NamedTuple):
    """How much is told of a timeline."""

    first: int
    """So many of its first resolves."""
    last: int
    """So many of its last ones; those between are counted."""
    changes: int | None
    """So many differences of each resolve, a line each; None for the first one alone, in line."""


TERSE: Final = Detail(10, 5, None)
EVERY_LINE: Final = TERSE._replace(first=1_000_000)
"""As terse, but none is left out."""
VERBOSE: Final = Detail(40, 20, 6)
FULL: Final = Detail(1_000_000, 0, 1_000_000)


def detail_of(verbosity: int) -> Detail:
    """How much to tell at pytest's verbosity: without ``-v``, with one, with two."""
    return TERSE if verbosity < 1 else VERBOSE if verbosity == 1 else FULL


def failure(
    violations: Sequence[Violation],
    records: Mapping[str, WorkRecord],
    rootdir: str,
    *,
    verbosity: int = 0,
) -> str:
    """Say what was claimed and did not hold, then what was planned and why.

    Args:
        violations: What did not hold; a line each.
        records: What happened, by engine.
        rootdir: Paths below it are shown relative to it.
        verbosity: How much to tell; pytest's.
    """
    lines = [str(violation) for violation in violations]
    engines = dict.fromkeys(violation.engine for violation in violations)
    for engine in engines:
        if engine in records:
            lines += [f"{engine}:"] if len(engines) > 1 else []
            lines += timeline(records[engine], rootdir, detail_of(verbosity))
    return "\n".join(lines)


def timeline(record: WorkRecord, rootdir: str, detail: Detail = FULL) -> list[str]:
    """List what was planned, in order: target, size, reason and, where it helps, the place."""
    first, last = _ends(record, detail)
    blocks = _blocks([*first, *last], rootdir, detail)
    untold = record.resolves - len(blocks)
    gap = [f"  ... {untold} more ..."] if untold > 0 else []
    head, tail = blocks[: len(first)], blocks[len(first) :]
    return [*(line for block in head for line in block), *gap, *(line for b in tail for line in b)]


def place(source: tuple[str, int] | None, rootdir: str) -> str:
    """Write ``source`` as ``path:line``, or nothing."""
    return "" if source is None else f"{shown_path(source[0], rootdir)}:{source[1]}"


def _ends(record: WorkRecord, detail: Detail) -> tuple[list[Numbered], list[Numbered]]:
    """The resolves to be told before the gap and after it; without a gap all are before it."""
    numbered = list(enumerate(record.timeline, 1))
    if record.resolves <= detail.first + detail.last:
        return numbered, []
    knows_last = len(numbered) == record.resolves  # only the first ones are kept
    return numbered[: detail.first], numbered[len(numbered) - detail.last :] if knows_last else []


def _blocks(numbered: Sequence[Numbered], rootdir: str, detail: Detail) -> list[list[str]]:
    """The lines of each resolve: one in columns, then its differences."""
    rows = [_cells(number, each, rootdir, detail) for number, each in numbered]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [_row(cells, widths), *_changes(each, detail)]
        for cells, (_, each) in zip(rows, numbered, strict=True)
    ]


def _cells(number: int, resolve: Resolve, rootdir: str, detail: Detail) -> tuple[str, ...]:
    why, source = resolve.why, place(resolve.source, rootdir)
    size = f"{resolve.nodes} {plural(resolve.nodes, 'node')}" if resolve.nodes else ""
    if detail.changes is None:
        source = source if why.reason in CURED_IN_PLACE else ""
        return f"{number}.", resolve.root, size, reason_text(resolve), source
    reason = why.reason if why.reason in CURED_IN_PLACE and why.changes else reason_text(resolve)
    caller = place(resolve.called_from, rootdir)
    places = ", ".join(filter(None, (source, f"run at {caller}" if caller else "")))
    return f"{number}.", resolve.root, size, reason, places


def reason_text(resolve: Resolve) -> str:
    """Why, in a line; what is new to one engine may not be new to another."""
    if resolve.again and resolve.why.reason == "first_seen":
        return f"{resolve.why} by this engine, another one had planned it"
    return str(resolve.why)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    number, *columns, source = cells
    padded = zip(columns, widths[1:-1], strict=True)
    shown = [f"{cell:<{width}}" for cell, width in padded if width]
    return f"  {number:>{widths[0]}} {' · '.join(shown)}      {source}".rstrip()


def _changes(resolve: Resolve, detail: Detail) -> list[str]:
    if detail.changes is None:
        return []
    changes = resolve.why.changes
    lines = [f"       {_change(change)}" for change in changes[: detail.changes]]
    untold = len(changes) - len(lines)
    return [*lines, f"       ... {untold} more ..."] if untold > 0 else lines


def _change(change: Difference) -> str:
    return f"{change.path} was {change.before}, now {change.now}"
