"""Results as plain data, for the table and whoever else is told of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_cascade.carrier import PlainData

from .judgement import Claim, Judged
from .measure import Schedule
from .results import Contender, Results
from .statistics import Interval


def as_plain_data(results: Results, schedule: Schedule, options: Mapping[str, Any]) -> PlainData:
    """Turn results into what the table shows.

    Args:
        results: What was measured.
        schedule: How.
        options: The marker's: ``baseline`` (the first contender by default) and ``ratios``.
    """
    baseline = options.get("baseline", next(iter(results)))
    ratios: Mapping[str, tuple[str, str]] = options.get("ratios", {})
    return {
        "baseline": baseline,
        "rounds": len(results[baseline].rounds),
        "confidence": results.confidence,
        "gc": results.gc_was_on,
        "looks": schedule.looks,
        "rows": [
            {**_row(each), "ratio": _interval(results.ratio(each.name, baseline))}
            for each in results.values()
        ],
        "ratios": [
            {
                "label": label,
                "name": name,
                "over": over,
                "interval": _interval(results.ratio(name, over)),
            }
            for label, (name, over) in ratios.items()
        ],
        "judged": [_judged(each) for each in results.judged],
    }


def extra_info(results: Results) -> dict[str, PlainData]:
    """What pytest-benchmark shall keep beside the times, by contender."""
    return {
        name: {
            "iterations": sum(measured.iterations for measured in each.rounds),
            "resolves": each.total("resolves"),
            "hits": each.total("hits"),
            "nodes_per_graph": each.nodes_per_graph,
            "cost": dict(each.cost),
        }
        for name, each in results.items()
    }


def _row(contender: Contender) -> PlainData:
    return {
        "name": contender.name,
        "rate": contender.rate,
        "node_rate": contender.node_rate,
        "ns_per_iteration": contender.ns_per_iteration,
        "resolves": contender.total("resolves"),
        "hits": contender.total("hits"),
        "nodes_per_graph": contender.nodes_per_graph,
        "ran_engine": contender.ran_engine,
        "cost": dict(contender.cost),
        "profile": contender.profile,
        "durations_ns": [each.duration_ns for each in contender.rounds],
        "iterations": [each.iterations for each in contender.rounds],
    }


def _interval(interval: Interval) -> list[float | None]:
    """Low, median and high; None for ends that are not known."""
    low, high = (interval.low, interval.high) if interval.is_known else (None, None)
    return [low, interval.median, high]


def _judged(judged: Judged) -> PlainData:
    claim = judged.claim
    return {
        "label": claim.label,
        "figure": claim.figure,
        "name": judged.name,
        "over": claim.over,
        "unit": claim.unit,
        "least": claim.least,
        "most": claim.most,
        "verdict": judged.verdict,
        "interval": _interval(judged.interval),
        "confidence": judged.confidence,
        "look": judged.look,
        "looks": judged.looks,
    }


def judged_of_plain_data(data: PlainData) -> Judged:
    """Turn plain data back into a claim and how it turned out."""
    claim = Claim(
        data["label"],
        data["figure"],
        data["name"],
        data["least"],
        data["most"],
        over=data["over"],
        unit=data["unit"],
    )
    return Judged(
        claim,
        data["name"],
        data["verdict"],
        interval_of_plain_data(data["interval"]),
        data["confidence"],
        data["look"],
        data["looks"],
    )


def interval_of_plain_data(data: Sequence[float | None]) -> Interval:
    """Turn plain data back into an interval."""
    low, middle, high = data
    assert middle is not None
    return Interval(-math.inf if low is None else low, middle, math.inf if high is None else high)
