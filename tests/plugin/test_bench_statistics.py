"""Where the true median of some figures lies, as far as they tell."""

import math
import random
from fractions import Fraction
from itertools import accumulate
from statistics import median, quantiles

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cascade.bench.statistics import Interval, interval_of, least_rounds, outer_rank

CONFIDENCES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.998, 0.9999)

figures_of_a_benchmark = st.lists(
    st.floats(min_value=1e-3, max_value=1e9, allow_nan=False), min_size=1, max_size=60
)
confidences = st.sampled_from(CONFIDENCES)
quickly = settings(max_examples=60)


def coverages(rounds):
    """By rank from 0: how probable it is that the interval holds the true median, exactly."""
    beyond = accumulate(math.comb(rounds, rank) for rank in range(rounds // 2 + 2))
    return [Fraction(1), *(1 - Fraction(2 * outcomes, 2**rounds) for outcomes in beyond)]


def test_interval_has_the_median_between_two_of_the_figures():
    assert interval_of(range(1, 16), 0.99) == Interval(low=3, median=8, high=13)


def test_median_of_an_even_count_is_between_the_middle_two():
    assert interval_of(range(1, 17), 0.99) == Interval(low=3, median=8.5, high=14)


def test_single_figure_has_no_ends():
    found = interval_of([7.0], 0.9)

    assert found == Interval(-math.inf, 7.0, math.inf)
    assert not found.is_known


def test_figures_that_suffice_have_ends():
    assert interval_of([7.0, 8.0], 0.5).is_known


def test_equal_figures_leave_no_room():
    assert interval_of([4.0] * 15, 0.99) == Interval(4.0, 4.0, 4.0)


def test_outliers_do_not_move_the_ends():
    figures = [*map(float, range(1, 15)), 15.0]

    assert interval_of([*figures[:-1], 1e9], 0.99) == interval_of(figures, 0.99)


@quickly
@given(figures_of_a_benchmark, confidences)
def test_ends_are_figures_around_the_median(figures, confidence):
    found = interval_of(figures, confidence)

    assert found.median == median(figures)
    if found.is_known:
        assert {found.low, found.high} <= set(figures)
        assert found.low <= found.median <= found.high


@quickly
@given(figures_of_a_benchmark, confidences, st.randoms(use_true_random=False))
def test_order_does_not_matter(figures, confidence, chance):
    shuffled = chance.sample(figures, len(figures))

    assert interval_of(shuffled, confidence) == interval_of(figures, confidence)


@quickly
@given(figures_of_a_benchmark, st.tuples(confidences, confidences).map(sorted))
def test_more_confidence_never_narrows_it(figures, both):
    less, more = (interval_of(figures, confidence) for confidence in both)

    assert more.low <= less.low
    assert less.high <= more.high


@quickly
@given(figures_of_a_benchmark, confidences, st.integers(-8, 8))
def test_unit_of_the_figures_does_not_matter(figures, confidence, power):
    scaled = interval_of([figure * 2.0**power for figure in figures], confidence)

    assert scaled == tuple(end * 2.0**power for end in interval_of(figures, confidence))


@quickly
@given(figures_of_a_benchmark, confidences)
def test_both_sides_are_alike(figures, confidence):
    mirrored = interval_of([-figure for figure in figures], confidence)

    assert mirrored == tuple(-end for end in reversed(interval_of(figures, confidence)))


def test_input_is_left_as_it_is():
    figures = [3.0, 1.0, 2.0] * 5

    interval_of(figures, 0.9)

    assert figures == [3.0, 1.0, 2.0] * 5


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_interval_is_as_sure_as_said_for_every_number_of_rounds(confidence):
    wanted = Fraction(str(confidence))
    for rounds in range(1, 301):
        assert coverages(rounds)[outer_rank(rounds, confidence)] >= wanted, rounds


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_next_inner_rank_is_not_sure_enough(confidence):
    wanted = Fraction(str(confidence))
    for rounds in range(1, 301):
        assert coverages(rounds)[outer_rank(rounds, confidence) + 1] < wanted, rounds


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_rank_is_missing_exactly_where_rounds_are_too_few(confidence):
    least = least_rounds(confidence)

    missing = [rounds for rounds in range(1, 301) if outer_rank(rounds, confidence) == 0]
    assert missing == [*range(1, least)]


@pytest.mark.parametrize(
    ("confidence", "rounds"),
    [(0.5, 2), (0.75, 3), (0.9, 5), (0.95, 6), (0.99, 8), (0.998, 10), (0.9999, 15)],
)
def test_least_rounds(confidence, rounds):
    assert least_rounds(confidence) == rounds


def test_thousands_of_rounds_have_the_ranks_of_the_normal_distribution():
    rounds, deviations = 5_000, 2.5758

    assert outer_rank(rounds, 0.99) == pytest.approx(
        rounds / 2 - deviations * math.sqrt(rounds) / 2, abs=1
    )


def test_thousands_of_figures_have_an_interval():
    found = interval_of(range(5_000), 0.99)

    assert found.median == 2_499.5
    assert found.low + found.high == 4_999


DRAWS = {
    "lognormal": (lambda chance: chance.lognormvariate(0, 1.5), 1.0),
    "exponential": (lambda chance: chance.expovariate(1), math.log(2)),
    "pareto": (lambda chance: chance.paretovariate(0.8), 2 ** (1 / 0.8)),
    "cauchy": (lambda chance: math.tan(math.pi * (chance.random() - 0.5)), 0.0),
}
"""How a figure is drawn, and the median of all such figures."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize(("rounds", "confidence"), [(8, 0.99), (15, 0.99), (25, 0.95)])
def test_true_median_lies_inside_as_often_as_said(kind, rounds, confidence):
    chance, (draw, truth), times = random.Random(f"{kind}{rounds}"), DRAWS[kind], 1_500

    inside = 0
    for _ in range(times):
        found = interval_of([draw(chance) for _ in range(rounds)], confidence)
        inside += found.low <= truth <= found.high

    error = math.sqrt(confidence * (1 - confidence) / times)
    assert inside / times >= confidence - 3 * error


def bootstrap(figures, confidence, times, chance):
    """The percentile interval of the median, by resampling."""
    medians = sorted(median(chance.choices(figures, k=len(figures))) for _ in range(times))
    beyond = round(times * (1 - confidence) / 2)
    return medians[beyond], medians[-1 - beyond]


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [25, 26, 33, 40, 47, 59, 60])
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_interval_holds_that_of_the_bootstrap_up_to_one_rank(rounds, confidence):
    ranks = range(1, rounds + 1)
    low, high = bootstrap(ranks, confidence, 1_500, random.Random(rounds))

    found = interval_of(ranks, confidence)

    assert found.low <= low + 1
    assert found.high >= high - 1


@pytest.mark.slow
def test_interval_becomes_as_wide_as_that_of_the_bootstrap():
    chance = random.Random(3)

    def excess(rounds):
        figures = [chance.lognormvariate(0, 0.2) for _ in range(rounds)]
        ranks = [*range(rounds)]
        low, high = bootstrap(ranks, 0.95, 1_000, chance)
        found = interval_of(ranks, 0.95)
        by_figures = interval_of(figures, 0.95)
        assert by_figures.low <= quantiles(figures, n=2)[0] <= by_figures.high
        return (found.high - found.low) / (high - low) - 1

    assert excess(25) < 0.35
    assert abs(excess(1_201)) < 0.1
