"""Results as plain data, for the table and whoever else is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_cascade.carrier import PlainData

from .results import Contender, Results


def as_plain_data(results: Results, options: Mapping[str, Any]) -> PlainData:
    """Turn results into what the table shows.

    Args:
        results: What was measured.
        options: The marker's: ``baseline`` (the first contender by default) and ``ratios``.
    """
    baseline = options.get("baseline", next(iter(results)))
    ratios: Mapping[str, tuple[str, str]] = options.get("ratios", {})
    return {
        "baseline": baseline,
        "rounds": len(results[baseline].rounds),
        "rows": [_row(each, results.ratio(each.name, baseline)) for each in results.values()],
        "ratios": [
            {"label": label, "name": name, "over": over, "values": list(results.ratio(name, over))}
            for label, (name, over) in ratios.items()
        ],
    }


def _row(contender: Contender, ratio: tuple[float, float, float]) -> PlainData:
    return {
        "name": contender.name,
        "rate": contender.rate,
        "node_rate": contender.node_rate,
        "ns_per_iteration": contender.ns_per_iteration,
        "resolves": contender.total("resolves"),
        "hits": contender.total("hits"),
        "nodes_per_graph": contender.nodes_per_graph,
        "ran_engine": contender.ran_engine,
        "ratio": list(ratio),
    }
