"""The pieces of the page, each by itself: strips, drawings, plots and details."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import details_of as details_of_page

import cascade_core as cs
from pytest_cascade.bench.statistics import Interval
from pytest_cascade.page import details, drawing
from pytest_cascade.page.details import details_of
from pytest_cascade.page.drawing import MOST_NODES, Drawings
from pytest_cascade.page.model import Entry, Session
from pytest_cascade.page.plots import Bar, Factors, ratios_of, ratios_plot, rounds_of, rounds_plot
from pytest_cascade.page.render import render
from pytest_cascade.page.strip import MOST_RUNS, Stretch, strip
from pytest_cascade.page.told import told_of
from pytest_cascade.work.record import Resolve, WorkRecord
from pytest_cascade.work.sums import ToldReason

# -- strips -----------------------------------------------------------------------------------


def missed(after, text="first seen", root="f"):
    return Resolve(root, 1, ToldReason("first_seen", text), after=after)


def shown(stretches):
    return [(each.kind, each.count, each.start, each.hits) for each in stretches]


def test_a_loop_is_a_miss_and_a_run_of_hits():
    record = WorkRecord(
        iterations=1_000_000, hits=999_999, misses=1, resolves=1, timeline=(missed((0, 0)),)
    )

    assert shown(strip(record)) == [("miss", 1, 1, 0), ("hit", 999_999, 2, 0)]


def test_iterations_without_a_lookup_are_a_run_of_their_own():
    record = WorkRecord(iterations=1_000, misses=1, resolves=1, timeline=(missed((0, 0)),))

    assert shown(strip(record)) == [("miss", 1, 1, 0), ("vm", 999, 2, 0)]


def test_hits_before_between_and_after_misses_are_where_they_were():
    timeline = (missed((3, 3)), missed((10, 9), "structure"))
    record = WorkRecord(iterations=20, hits=18, misses=2, resolves=2, timeline=timeline)

    assert shown(strip(record)) == [
        ("hit", 3, 1, 0),
        ("miss", 1, 4, 0),
        ("hit", 6, 5, 0),
        ("miss", 1, 11, 0),
        ("hit", 9, 12, 0),
    ]


def test_misses_for_one_reason_are_one_run():
    timeline = tuple(missed((number, 0), "redefined") for number in range(400))
    record = WorkRecord(iterations=400, misses=400, resolves=400, timeline=timeline)

    assert shown(strip(record)) == [("miss", 400, 1, 0)]


def test_misses_for_another_reason_are_another_run():
    timeline = (missed((0, 0)), missed((1, 0), "redefined"), missed((2, 0), "redefined"))
    record = WorkRecord(iterations=3, misses=3, resolves=3, timeline=timeline)

    assert shown(strip(record)) == [("miss", 1, 1, 0), ("miss", 2, 2, 0)]


def test_a_miss_and_hits_in_turn_are_one_run():
    timeline = tuple(missed((3 * number, 2 * number), "redefined") for number in range(100))
    record = WorkRecord(iterations=300, hits=200, misses=100, resolves=100, timeline=timeline)

    assert shown(strip(record)) == [("miss", 100, 1, 2)]


def test_what_is_in_turn_with_other_counts_stays_apart():
    timeline = (missed((0, 0)), missed((3, 2)), missed((5, 3)))
    record = WorkRecord(iterations=9, hits=6, misses=3, resolves=3, timeline=timeline)

    assert shown(strip(record)) == [
        ("miss", 1, 1, 0),
        ("hit", 2, 2, 0),
        ("miss", 1, 4, 0),
        ("hit", 1, 5, 0),
        ("miss", 1, 6, 0),
        ("hit", 3, 7, 0),
    ]


def test_many_runs_end_in_a_sum():
    timeline = tuple(missed((number, 0), f"reason {number}") for number in range(500))
    record = WorkRecord(iterations=500, misses=500, resolves=500, timeline=timeline)

    stretches = strip(record)

    assert len(stretches) == MOST_RUNS
    assert stretches[-1] == Stretch("more", 500 - MOST_RUNS + 1, MOST_RUNS)


def test_misses_that_were_not_kept_are_a_sum():
    record = WorkRecord(iterations=5_000, misses=5_000, resolves=5_000, timeline=(missed((0, 0)),))

    assert shown(strip(record)) == [("miss", 1, 1, 0), ("more", 4_999, 2, 0)]


def test_nothing_that_happened_is_an_empty_strip():
    assert strip(WorkRecord()) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("ab"))))
def test_a_strip_has_every_hit_and_every_miss(steps):
    iterations = hits = 0
    timeline = []
    for hit, unlooked, text in steps:
        hits += hit
        iterations += hit + unlooked
        timeline.append(missed((iterations, hits), text))
        iterations += 1
    record = WorkRecord(
        iterations=iterations,
        hits=hits,
        misses=len(steps),
        resolves=len(steps),
        timeline=tuple(timeline),
    )

    stretches = strip(record)

    found = {"hit": 0, "miss": 0, "vm": 0, "more": 0}
    for each in stretches:
        found[each.kind] += each.count
        found["hit"] += each.count * each.hits
    assert sum(found.values()) == iterations
    if not found["more"]:
        assert (found["hit"], found["miss"]) == (hits, len(steps))
    starts = [each.start for each in stretches]
    assert starts == sorted(starts)


# -- drawings ---------------------------------------------------------------------------------


@cs.task
def leaf(n=None):
    return n


@cs.task
def pair(a=None, b=None):
    return a, b


def structure(call):
    return cs.build_graph(call).structure


def test_dependencies_are_drawn_above_what_needs_them():
    drawn = drawing.drawing(structure(pair(leaf(), pair(leaf()))))

    rows = [(name, row) for name, _, row, _ in drawn["nodes"]]
    assert rows[0] == ("pair", 2)
    assert sorted(rows[1:]) == [("leaf", 0), ("leaf", 1), ("pair", 1)]


def test_no_two_nodes_are_drawn_at_one_place():
    call = leaf()
    for _ in range(4):
        call = pair(call, pair(leaf(), call))

    drawn = drawing.drawing(structure(call))

    places = [(column, row) for _, column, row, _ in drawn["nodes"]]
    assert len(set(places)) == len(places)
    rows = {number: row for number, (_, _, row, _) in enumerate(drawn["nodes"])}
    assert all(rows[source] < rows[target] for source, target, *_ in drawn["lines"])


def test_of_a_big_structure_the_nodes_nearest_to_the_target_are_drawn():
    call = leaf()
    for _ in range(500):
        call = pair(call)

    drawn = drawing.drawing(structure(call))

    assert len(drawn["nodes"]) == MOST_NODES
    assert drawn["left_out"] == 501 - MOST_NODES
    assert len(drawn["lines"]) == MOST_NODES - 1


def test_what_an_engine_gives_as_a_structure_may_be_anything():
    assert drawing.drawing("opaque") is None
    assert Drawings().number_of(None) is None


def test_equal_drawings_are_kept_once():
    drawings = Drawings()

    numbers = [
        drawings.number_of(drawing.drawing(structure(each))) for each in (leaf(1), pair(1), leaf(2))
    ]
    drawings.forget_all_but(1)

    assert numbers == [0, 1, 0]
    assert len(drawings.all) == 1
    assert drawings.number_of(drawing.drawing(structure(pair(1)))) == 1


# -- what a test tells ------------------------------------------------------------------------


def test_bounds_that_a_verdict_names_do_not_hold():
    told = told_of(
        {}, ["expect_resolves(1)", "expect_hits(2)"], "expect_hits(2): it was 3", is_compared=True
    )

    assert told["bounds"] == [["expect_resolves(1)", True], ["expect_hits(2)", False]]


def test_what_a_test_tells_is_plain_data():
    @dataclass(frozen=True)
    class Why:
        reason: str = "structure"
        nearest: object = field(default_factory=lambda: structure(leaf()))
        changes: tuple = ()

        def __str__(self):
            return "structure: leaf(n=) was a literal, now leaf()"

    resolve = Resolve(
        "leaf", 2, Why(), ("a.py", 3), ("b.py", 4), 5, structure(leaf(leaf())), after=(0, 0)
    )
    record = WorkRecord(
        resolves=1, iterations=1, tasks=Counter(leaf=2), timeline=(resolve,), fallbacks=("eager",)
    )

    told = told_of({"cascade_core": record}, [], "", is_compared=True)

    assert json.loads(json.dumps(told)) == told
    (work,) = told["work"]
    (stretch,) = work["strip"]
    assert (stretch["miss"]["before"], stretch["miss"]["now"]) == (0, 1)
    changed = [
        [name for name, *_, is_other in each["nodes"] if is_other] for each in work["drawings"]
    ]
    assert changed == [["leaf"], ["leaf", "leaf"]]


# -- plots ------------------------------------------------------------------------------------


def bench(*judged, ratios=()):
    return {
        "baseline": "slow",
        "confidence": 0.99,
        "rows": [
            {
                "name": name,
                "durations_ns": [base + step for step in range(15)],
                "iterations": [10] * 15,
                "ratio": [low, low * 1.1, low * 1.2],
            }
            for name, base, low in (("slow", 40_000, 1.0), ("fast", 10_000, 3.9))
        ],
        "ratios": list(ratios),
        "judged": list(judged),
    }


SPEEDUP = {
    "label": 'expect_speedup("fast", over="slow", at_least=2)',
    "figure": "speedup",
    "name": "fast",
    "over": "slow",
    "unit": "",
    "least": 2,
    "most": None,
    "verdict": "pass",
    "interval": [3.5, 4.0, 4.5],
    "confidence": 0.998,
    "look": 1,
    "looks": 5,
}


def test_rounds_are_told_in_the_unit_of_the_typical_one():
    unit, bars = rounds_of(bench())

    assert unit == "µs"
    assert [bar.label for bar in bars] == ["slow", "fast"]
    assert bars[0].points[:2] == [4.0, 4.0001]
    assert bars[0].interval.low < bars[0].interval.median < bars[0].interval.high


def test_a_claimed_ratio_has_its_bound_and_the_interval_it_was_judged_by():
    assert ratios_of(bench(SPEEDUP)) == [
        Bar("fast / slow", Interval(3.5, 4.0, 4.5), bounds=[2]),
    ]


def test_ratios_that_are_asked_for_are_drawn_too():
    asked = {"label": "x", "name": "slow", "over": "fast", "interval": [None, 0.25, None]}

    labels = [bar.label for bar in ratios_of(bench(ratios=[asked]))]

    assert labels == ["fast / slow", "slow / fast"]
    assert "slow / fast" in ratios_plot(bench(ratios=[asked]))


def test_one_contender_has_no_plot_of_ratios():
    alone = bench()
    del alone["rows"][1]

    assert ratios_plot(alone) == ""


def test_every_round_is_a_dot():
    drawn = rounds_plot(bench())

    assert drawn.count('fill="var(--mark)"') == 2 * 15
    assert drawn.count('fill="var(--span)"') == 2


def test_texts_of_a_plot_are_escaped():
    hostile = bench()
    hostile["rows"][1]["name"] = "<b>&</b>"

    assert "<b>" not in rounds_plot(hostile) + ratios_plot(hostile)
    assert "&lt;b&gt;&amp;&lt;/b&gt;" in rounds_plot(hostile)


def test_a_plot_leaves_the_theme_of_the_library_as_it_was():
    from leather import theme

    before = dict(vars(theme))
    rounds_plot(bench())

    assert vars(theme) == before


@given(
    st.lists(st.floats(1e-9, 1e12), min_size=1, max_size=20),
)
def test_figures_lie_within_a_plot_and_so_do_its_ticks(figures):
    scale = Factors(figures)
    ticks = scale.ticks()

    assert all(scale.contains(figure) for figure in figures)
    assert all(0 <= scale.project(each, 0, 300) <= 300 for each in (*figures, *ticks))
    assert len(ticks) <= 6


@given(st.floats(1e-6, 1e9), st.floats(1.0001, 1e6))
def test_there_are_ticks_however_near_figures_lie(low, factor):
    ticks = Factors([low, low * factor]).ticks()

    assert 1 <= len(ticks) <= 6
    assert ticks == sorted(set(ticks))


# -- the page ---------------------------------------------------------------------------------


def entry(number, outcome="passed", **more):
    counts = {"cascade_core": {"resolves": 1, "hits": number, "misses": 1, "iterations": 2}}
    return Entry(f"tests/test_a.py::test_{number}", outcome, counts=counts, **more)


def test_details_of_failures_are_kept_when_those_of_others_are_not(monkeypatch):
    monkeypatch.setattr(details, "MOST_DETAILS", 150)
    entries = [entry(1), entry(2, "unexpected", verdict="grew"), entry(3)]
    rows = [
        {"name": each.name, "engine": "cascade_core", "outcome": each.outcome} for each in entries
    ]

    told = details_of(Session("/", entries), rows)

    assert 1 in told["rows"]
    assert told["left_out"] == 3 - len(told["rows"]) > 0


def many(count):
    """Tests that each have tasks, drawings and reasons of their own."""
    for number in range(count):
        stem = f"some_rather_long_name_of_a_task_{number}"
        calls = [cs.task(_named(f"{stem}_{each}"))(leaf()) for each in range(2)]
        timeline = tuple(
            Resolve(
                call.task.name,
                2,
                ToldReason("structure", f"structure: {call.task.name}(n=) is other"),
                (f"tests/package/test_module_{number % 40}.py", number),
                (f"tests/package/test_module_{number % 40}.py", number + 7),
                12_345,
                structure(call),
                after=(10 * each, 9 * each),
            )
            for each, call in enumerate(calls)
        )
        record = WorkRecord(resolves=2, misses=2, hits=18, iterations=20, timeline=timeline)
        told = told_of({"cascade_core": record}, ["expect_resolves(2)"], "", is_compared=True)
        yield Entry(
            f"tests/package/test_module_{number % 40}.py::test_some_rather_long_name[{number}]",
            "passed",
            counts={"cascade_core": record.counts},
            bounds=told["bounds"],
            work={"cascade_core": told["work"][0]},
        )


def _named(name):
    def task(n=None):
        return n

    task.__name__ = task.__qualname__ = name
    return task


def measured():
    rows = [
        {
            **row,
            "rate": 1e6,
            "node_rate": 1e6,
            "ns_per_iteration": 1e3,
            "resolves": 1,
            "hits": 100,
            "nodes_per_graph": 2.0,
            "ran_engine": True,
            "cost": {},
            "profile": None,
        }
        for row in bench()["rows"]
    ]
    return {**bench(SPEEDUP), "rows": rows, "rounds": 15, "gc": True, "looks": 5}


def test_a_page_of_a_thousand_tests_and_fifty_benchmarks_is_below_a_megabyte():
    entries = [*many(1_000), *(entry(number, benches=[measured()]) for number in range(50))]

    page = render(Session("/", entries))

    assert len(page.encode()) < 1_000_000
    assert page.count('<tr class="passed">') == 1_050
    assert page.count("<figure><svg") == 100
    assert details_of_page(page)["left_out"] == 0


def test_a_page_of_a_thousand_failures_is_below_a_megabyte_too():
    verdict = (
        "expect_resolves(1): the solver was called 2 times\n"
        + "  1. f · 2 nodes · first seen\n" * 15
    )
    entries = [
        Entry(each.name, "unexpected", verdict, each.counts, {}, each.bounds, each.work)
        for each in many(1_000)
    ]

    page = render(Session("/", entries))

    assert len(page.encode()) < 1_000_000
    assert "950 more" in page


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_session_that_was_cut_short_is_told_as_one(is_whole):
    page = render(Session("/", [entry(1)], is_whole=is_whole))

    assert ("did not run to its end" in page) is not is_whole


def test_a_page_without_tests_says_so():
    page = render(Session("/", []))

    assert "No test ran an engine." in page
    assert "<table" not in page
