"""The reference has every public name of the plugin, and no other."""

import inspect
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from documents import DOCUMENTS, README, ROOT
from markdown_it import MarkdownIt

import cascade_core.testing
import pytest_cascade
from pytest_cascade import claims, fixtures, hookspecs, markers, options
from pytest_cascade.bench.claims import FIGURES
from pytest_cascade.bench.fixture import CascadeBench
from pytest_cascade.bench.results import Contender, Results, Round
from pytest_cascade.counted import COUNTED
from pytest_cascade.keyword_marks import BENCH_OPTIONS, ENGINE_OPTIONS
from pytest_cascade.probes.base import EVENT_COUNTERS
from pytest_cascade.recording.counts import VERDICT
from pytest_cascade.work.inspector import CacheInspector
from pytest_cascade.work.record import COUNTERS
from pytest_cascade.work.spies import SpiedCall, SpiedSolver

REFERENCE = ROOT / "docs" / "reference.md"
PARTS = ROOT / "docs" / "parts-of-your-own.md"

HOOKS = {name for name in vars(hookspecs) if name.startswith("pytest_")}

Row = list[str]


def tables(document: Path) -> dict[str, list[Row]]:
    """The rows of each table by the heading above it, with `` #2`` for the second below one."""
    found: dict[str, list[Row]] = {}
    heading = ""
    parsed = MarkdownIt().enable("table").parse(document.read_text(encoding="utf-8"))
    for token, inside in pairwise(parsed):
        if token.type == "heading_open":
            heading = inside.content.replace("`", "")
        elif token.type == "table_open":
            earlier = sum(name.split(" #")[0] == heading for name in found)
            rows = found[f"{heading} #{earlier + 1}" if earlier else heading] = []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "td_open":
            rows[-1].append(inside.content)
    return {name: [row for row in rows if row] for name, rows in found.items()}


TABLES = tables(REFERENCE)


def names(text: str) -> list[str]:
    """The names in a cell: what is set as code, without arguments."""
    return [re.split(r"[( ]", name)[0] for name in re.findall(r"`([^`]+)`", text)]


def first_names(table: str) -> list[str]:
    return [name for row in TABLES[table] for name in names(row[0])]


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def same(listed: list[str], there: Any) -> None:
    """See that a table lists what is there, each once and nothing else."""
    assert len(set(listed)) == len(listed)
    assert set(listed) == set(there)


# Markers.


def test_count_markers_and_their_counters():
    same(first_names("Count markers"), markers.COUNT_MARKERS)
    assert {row[0]: row[1] for row in TABLES["Count markers"]} == {
        f"`{marker}`": f"`{counter}`" for marker, counter in markers.COUNT_MARKERS.items()
    }


def test_all_markers_that_are_registered(pytester: pytest.Pytester):
    told = pytester.runpytest_subprocess("--markers").stdout.str()
    registered = set(re.findall(r"@pytest\.mark\.((?:expect|cascade)_\w+)\(", told))
    of_options = re.findall(r"^### Options of .*`(\w+)`$", REFERENCE.read_text(), re.MULTILINE)
    of_benchmarks = dict.fromkeys(first_names("Markers of benchmarks"))

    listed = [*first_names("Count markers"), *of_benchmarks, *of_options]

    same(listed, registered)
    assert registered == markers.MARKERS


def test_arguments_of_count_markers():
    every, by_task = (
        set(re.findall(r"\w+", arguments))
        for arguments in (markers.COUNT_ARGUMENTS, markers.TASK_ARGUMENTS)
    )
    listed = {names(row[0])[0]: names(row[1]) for row in TABLES["Arguments of count markers"]}

    same(first_names("Arguments of count markers"), every | by_task | set(claims.KEYWORDS))
    assert {name for name, of in listed.items() if not of} == every
    tasks = {
        marker for marker, counter in markers.COUNT_MARKERS.items() if COUNTED[counter].by_task
    }
    for name in by_task - every:
        assert set(listed[name]) == tasks
    for name in set(claims.KEYWORDS) - every:
        assert listed[name] == ["expect_resolves"]


def test_arguments_of_markers_of_benchmarks():
    listed = [tuple(names(row[0] + row[1])) for row in TABLES["Markers of benchmarks"]]

    assert len(set(listed)) == len(listed)
    assert set(listed) == {
        (marker, argument)
        for marker, (_, keywords) in FIGURES.items()
        for argument in ("contender", *keywords)
    }
    assert set(FIGURES) == set(markers.BENCH_MARKERS)


@pytest.mark.parametrize(
    ("table", "rules"),
    [
        ("Options of the engine: cascade_engine", ENGINE_OPTIONS),
        ("Options of a benchmark: cascade_bench", BENCH_OPTIONS),
    ],
)
def test_options_that_markers_take(table, rules):
    same(first_names(table), rules)
    assert {names(row[0])[0]: row[1] for row in TABLES[table]} == {
        name: rule.expected for name, rule in rules.items()
    }


# Fixtures.


def test_fixtures(pytester: pytest.Pytester):
    told = pytester.runpytest_subprocess("--fixtures").stdout.str()
    (ours,) = re.findall(
        r"fixtures defined from pytest_cascade\.fixtures -+\n(.*?)\n-----", told, re.S
    )

    same(first_names("Fixtures"), re.findall(r"^(\w+) -- ", ours, re.MULTILINE))
    assert all(hasattr(fixtures, name) for name in first_names("Fixtures"))


@pytest.mark.parametrize(
    ("table", "kind", "beside"),
    [
        ("spied_solver", SpiedSolver, {"solver"}),  # made by each spy
        ("cache_inspector", CacheInspector, set()),
        ("cascade_bench", CascadeBench, {"cascade_bench"}),  # called itself
    ],
)
def test_attributes_of_fixtures(table, kind, beside):
    same(first_names(table), (public(kind) | beside) - {"freeze"})  # which ends a block's counts


def test_attributes_of_what_fixtures_give():
    (calls,) = (row[1] for row in TABLES["spied_solver"] if row[0] == "`calls`")
    (rounds,) = (row[1] for row in TABLES["cascade_bench #3"] if row[0] == "`rounds`")

    assert set(names(calls)) - {"None"} == public(SpiedCall)
    assert set(names(rounds)) <= public(Round)
    made = {"confidence", "judged", "gc_was_on"}
    of_mappings = {"get", "items", "keys", "values"}
    own = public(Results) - of_mappings - {"with_profiles"}  # which makes those of the session
    same(first_names("cascade_bench #2"), own | made)
    assert made <= set(vars(Results({})))
    same(first_names("cascade_bench #3"), public(Contender))


def test_signatures_of_what_is_called():
    called = {
        "`cascade_bench(factory, *, result)`": CascadeBench.__call__,
        "`compare(*, result, **factories)`": CascadeBench.compare,
        "`expect(*, engine, allow_fallbacks, **counts)`": CacheInspector.expect,
        "`entries()`": CacheInspector.entries,
        "`explain()`": CacheInspector.explain,
        "`reset()`": CacheInspector.reset,
        "`no_resolves()`": CacheInspector.no_resolves,
        "`resolve(graph)`": SpiedSolver.resolve,
        "`ratio(name, over, confidence)`": Results.ratio,
        "`rate_interval(confidence)`": Contender.rate_interval,
        "`total(counter)`": Contender.total,
    }
    shown = [row[0] for rows in TABLES.values() for row in rows if row[0].endswith(")`")]

    assert sorted(each for each in shown if "pytest_cascade" not in each) == sorted(called)
    for text, function in called.items():
        arguments = re.findall(r"\w+", text.partition("(")[2])
        assert arguments == list(inspect.signature(function).parameters)[1:], text


# Options and ini values.


class Told:
    """Stands in for pytest's parser: what we tell it of options and ini values."""

    def __init__(self) -> None:
        self.flags: dict[str, dict[str, Any]] = {}
        self.ini: dict[str, Any] = {}
        options.add_options(self)  # type: ignore[arg-type]

    def getgroup(self, name: str, description: str) -> "Told":
        return self

    def addoption(self, name: str, **said: Any) -> None:
        self.flags[name] = said

    def addini(self, name: str, help: str, *, type: str = "string", default: Any) -> None:
        self.ini[name] = default


def as_shown(default: Any) -> str:
    return f"`{default}`" if default else "none"


def words_of_help(pytester: pytest.Pytester) -> set[str]:
    help_text = pytester.runpytest_subprocess("--help").stdout.str()
    return {re.split("[=:;(),]", word)[0] for word in help_text.split() if "cascade" in word}


def test_options(pytester: pytest.Pytester):
    flags = Told().flags
    in_help = {word for word in words_of_help(pytester) if word.startswith("--cascade-")}

    same(first_names("Options"), flags)
    assert set(flags) == in_help
    assert {row[0].strip("`"): row[1] for row in TABLES["Options"]} == {
        f"{name} {said.get('metavar', '')}".strip(): (
            "off" if said.get("action") == "store_true" else as_shown(said.get("default"))
        )
        for name, said in flags.items()
    }


def test_ini_values(pytester: pytest.Pytester):
    ini = Told().ini
    in_help = {
        w for w in words_of_help(pytester) if w.startswith(("cascade_", "verbosity_cascade"))
    }

    same(first_names("Ini values"), ini)
    assert set(ini) <= in_help
    assert {names(row[0])[0]: row[1] for row in TABLES["Ini values"]} == {
        name: as_shown(default) for name, default in ini.items()
    }
    # The fixtures and modules that the help text speaks of are in the reference, too.
    assert all(f"`{name}`" in REFERENCE.read_text() for name in in_help)


# Hooks, names to import, events.


def test_hooks():
    same(first_names("Hooks"), HOOKS)
    for row in TABLES["Hooks"]:
        name, arguments = row[0].strip("`)").split("(")
        assert arguments == ", ".join(inspect.signature(getattr(hookspecs, name)).parameters)


def test_names_to_import():
    same(first_names("Names to import"), pytest_cascade.__all__)
    same(first_names("Names to import #2"), cascade_core.testing.__all__)


ONE = {
    **{f"{word}s": f"a {word}" for word in ("run", "resolve", "lookup", "hit", "reuse")},
    **{f"{word}s": f"an {word}" for word in ("iteration", "eviction", "execution", "attempt")},
    "misses": "a miss",
}
"""How one of each counter is called."""


def test_events_of_probes():
    listed = {
        (names(kind)[0], op): counts
        for kind, ops, counts in tables(PARTS)["Events"]
        for op in names(ops)
    }

    assert listed == {
        (kind, op): "see below" if kind == "fallback" else " and ".join(ONE[c] for c in counters)
        for (kind, op), counters in EVENT_COUNTERS.items()
    }


# No document names what is not there.


KNOWN = {
    *markers.MARKERS,
    *first_names("Fixtures"),
    *Told().ini,
    *HOOKS,
    *(f"cascade_{counter}" for counter in COUNTERS),
    VERDICT,
    "cascade_core",
    "pytest_cascade",
}


@pytest.mark.parametrize("document", [*DOCUMENTS, README], ids=lambda path: path.name)
def test_no_document_names_what_is_not_there(document: Path):
    text = document.read_text(encoding="utf-8")

    named = set(re.findall(r"(?<![\w./])(?:expect_|cascade_|pytest_cascade_|verbosity_)\w+", text))
    flags = set(re.findall(r"--cascade-[\w-]+", text))

    assert named - KNOWN == set()
    assert flags <= set(Told().flags)
