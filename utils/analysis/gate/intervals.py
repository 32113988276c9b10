"""Between which bounds the ratio of two times lies, from order statistics of what was measured.

No distribution is assumed: times beside other programs have long tails and several modes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

__all__ = ["RatioInterval", "paired_interval", "samples_interval"]

EXACT_UP_TO = 900
"""Up to this product of the sizes of two samples, the distribution of U is computed exactly."""


@dataclass(frozen=True, slots=True)
class RatioInterval:
    """A ratio of times, now over before, and the bounds between which it lies."""

    ratio: float
    """Above 1 is slower."""
    least: float
    most: float

    def widened(self, factor: float) -> RatioInterval:
        """Return the interval with bounds that lie further apart by `factor`, from 1, each."""
        return RatioInterval(self.ratio, self.least / factor, self.most * factor)


def paired_interval(ratios: Sequence[float], *, alpha: float) -> RatioInterval | None:
    """Return the median of the ratios of pairs, and an interval that holds the true median.

    It lies below the interval with a probability of at most `alpha`, and so it does above. This is
    the interval of the sign test (Conover 1999, Practical Nonparametric Statistics, 3.2): a ratio
    is as likely above the true median as below it. `None` for too few ratios to say anything.
    """
    rank = _sign_test_rank(len(ratios), alpha)
    if rank == 0:
        return None
    ordered = sorted(ratios)
    return RatioInterval(median(ordered), ordered[rank - 1], ordered[-rank])


def _sign_test_rank(number: int, alpha: float) -> int:
    """Return the largest k for which fewer than k of `number` fair coins show heads by `alpha`."""
    below = 0
    for rank in range(number):
        below += math.comb(number, rank)
        if below / 2**number > alpha:
            return rank
    return 0


def samples_interval(
    before: Sequence[float], now: Sequence[float], *, alpha: float
) -> RatioInterval | None:
    """Return by what factor the times `now` exceed those `before`, and the bounds of it.

    The factor is the median of the ratios of all times of one sample to all of the other (Hodges
    and Lehmann 1963), the interval that of the rank sum test (Hollander and Wolfe 1999, 4.3): the
    true factor lies below it with a probability of at most `alpha`, and so it does above. The
    samples must be alike but for that factor. `None` for too few times to say anything.
    """
    rank = _rank_sum_rank(len(before), len(now), alpha)
    if rank == 0:
        return None
    ratios = sorted(after_s / before_s for after_s in now for before_s in before)
    return RatioInterval(median(ratios), ratios[rank - 1], ratios[-rank])


def _rank_sum_rank(first: int, second: int, alpha: float) -> int:
    """Return the largest k for which the statistic U is below k with probability `alpha`."""
    pairs = first * second
    if pairs > EXACT_UP_TO:
        deviation = math.sqrt(pairs * (first + second + 1) / 12)
        return max(0, math.floor(pairs / 2 + NormalDist().inv_cdf(alpha) * deviation))
    below, total = 0, math.comb(first + second, first)
    for rank, ways in enumerate(_ways(first, second)):
        below += ways
        if below / total > alpha:
            return rank
    return 0


def _ways(first: int, second: int) -> list[int]:
    """Return in how many orders of both samples U is 0, 1, and so on up to `first * second`.

    They are the coefficients of the Gaussian binomial, the product over i from 1 to `first` of
    (1 - q^(second + i)) / (1 - q^i).
    """
    ways = [1] + [0] * (first * second)
    for step in range(1, first + 1):
        for place in range(len(ways) - 1, second + step - 1, -1):
            ways[place] -= ways[place - second - step]
        for place in range(step, len(ways)):
            ways[place] += ways[place - step]
    return ways
