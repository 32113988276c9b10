"""How speedup grows with the workers: measured points, fitted to the Universal Scalability Law."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .benchmark_records import Sweep, SweepPoint
from .records import Comparison

__all__ = ["fit_scaling", "fitted_curve"]

MAX_WORKERS = 10_000
"""A peak beyond this many workers is not reported."""

EQUALLY_GOOD = 1e-18
"""Fits whose squared errors differ by less than this share of all squares are equally good."""

CURVE_POINTS = 60


class _Law(NamedTuple):
    """The two parameters of the law."""

    serial_share: float
    crosstalk: float

    def speedup(self, workers: float) -> float:
        """Return the speedup for `workers`, whole or not, from 1."""
        others = workers - 1
        return workers / (1 + self.serial_share * others + self.crosstalk * workers * others)


class _Row(NamedTuple):
    """A measured point as an equation that is linear in the parameters."""

    serial: float
    """N - 1"""
    crosstalk: float
    """N (N - 1)"""
    lost: float
    """N / S - 1"""

    def error(self, law: _Law) -> float:
        return self.lost - law.serial_share * self.serial - law.crosstalk * self.crosstalk


def fit_scaling(comparisons: Mapping[int, Comparison]) -> Sweep:
    """Return the points of `comparisons`, by the worker count asked for, and the law they follow.

    S(N) = N / (1 + s (N - 1) + k N (N - 1)) is the Universal Scalability Law. It is fitted in the
    form that is linear in s and k,

        N / S(N) - 1 = s (N - 1) + k N (N - 1)

    by ordinary least squares, as in N. J. Gunther, Guerrilla Capacity Planning (Springer 2007),
    chapter 5, with s from 0 to 1 and k at least 0. This weighs the error of a low speedup more
    than that of a high one, unlike least squares on the speedups themselves. A single count above
    1 cannot tell s from k: all is s then, as in Amdahl's law. Without any, both are 0.
    """
    counts = sorted(comparisons.items())
    law = _fit(
        [
            _Row(n - 1.0, n * (n - 1.0), n / comparison.speedup - 1)
            for n, comparison in counts
            if n > 1 and math.isfinite(comparison.speedup) and comparison.speedup > 0
        ]
    )
    points = tuple(
        SweepPoint(
            workers=workers,
            time_s=comparison.parallel_time,
            speedup=comparison.speedup,
            efficiency=comparison.efficiency,
            limit=comparison.limit,
            share_of_limit=comparison.share_of_limit,
            fitted=law.speedup(workers),
        )
        for workers, comparison in counts
    )
    return Sweep(points, law.serial_share, law.crosstalk, _peak(law))


def fitted_curve(sweep: Sweep) -> tuple[tuple[float, float], ...]:
    """Return points (workers, speedup) of the fitted law, from one worker to the most measured."""
    law = _Law(sweep.serial_share, sweep.crosstalk)
    most = max((point.workers for point in sweep.points), default=1)
    if most <= 1:
        return ((1.0, law.speedup(1.0)),)
    step = (most - 1) / CURVE_POINTS
    counts = (1 + step * number for number in range(CURVE_POINTS + 1))
    return tuple((count, law.speedup(count)) for count in counts)


def _fit(rows: Sequence[_Row]) -> _Law:
    """Return the parameters of least squares within their bounds.

    The squares are convex, so their minimum within the bounds is where they are smallest of all,
    if that is within the bounds, and else the smallest on one of the three edges. Of fits that are
    equally good, the one without crosstalk is taken, then the one with all of the serial share.
    """
    if not rows:
        return _Law(0.0, 0.0)
    ss, sk, kk, sy, ky = (
        math.fsum(row[i] * row[j] for row in rows)
        for i, j in ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))
    )
    candidates = [_within(sy / ss, 0.0), _within(1.0, (ky - sk) / kk), _within(0.0, ky / kk)]
    determinant = ss * kk - sk * sk
    if determinant > 0:
        candidates.append(
            _within((sy * kk - ky * sk) / determinant, (ss * ky - sk * sy) / determinant)
        )
    squares = [math.fsum(row.error(law) ** 2 for row in rows) for law in candidates]
    enough = min(squares) + EQUALLY_GOOD * math.fsum(row.lost**2 for row in rows)
    return next(law for law, square in zip(candidates, squares, strict=True) if square <= enough)


def _within(serial_share: float, crosstalk: float) -> _Law:
    """Return the parameters, moved to the nearest ones within their bounds."""
    return _Law(min(1.0, max(0.0, serial_share)), max(0.0, crosstalk))


def _peak(law: _Law) -> int | None:
    """Return where the speedup is highest: its derivative is 0 at N = sqrt((1 - s) / k)."""
    if law.crosstalk * MAX_WORKERS**2 <= 1 - law.serial_share or not law.crosstalk:
        return None
    return max(1, round(math.sqrt((1 - law.serial_share) / law.crosstalk)))
