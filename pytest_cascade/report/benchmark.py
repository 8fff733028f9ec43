"""The benchmark table. Pure: plain data to lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

from pytest_cascade.bench.judgement import Verdict
from pytest_cascade.bench.summary import interval_of_plain_data, judged_of_plain_data
from pytest_cascade.words import plural

from . import figures

SHORT_NS: Final = 100_000
"""A round that lasts less is little more than the clock's own doing."""

WORDS: Final[Mapping[Verdict, str]] = {
    "pass": "pass",
    "fail": "FAIL",
    "inconclusive": "INCONCLUSIVE",
}
"""Verdicts as they are told: by word, whatever colours a terminal has."""

LEGEND: Final = (
    "Medians of rounds that alternate, the fastest first. Ratios are taken round by round, with "
    "the interval that holds the true one. Resolves and hits are sums over all measured rounds. "
    "The garbage collector is treated as by pytest-benchmark: it stays as it is, and "
    "--benchmark-disable-gc switches it off."
)

Bench = Mapping[str, Any]


class Line(NamedTuple):
    """A line of the table."""

    text: str
    verdict: Verdict | None = None
    """What it tells of, for the colour."""


def table(benches: Iterable[tuple[str, Bench]], width: int) -> list[Line]:
    """Draw what all tests measured, a block of rows for each test, sorted by their node ids.

    Args:
        benches: Node ids, and what ``bench.summary.as_plain_data`` made.
        width: Columns of the terminal; what does not fit beside goes below.
    """
    ordered = sorted(benches, key=lambda each: each[0])
    lines = [line for test, bench in ordered for line in (*_block(test, bench, width), Line(""))]
    return [*lines, *map(Line, _wrapped(LEGEND, width))]


def unclear(benches: Iterable[tuple[str, Bench]]) -> Iterator[str]:
    """Tell what could be neither shown nor refuted, a line each."""
    for test, bench in benches:
        for judged in map(judged_of_plain_data, bench["judged"]):
            if judged.verdict == "inconclusive":
                yield f"{test}: {figures.verdict_line(judged)}"


def _block(test: str, bench: Bench, width: int) -> Iterator[Line]:
    rounds = f"{bench['rounds']} {plural(bench['rounds'], 'round')}"
    collector = "" if bench["gc"] else ", garbage collector off"
    yield Line(f"{test} ({rounds}, {figures.percent(bench['confidence'])} intervals{collector})")
    rows = sorted(bench["rows"], key=lambda row: row["ns_per_iteration"])
    yield from map(Line, _fitted(cells({**bench, "rows": rows}), width))
    if bench["ratios"]:
        yield Line("")
        yield from map(Line, _aligned([ratio_cells(each) for each in bench["ratios"]], left=2))
    if bench["judged"]:
        yield Line("")
        for judged in map(judged_of_plain_data, bench["judged"]):
            text = f"  {WORDS[judged.verdict]}: {figures.verdict_line(judged)}"
            yield from (Line(line, judged.verdict) for line in _wrapped(text, width))
    for row in rows:
        yield from (Line(line) for note in notes(row) for line in _wrapped(f"  {note}", width))


def cells(bench: Bench) -> list[tuple[str, ...]]:
    """The columns' names, then a line of cells for each contender."""
    return [_columns(bench), *(_cells(row, bench) for row in bench["rows"])]


def _columns(bench: Bench) -> tuple[str, ...]:
    compared = (f"x {bench['baseline']}",) if len(bench["rows"]) > 1 else ()
    units = (f"{unit}/iteration" for unit in _units(bench))
    work = ("resolves", "hits", "nodes/graph")
    return ("", "time/iteration", "iterations/s", *compared, "nodes/s", *work, *units)


def _units(bench: Bench) -> list[str]:
    """The units that a cost was counted in, of any contender."""
    return sorted({unit for row in bench["rows"] for unit in row["cost"]})


def _cells(row: Mapping[str, Any], bench: Bench) -> tuple[str, ...]:
    node_rate, *work = ("-", "-", "-", "-")
    if row["ran_engine"]:
        node_rate = figures.rate(row["node_rate"])
        counts = (f"{row['resolves']:,}", f"{row['hits']:,}")
        work = [*counts, f"{row['nodes_per_graph']:.4g}"]
    costs = (
        figures.exact(row["cost"][unit]) if unit in row["cost"] else "-" for unit in _units(bench)
    )
    ratio = (figures.ratio(interval_of_plain_data(row["ratio"])),) if len(bench["rows"]) > 1 else ()
    times = (figures.duration(row["ns_per_iteration"]), figures.rate(row["rate"]))
    return (row["name"], *times, *ratio, node_rate, *work, *costs)


def ratio_cells(each: Mapping[str, Any]) -> tuple[str, ...]:
    """Cells of a ratio: its label, of what it is, and where it lies."""
    ratio = figures.ratio(interval_of_plain_data(each["interval"]))
    return each["label"], f"{each['name']} / {each['over']}", ratio


def notes(row: Mapping[str, Any]) -> Iterator[str]:
    """What is to be known beside the figures of a contender."""
    lasted = median(row["durations_ns"])
    if lasted < SHORT_NS:
        yield (
            f"{row['name']}: a round lasts {figures.duration(lasted)}, too short for the clock; "
            "have the factory iterate n times"
        )
    if row["profile"] is not None:
        yield f"{row['name']}: profile in {row['profile']}"


def _fitted(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Rows in columns; what does not fit goes below, with the names once more."""
    widths = _widths(rows)
    groups: list[list[int]] = [[0]]
    for column in range(1, len(widths)):
        taken = sum(widths[each] + 2 for each in groups[-1])
        if len(groups[-1]) > 1 and taken + widths[column] + 2 > width:
            groups.append([0])
        groups[-1].append(column)
    parts = [[[row[column] for column in group] for row in rows] for group in groups]
    return [line for part in parts for line in _aligned(part)]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Columns wide enough for their cells; the first ``left`` ones flush left, others right."""
    widths = _widths(rows)
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _wrapped(text: str, width: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(
        text.lstrip(),
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=f"{indent}  " if indent else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
