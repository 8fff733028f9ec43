"""The benchmark table: values in, lines out."""

import re

import pytest

from pytest_cascade.bench.judgement import Claim, Judged
from pytest_cascade.bench.measure import Schedule
from pytest_cascade.bench.results import Contender, Results, Round
from pytest_cascade.bench.statistics import Interval
from pytest_cascade.bench.summary import as_plain_data
from pytest_cascade.report import figures
from pytest_cascade.report.benchmark import table, unclear
from pytest_cascade.work.record import WorkRecord

WORK = WorkRecord(runs=1, iterations=1_000, hits=990, resolves=10, executions=12_000)
ENGINE = "cascade_core"


def contender(name, ns, *, work=WORK, **more):
    records = {ENGINE: work} if work else {}
    rounds = tuple(Round(1_000, ns * 1_000 + extra, records) for extra in range(15))
    return Contender(name, rounds, "done", **more)


def judged(verdict="pass", interval=(2.9, 3.0, 3.1), **more):
    claim = Claim('expect_speedup("b", over="a", at_least=2)', "speedup", "b", 2, None, over="a")
    return Judged(claim, "b", verdict, Interval(*interval), 0.998, 1, 5, **more)


def bench(*contenders, options=None, **more):
    results = Results({each.name: each for each in contenders}, **more)
    return as_plain_data(results, Schedule(None, 15, 1), options or {})


def lines(*benches, width=1_000):
    return [line.text for line in table([("test_x.py::test_it", each) for each in benches], width)]


def rows(text):
    return [line.split() for line in text if line.startswith("  ")]


A, B = contender("a", 1_500), contender("b", 500)


def test_the_fastest_comes_first():
    names = [row[0] for row in rows(lines(bench(A, B)))]

    assert names == ["time/iteration", "b", "a"]


def test_tests_are_sorted_by_their_names():
    text = [line.text for line in table([("z", bench(A)), ("a", bench(B))], 1_000)]

    heads = [line for line in text if "15 rounds" in line]
    assert [head[0] for head in heads] == ["a", "z"]


def test_a_row_has_times_ratio_and_work():
    (_, row, _) = rows(lines(bench(A, B)))

    assert " ".join(row) == "b 500 ns 2.00 M/s 3.00 (3.00 to 3.00) 24.0 M/s 150 14,850 12"


def test_what_was_not_counted_is_a_dash():
    plain = contender("plain", 500, work=None)

    text = lines(bench(contender("a", 1_500, cost={"calls": 14}), plain))

    assert rows(text)[1][-5:] == ["-"] * 5


def test_costs_have_columns_of_their_own():
    text = lines(bench(contender("a", 500, cost={"calls": 14, "opcodes": 322.5})))

    assert rows(text)[0][-2:] == ["calls/iteration", "opcodes/iteration"]
    assert rows(text)[1][-2:] == ["14", "322.50"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_nothing_is_lost_on_narrow_terminals(width):
    data = bench(contender("a", 1_500, cost={"calls": 14}), B, judged=[judged()])
    wide, narrow = lines(data), lines(data, width=width)

    words = set(" ".join(wide).split())
    assert words <= {*" ".join(narrow).split()}
    assert all(len(line) <= width for line in narrow if line.startswith("  "))


@pytest.mark.parametrize(
    ("verdict", "word"), [("pass", "pass:"), ("fail", "FAIL:"), ("inconclusive", "INCONCLUSIVE:")]
)
def test_a_verdict_is_told_by_a_word_and_a_colour(verdict, word):
    told = table([("t", bench(A, B, judged=[judged(verdict)]))], 1_000)

    (line,) = [line for line in told if "expect_speedup" in line.text]
    assert line.text.split()[0] == word
    assert line.verdict == verdict


def test_only_what_is_unclear_is_told_at_the_end():
    data = bench(A, B, judged=[judged(), judged("inconclusive", (1.9, 2.1, 2.4))])

    (line,) = unclear([("t", data)])
    assert line.startswith("t: expect_speedup(")
    assert line.endswith("b is 2.10 times as fast as a (1.90 to 2.40 at 99.8 %, look 1 of 5)")


def test_ratios_that_were_asked_for_are_below():
    text = lines(bench(A, B, options={"ratios": {"boost": ("b", "a")}}))

    assert "  boost  b / a  3.00 (3.00 to 3.00)" in text


def test_few_rounds_say_nothing_of_where_a_ratio_lies():
    short = [Contender(each.name, each.rounds[:3], "") for each in (A, B)]

    assert "3.00 (too few rounds to say)" in " ".join(lines(bench(*short)))


def test_rounds_too_short_for_the_clock_and_profiles_are_noted():
    text = " ".join(lines(bench(contender("a", 50, profile="out/a.prof"))))

    assert "a: a round lasts 50.0 µs, too short for the clock" in text
    assert "a: profile in out/a.prof" in text


def test_the_collector_is_told_if_it_was_off():
    assert "garbage collector off" in lines(bench(A, gc_was_on=False))[0]
    assert "garbage collector off" not in lines(bench(A))[0]


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0.5, "0.500 ns"),
        (12.34, "12.3 ns"),
        (1_500, "1.50 µs"),
        (2.5e6, "2.50 ms"),
        (3e9, "3.00 s"),
    ],
)
def test_times_are_scaled(nanoseconds, text):
    assert figures.duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(7, "7.00 /s"), (812, "812 /s"), (1_550, "1.55 k/s"), (2e6, "2.00 M/s"), (3e9, "3.00 G/s")],
)
def test_rates_are_scaled(rate, text):
    assert figures.rate(rate) == text


def test_words_stand_beside_colours(suite):
    source = """
        @pytest.mark.expect_tps(at_least=1)
        @pytest.mark.cascade_bench(iterations=20, rounds=10)
        def test_it(cascade_bench):
            cascade_bench(passing)
    """

    plain = suite.run(source, "--cascade-bench", "--color=no").stdout.str()
    coloured = suite.run(source, "--cascade-bench", "--color=yes").stdout.str()

    assert "  pass: expect_tps(at_least=1): passing makes" in plain
    assert "\x1b[32m  pass: expect_tps" in coloured
    assert "  pass: expect_tps" in re.sub(r"\x1b\[\d+m", "", coloured)
