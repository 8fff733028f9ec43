"""The benchmark table. Pure: plain data to text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

HEADER: Final = ("", "iterations/s", "nodes/s", "ns/iteration", "resolves", "hits", "nodes/graph")

LEGEND: Final = (
    "medians of rounds that alternate; resolves and hits are sums over all measured rounds; "
    "ratios are taken round by round: median (least to greatest)"
)


def table(benches: Iterable[tuple[str, dict[str, Any]]]) -> str:
    """Draw what all tests measured, a block of rows for each test.

    Args:
        benches: Node ids, and what ``bench.summary.as_plain_data`` made.
    """
    blocks = (line for test, bench in benches for line in _block(test, bench))
    return "\n".join([*blocks, LEGEND])


def _block(test: str, bench: dict[str, Any]) -> list[str]:
    rows = [(*HEADER, f"x {bench['baseline']}"), *(_cells(row) for row in bench["rows"])]
    if len(bench["rows"]) == 1:  # nothing to compare with
        rows = [row[:-1] for row in rows]
    ratios = [
        (each["label"], f"{each['name']} / {each['over']}", _ratio(each["values"]))
        for each in bench["ratios"]
    ]
    rounds = f"{bench['rounds']} round{'' if bench['rounds'] == 1 else 's'}"
    lines = [f"{test} ({rounds})", *_aligned(rows), ""]
    return [*lines, *_aligned(ratios, left=2), ""] if ratios else lines


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    work = ("-", "-", "-", "-")
    if row["ran_engine"]:
        work = (
            f"{row['node_rate']:,.0f}",
            f"{row['resolves']:,}",
            f"{row['hits']:,}",
            f"{row['nodes_per_graph']:.4g}",
        )
    node_rate, resolves, hits, nodes = work
    return (
        row["name"],
        f"{row['rate']:,.0f}",
        node_rate,
        f"{row['ns_per_iteration']:,.0f}",
        resolves,
        hits,
        nodes,
        f"{row['ratio'][1]:.3g}",
    )


def _ratio(values: Sequence[float]) -> str:
    least, middle, greatest = values
    return f"{middle:.3g} ({least:.3g} to {greatest:.3g})"


def _aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Columns wide enough for their cells; the first ``left`` ones flush left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
