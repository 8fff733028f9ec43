"""Figures held against what is claimed of them, without any clock."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cascade.bench.judgement import (
    Claim,
    Judge,
    confidence_per_look,
    judged_cost,
    verdict_on,
)
from pytest_cascade.bench.statistics import Interval, interval_of

UNKNOWN = Interval(-math.inf, 5.0, math.inf)

SPEEDUP = Claim("speedup", "speedup", "a", 5.0, None, over="b")
TPS = Claim("tps", "tps", "a", 5.0, None)
CALLS = Claim("cost", "cost", "a", None, 3.0, unit="calls")

ABOVE = Interval(6.0, 7.0, 8.0)
AROUND = Interval(4.0, 7.0, 8.0)
BELOW = Interval(2.0, 3.0, 4.0)

ends = st.lists(st.integers(0, 9), min_size=3, max_size=3).map(lambda each: Interval(*sorted(each)))
bounds = st.none() | st.integers(0, 9)


@pytest.mark.parametrize(
    ("least", "most", "verdict"),
    [
        (3, None, "pass"),
        (4, None, "pass"),
        (4.1, None, "inconclusive"),
        (5, None, "inconclusive"),
        (6, None, "inconclusive"),
        (6.1, None, "fail"),
        (None, 7, "pass"),
        (None, 6, "pass"),
        (None, 5.9, "inconclusive"),
        (None, 5, "inconclusive"),
        (None, 4, "inconclusive"),
        (None, 3.9, "fail"),
        (4, 6, "pass"),
        (3, 7, "pass"),
        (5, 7, "inconclusive"),
        (3, 5, "inconclusive"),
        (4.5, 5.5, "inconclusive"),
        (7, 9, "fail"),
        (1, 3, "fail"),
        (None, None, "pass"),
    ],
)
def test_verdict_on_four_to_six(least, most, verdict):
    assert verdict_on(Interval(4, 5, 6), least, most) == verdict


@pytest.mark.parametrize(("least", "most"), [(1, None), (None, 1), (1, 9), (0, 1e300)])
def test_unknown_interval_is_inconclusive(least, most):
    assert verdict_on(UNKNOWN, least, most) == "inconclusive"


@settings(max_examples=200)
@given(ends, bounds, bounds)
def test_verdict_agrees_with_each_value_inside(interval, least, most):
    low = -1 if least is None else least
    high = 10 if most is None else most
    halves = [interval.low + step / 2 for step in range(2 * (interval.high - interval.low) + 1)]
    within = [low <= value <= high for value in halves]

    verdict = verdict_on(interval, least, most)

    if verdict == "pass":
        assert all(within)
    elif verdict == "fail":
        assert not any(within)
    elif low <= high:
        assert not all(within)


def test_error_is_spent_in_equal_parts():
    assert confidence_per_look(0.99, 5) == pytest.approx(0.998)
    assert confidence_per_look(0.9, 2) == pytest.approx(0.95)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_single_look_has_all_the_confidence(confidence):
    assert confidence_per_look(confidence, 1) == pytest.approx(confidence)


class Looks:
    """Measures what it was told to, look by look, and notes what it was asked."""

    def __init__(self, *intervals):
        self.intervals = iter(intervals)
        self.asked = []

    def __call__(self, claim, name, confidence):
        self.asked.append((claim, name, confidence))
        return next(self.intervals)


def judge_of(*claims, confidence=0.99, looks=5, **options):
    return Judge([(claim, claim.name) for claim in claims], confidence, looks, **options)


def verdict_of(judge):
    [judged] = judge.judged.values()
    return judged.verdict


@pytest.mark.parametrize(("interval", "verdict"), [(ABOVE, "pass"), (BELOW, "fail")])
def test_clear_look_settles_a_claim(interval, verdict):
    judge = judge_of(SPEEDUP)

    assert judge.look(Looks(interval))
    assert verdict_of(judge) == verdict


def test_unclear_look_settles_nothing():
    judge = judge_of(SPEEDUP)

    assert not judge.look(Looks(AROUND))
    assert verdict_of(judge) == "inconclusive"


@pytest.mark.parametrize("later", [AROUND, BELOW])
def test_later_look_does_not_unsettle_a_claim(later):
    judge, looks = judge_of(SPEEDUP), Looks(ABOVE, later)

    judge.look(looks)

    assert judge.look(looks)
    assert verdict_of(judge) == "pass"
    assert len(looks.asked) == 1


def test_later_look_does_not_excuse_a_failure():
    judge, looks = judge_of(SPEEDUP), Looks(BELOW, ABOVE)

    judge.look(looks)
    judge.look(looks)

    assert verdict_of(judge) == "fail"


def test_settled_claim_keeps_its_interval_and_its_look():
    judge, looks = judge_of(SPEEDUP), Looks(AROUND, ABOVE)

    judge.look(looks)
    judge.look(looks)
    judge.look(looks)

    [judged] = judge.judged.values()
    assert (judged.interval, judged.look, judged.looks) == (ABOVE, 2, 5)


def test_unclear_claim_has_its_latest_interval_and_look():
    judge, looks = judge_of(SPEEDUP), Looks(UNKNOWN, AROUND)

    judge.look(looks)
    judge.look(looks)

    [judged] = judge.judged.values()
    assert (judged.interval, judged.look) == (AROUND, 2)


def test_each_claim_is_settled_by_itself():
    other = replace(TPS, name="b")
    judge, looks = judge_of(SPEEDUP, other), Looks(ABOVE, AROUND, BELOW)

    assert not judge.look(looks)
    assert judge.look(looks)

    verdicts = {name: judged.verdict for (_, name), judged in judge.judged.items()}
    assert verdicts == {"a": "pass", "b": "fail"}
    assert [judged.look for judged in judge.judged.values()] == [1, 2]


def test_judge_counts_its_looks():
    judge, looks = judge_of(SPEEDUP), Looks(AROUND, ABOVE)

    judge.look(looks)
    judge.look(looks)
    judge.look(looks)

    assert judge.taken == 3


def test_without_claims_all_is_settled():
    assert judge_of().look(Looks())


def test_interval_is_asked_for_at_the_confidence_of_a_look():
    judge, looks = judge_of(SPEEDUP), Looks(ABOVE)

    judge.look(looks)

    [(claim, name, confidence)] = looks.asked
    assert (claim, name, confidence) == (SPEEDUP, "a", pytest.approx(0.998))
    assert judge.judged[SPEEDUP, "a"].confidence == confidence


def test_confidence_of_the_claim_comes_first():
    claim, looks = replace(SPEEDUP, confidence=0.9), Looks(ABOVE)

    judge_of(claim).look(looks)

    assert looks.asked[0][2] == pytest.approx(0.98)


def test_rate_that_fails_among_other_tests_is_inconclusive():
    judge = judge_of(TPS, is_disturbed=True)

    assert not judge.look(Looks(BELOW))
    assert verdict_of(judge) == "inconclusive"


def test_rate_that_passes_among_other_tests_passes():
    judge = judge_of(TPS, is_disturbed=True)

    assert judge.look(Looks(ABOVE))
    assert verdict_of(judge) == "pass"


def test_speedup_that_fails_among_other_tests_fails():
    judge = judge_of(SPEEDUP, is_disturbed=True)

    assert judge.look(Looks(BELOW))
    assert verdict_of(judge) == "fail"


@pytest.mark.parametrize(("cost", "verdict"), [(2, "pass"), (3, "pass"), (3.5, "fail")])
def test_cost_is_held_against_its_bound(cost, verdict):
    assert judged_cost(CALLS, "a", {"calls": cost, "opcodes": 99}).verdict == verdict


def test_cost_is_sure():
    judged = judged_cost(CALLS, "a", {"calls": 2})

    assert judged.interval == Interval(2, 2, 2)
    assert (judged.name, judged.confidence, judged.look, judged.looks) == ("a", None, 1, 1)


def test_cost_that_was_not_counted_cannot_be_judged():
    with pytest.raises(KeyError, match="calls"):
        judged_cost(CALLS, "a", {"opcodes": 2})


CONFIDENCE = 0.9
ONE_SIDED = (1 - CONFIDENCE) / 2
TIMES = 1_500


def wrong_passes(confidence_of_a_look, seed):
    """How often a claim passes whose bound is the truth itself, looked at while rounds double."""
    chance, passed = random.Random(seed), 0
    for _ in range(TIMES):
        judge = Judge([(SPEEDUP, "a")], confidence_of_a_look, 5)
        ratios = [5.0 * chance.lognormvariate(0, 0.3) for _ in range(10)]
        while not judge.look(lambda _claim, _name, sure, drawn=ratios: interval_of(drawn, sure)):
            if judge.taken == judge.looks:
                break
            ratios += [5.0 * chance.lognormvariate(0, 0.3) for _ in ratios]
        passed += verdict_of(judge) == "pass"
    return passed / TIMES


@pytest.mark.slow
def test_five_looks_pass_wrongly_no_more_often_than_said():
    error = math.sqrt(ONE_SIDED * (1 - ONE_SIDED) / TIMES)

    assert wrong_passes(CONFIDENCE, "spent") <= ONE_SIDED + 3 * error


@pytest.mark.slow
def test_five_looks_at_the_full_confidence_would_pass_wrongly_more_often():
    unspent = 1 - 5 * (1 - CONFIDENCE)
    error = math.sqrt(ONE_SIDED * (1 - ONE_SIDED) / TIMES)

    assert confidence_per_look(unspent, 5) == pytest.approx(CONFIDENCE)
    assert wrong_passes(unspent, "unspent") > ONE_SIDED + 3 * error
