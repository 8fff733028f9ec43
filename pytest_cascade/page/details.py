"""What the page's script shows of a test when it is asked for, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pytest_cascade.carrier import PlainData
from pytest_cascade.levels import shown_path
from pytest_cascade.report import figures
from pytest_cascade.work.record import COUNTERS

from .model import Entry, Session

MOST_DETAILS: Final = 450_000
"""So many bytes of details are kept on a page; those of tests that failed come first."""


def details_of(session: Session, rows: Sequence[Mapping[str, Any]]) -> PlainData:
    """The details of each row by its number, and what they share: drawings."""
    entries = {entry.name: entry for entry in session.tests}
    drawings = _Shared()
    told: dict[int, PlainData] = {}
    size = left_out = 0
    for number in sorted(range(len(rows)), key=lambda number: rows[number]["outcome"] == "passed"):
        row = rows[number]
        kept = len(drawings.all)
        detail = _detail(entries[row["name"]], row["engine"], session.rootdir, drawings)
        more = len(json.dumps([detail, drawings.all[kept:]]))
        if size + more > MOST_DETAILS:
            drawings.forget(kept)
            left_out += 1
            continue
        size += more
        told[number] = detail
    return {
        "counters": COUNTERS,
        "compared": session.compared_with,
        "rows": told,
        "drawings": drawings.all,
        "left_out": left_out,
    }


class _Shared:
    """Drawings of all tests, equal ones once.

    Attributes:
        all: The drawings, in the order they came.
    """

    def __init__(self) -> None:
        self.all: list[PlainData] = []
        self._numbers: dict[str, int] = {}

    def number_of(self, drawing: PlainData) -> int:
        """The number of a drawing."""
        key = json.dumps(drawing)
        number = self._numbers.setdefault(key, len(self.all))
        if number == len(self.all):
            self.all.append(drawing)
        return number

    def forget(self, kept: int) -> None:
        """Drop all but the first."""
        del self.all[kept:]
        self._numbers = {key: n for key, n in self._numbers.items() if n < kept}


def _detail(entry: Entry, engine: str, rootdir: str, drawings: _Shared) -> PlainData:
    work: PlainData = entry.work.get(engine, {})
    numbers = [drawings.number_of(each) for each in work.get("drawings", ())]
    detail: PlainData = {
        "verdict": entry.verdict,
        "bounds": entry.bounds,
        "counts": [entry.counts.get(engine, {}).get(name) for name in COUNTERS],
        "strip": [_stretch(each, rootdir, numbers) for each in work.get("strip", ())],
        "tasks": work.get("tasks", ()),
        "fallbacks": work.get("fallbacks", ()),
    }
    if engine in entry.before:
        detail["before"] = [entry.before[engine].get(name) for name in COUNTERS]
    return {name: value for name, value in detail.items() if value}


def _stretch(stretch: PlainData, rootdir: str, numbers: Sequence[int]) -> PlainData:
    told: PlainData = {name: value for name, value in stretch.items() if name != "miss"}
    if "miss" in stretch:
        miss = dict(stretch["miss"])
        for end in ("before", "now"):
            miss[end] = None if miss[end] is None else numbers[miss[end]]
        for place in ("source", "called_from"):
            if miss[place]:
                path, line = miss[place]
                miss[place] = f"{shown_path(path, rootdir)}:{line}"
        miss["took"] = figures.duration(miss.pop("duration_ns"))
        told["miss"] = {name: value for name, value in miss.items() if value not in (None, [], 0)}
        told["miss"].update({end: miss[end] for end in ("before", "now") if miss[end] is not None})
    return told
