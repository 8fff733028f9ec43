"""The page as text: a session is put into the template, with all it needs inside."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

import jinja2
from markupsafe import Markup

from pytest_cascade.bench.summary import judged_of_plain_data
from pytest_cascade.carrier import PlainData
from pytest_cascade.probes import DEFAULT_ENGINE
from pytest_cascade.report import benchmark, figures

from .details import details_of
from .model import WORDS, Entry, Session
from .plots import ratios_plot, rounds_plot

COLUMNS: Final = ("resolves", "hits", "misses", "iterations", "executions")
"""The counters that have a column; the details have all."""

FAILURES_TOLD: Final = 50
"""So many failures are told at the top."""

LINES_TOLD: Final = 12
"""So many lines of a verdict are told at the top."""


def render(session: Session) -> str:
    """Draw the page.

    Cost: a few plots for each benchmark, some milliseconds; the rest is linear in the tests.
    """
    rows = [row for entry in session.tests for row in _rows(entry)]
    benches = [(entry.name, bench) for entry in session.tests for bench in entry.benches]
    script = Markup(_text("page.js"))
    return (
        _environment()
        .get_template("page.html")
        .render(
            session=session,
            unexpected=list(session.unexpected),
            rows=rows,
            columns=COLUMNS,
            totals=_totals(session),
            words=WORDS,
            most_lines=LINES_TOLD,
            most_failures=FAILURES_TOLD,
            benches=[_bench(name, bench) for name, bench in benches],
            unclear=list(benchmark.unclear(benches)),
            legend=benchmark.LEGEND,
            details=packed(details_of(session, rows)),
            style=Markup(_text("page.css")),
            script=script,
            script_hash=_hash(script),
            default_engine=DEFAULT_ENGINE,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("pytest_cascade.page", "template"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _text(name: str) -> str:
    """A file beside the template, as it is."""
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _hash(script: str) -> str:
    """What the page's policy allows to run; nothing else does."""
    digest = hashlib.sha256(script.encode()).digest()
    return base64.b64encode(digest).decode()


def packed(data: PlainData) -> str:
    """Data as the page's script unpacks it: JSON, raw deflate, Base64. Names nothing in clear."""
    text = json.dumps(data, separators=(",", ":"))
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(deflater.compress(text.encode()) + deflater.flush()).decode()


def _rows(entry: Entry) -> Iterator[Mapping[str, Any]]:
    """A row for each engine that a test ran."""
    for engine in entry.engines:
        yield {
            "name": entry.name,
            "engine": engine,
            "outcome": entry.outcome,
            "counts": entry.counts.get(engine, {}),
            "before": entry.before.get(engine, {}),
            "bounds": len(entry.bounds),
            "broken": sum(not holds for _, holds in entry.bounds),
        }


def _totals(session: Session) -> Mapping[str, Counter[str]]:
    """What all tests did together, by engine, and how many tests did."""
    totals: dict[str, Counter[str]] = {}
    for entry in session.tests:
        for engine, counts in entry.counts.items():
            totals.setdefault(engine, Counter()).update({"tests": 1, **counts})
    return dict(sorted(totals.items()))


def _bench(name: str, bench: PlainData) -> Mapping[str, Any]:
    rows = sorted(bench["rows"], key=lambda row: row["ns_per_iteration"])
    bench = {**bench, "rows": rows}
    header, *cells = benchmark.cells(bench)
    return {
        "name": name,
        "header": header[1:],
        "cells": cells,
        "rounds": bench["rounds"],
        "confidence": figures.percent(bench["confidence"]),
        "gc": bench["gc"],
        "rounds_plot": Markup(rounds_plot(bench)),
        "ratios_plot": Markup(ratios_plot(bench)),
        "ratios": [benchmark.ratio_cells(each) for each in bench["ratios"]],
        "judged": [
            (judged.verdict, benchmark.WORDS[judged.verdict], figures.verdict_line(judged))
            for judged in map(judged_of_plain_data, bench["judged"])
        ],
        "notes": [note for row in rows for note in benchmark.notes(row)],
    }
