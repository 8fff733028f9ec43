"""What the page's script shows of a test when it is asked for, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pytest_cascade.carrier import PlainData
from pytest_cascade.report import figures
from pytest_cascade.report.terminal import place
from pytest_cascade.work.record import COUNTERS

from .drawing import Drawings
from .model import Entry, Session

MOST_DETAILS: Final = 4_000_000
"""So many bytes of details are kept on a page, where they are packed to a tenth or less; those of
tests that failed come first."""


def details_of(session: Session, rows: Sequence[Mapping[str, Any]]) -> PlainData:
    """The details of each row by its number, and what they share: drawings."""
    entries = {entry.name: entry for entry in session.tests}
    drawings = Drawings()
    told: dict[int, PlainData] = {}
    size = left_out = 0
    for number in sorted(range(len(rows)), key=lambda number: rows[number]["outcome"] == "passed"):
        row = rows[number]
        kept = len(drawings.all)
        detail = _detail(entries[row["name"]], row["engine"], session.rootdir, drawings)
        more = len(json.dumps([detail, drawings.all[kept:]]))
        if size + more > MOST_DETAILS:
            drawings.forget_all_but(kept)
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


def _detail(entry: Entry, engine: str, rootdir: str, drawings: Drawings) -> PlainData:
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


def _stretch(stretch: PlainData, rootdir: str, numbers: Sequence[int | None]) -> PlainData:
    if "miss" not in stretch:
        return stretch
    miss = dict(stretch["miss"])
    for end in ("before", "now"):
        miss[end] = None if miss[end] is None else numbers[miss[end]]
    for end in ("source", "called_from"):
        miss[end] = miss[end] and place((miss[end][0], miss[end][1]), rootdir)
    miss["took"] = figures.duration(miss.pop("duration_ns"))
    return {
        **stretch,
        "miss": {name: value for name, value in miss.items() if value is not None and value != []},
    }
