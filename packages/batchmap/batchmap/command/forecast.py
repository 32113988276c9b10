"""Forecasts how long a run over a whole input takes, from a sample of its items."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Forecast", "forecast"]

CONFIDENCE = 0.95
"""How often the range holds the time, were it not for what changes between sample and run."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a run will take, in seconds."""

    expected_s: float
    range_s: tuple[float, float] | None
    """The range that holds it with 95 % confidence; `None` for a sample of one item."""


def forecast(times_s: Sequence[float], *, total: int, workers: int, rate: float | None) -> Forecast:
    """Return how long `total` items take on `workers` workers, of which `times_s` are a sample.

    The range is Student's for the mean of a sample without replacement from a finite population
    (Cochran, "Sampling Techniques", 2.5 and 2.8), so that a sample of all items has none. No run is
    shorter than its longest item, or than `rate`, in items a second, lets items start.
    """
    number = len(times_s)
    mean_s = statistics.fmean(times_s)
    shortest_s = max(*times_s, total / rate if rate else 0.0, 0.0)

    def run_s(item_s: float) -> float:
        return max(total * item_s / workers, shortest_s)

    if number < 2:
        return Forecast(run_s(mean_s), None)
    left = max(0, total - number) / max(1, total - 1)
    off_s = _student(number - 1) * statistics.stdev(times_s) * math.sqrt(left / number)
    return Forecast(run_s(mean_s), (run_s(max(0.0, mean_s - off_s)), run_s(mean_s + off_s)))


def _student(freedom: int) -> float:
    """Return the two-sided quantile of Student's t for `CONFIDENCE`.

    By Hill, "Algorithm 396: Student's t-quantiles", Communications of the ACM 13 (1970): exact for
    one and two degrees of freedom, else within a thousandth.
    """
    tail = 1 - CONFIDENCE
    if freedom == 1:
        return 1 / math.tan(tail * math.pi / 2)
    if freedom == 2:
        return math.sqrt(2 / (tail * (2 - tail)) - 2)
    a = 1 / (freedom - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * freedom
    y = (d * tail) ** (2 / freedom)
    if y > 0.05 + a:
        x = statistics.NormalDist().inv_cdf(tail / 2)
        y = x**2
        if freedom < 5:
            c += 0.3 * (freedom - 4.5) * (x + 0.6)
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y**2)
    else:
        y = (
            (1 / (((freedom + 6) / (freedom * y) - 0.089 * d - 0.822) * (freedom + 2) * 3)
             + 0.5 / (freedom + 4)) * y - 1
        ) * (freedom + 1) / (freedom + 2) + 1 / y  # fmt: skip
    return math.sqrt(freedom * y)
