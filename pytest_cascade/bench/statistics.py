"""What repeated figures say: the median, and an interval that holds the true one. Pure.

The interval is the percentile bootstrap interval of the median, found without resampling. The
median of a resample is one of the figures, so the ends of such an interval are figures too, by
rank (Efron, "Bootstrap Methods", Annals of Statistics 7, 1979, section 3). Percentiles of the
resamples give ranks that are too near the middle while rounds are few; the ranks taken here are
those of the sign test (Conover, "Practical Nonparametric Statistics", 3rd ed., section 3.2), which
the bootstrap's approach as rounds get many: the true median lies outside with the promised
probability at most, whatever the figures' distribution. Nothing is drawn at random, so the same
figures give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import median
from typing import NamedTuple


class Interval(NamedTuple):
    """Where the true median of some figures lies, as far as they tell."""

    low: float
    """The lower end; minus infinity if the figures are too few to say."""
    median: float
    """The median of the figures."""
    high: float
    """The upper end; infinity if the figures are too few to say."""

    @property
    def is_known(self) -> bool:
        """Whether the figures are many enough to say anything."""
        return math.isfinite(self.low)


def interval_of(figures: Sequence[float], confidence: float) -> Interval:
    """Say where the true median lies.

    Args:
        figures: One for each round, in any order; at least one.
        confidence: How sure the interval is to hold it, above 0 and below 1.

    Returns:
        The interval; its cost is that of sorting the figures.
    """
    rank = outer_rank(len(figures), confidence)
    if rank == 0:
        return Interval(-math.inf, median(figures), math.inf)
    ordered = sorted(figures)
    return Interval(ordered[rank - 1], median(ordered), ordered[-rank])


@lru_cache(maxsize=1024)
def outer_rank(rounds: int, confidence: float) -> int:
    """Find the greatest rank that is far enough from the middle.

    Returns:
        The rank, from 1, counted from either end; 0 if even the extremes are too near.
    """
    rank, outcomes = 0, 1  # of all ways to lie on either side, those with all figures on one
    while outcomes / 2**rounds <= (1 - confidence) / 2:
        rank += 1
        outcomes += math.comb(rounds, rank)
    return rank


def least_rounds(confidence: float) -> int:
    """So many rounds it takes for an interval of this confidence to have ends."""
    rounds = 1
    while outer_rank(rounds, confidence) == 0:
        rounds += 1
    return rounds
