"""Texts of failures, timelines and the summary. Pure: values to text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pytest_cascade.expectations import Violation
from pytest_cascade.levels import shown_path
from pytest_cascade.work.record import Resolve, WorkRecord

FIRST_ROWS: Final = 10
LAST_ROWS: Final = 5
"""So much of a long timeline is shown; its middle is counted."""

TESTS_TOLD: Final = 5
"""So many tests are named in the line about leftovers."""

LOCATED_REASON: Final = "structure"
"""The reason that a change in the task's own code cures, so its place is worth the room."""


def failure(violations: Iterable[Violation], record: WorkRecord, rootdir: str) -> str:
    """Say what was claimed and did not hold, then what was planned and why.

    Args:
        violations: What did not hold; a line each.
        record: What happened.
        rootdir: Paths below it are shown relative to it.
    """
    verdicts = [str(violation) for violation in violations]
    return "\n".join([*verdicts, *_shortened(record, rootdir)])


def timeline(record: WorkRecord, rootdir: str) -> str:
    """List all resolves that ``record`` holds, one line each, with their reasons."""
    rows = _rows(list(enumerate(record.timeline, 1)), rootdir)
    return "\n".join([*rows, *_untold(record.resolves - len(rows))]) or "nothing was planned"


def place(source: tuple[str, int] | None, rootdir: str) -> str:
    """Write ``source`` as ``path:line``, or nothing."""
    return "" if source is None else f"{shown_path(source[0], rootdir)}:{source[1]}"


def leftovers(counts: Mapping[str, int]) -> str:
    """Say how many runs were not counted because an earlier test had left something running.

    Args:
        counts: Runs by the node id of the test that they came from.
    """
    total = sum(counts.values())
    named = [f"{test} ({count})" for test, count in sorted(counts.items())]
    told = ", ".join(named[:TESTS_TOLD])
    more = f" and {len(named) - TESTS_TOLD} more" if len(named) > TESTS_TOLD else ""
    runs = "1 run was" if total == 1 else f"{total} runs were"
    return f"{runs} started by what an earlier test left running, and not counted: {told}{more}"


def _shortened(record: WorkRecord, rootdir: str) -> list[str]:
    numbered = list(enumerate(record.timeline, 1))
    untold = record.resolves - len(numbered)
    if len(numbered) <= FIRST_ROWS + LAST_ROWS:
        return [*_rows(numbered, rootdir), *_untold(untold)]
    if untold > 0:
        return [*_rows(numbered[:FIRST_ROWS], rootdir), *_untold(record.resolves - FIRST_ROWS)]
    ends = [*numbered[:FIRST_ROWS], *numbered[-LAST_ROWS:]]
    rows = _rows(ends, rootdir)
    return [*rows[:FIRST_ROWS], *_untold(len(numbered) - len(ends)), *rows[FIRST_ROWS:]]


def _untold(count: int) -> list[str]:
    return [f"  ... {count} more ..."] if count > 0 else []


def _rows(numbered: Sequence[tuple[int, Resolve]], rootdir: str) -> list[str]:
    """Columns of number, target, size and reason; where it helps, the target's place."""
    cells = [
        (f"{number}.", each.root, _size(each.nodes), each.reason, _place_of(each, rootdir))
        for number, each in numbered
    ]
    number, root, size = (max((len(cell[i]) for cell in cells), default=0) for i in range(3))
    reason = max((len(cell[3]) for cell in cells if cell[4]), default=0)
    return [
        f"  {a:>{number}} {b:<{root}} · {c:<{size}} · {d:<{reason}}      {e}".rstrip()
        for a, b, c, d, e in cells
    ]


def _size(nodes: int) -> str:
    return f"{nodes} node{'' if nodes == 1 else 's'}"


def _place_of(resolve: Resolve, rootdir: str) -> str:
    return place(resolve.source, rootdir) if resolve.miss.reason == LOCATED_REASON else ""
