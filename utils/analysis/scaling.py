"""How speedup grows with the workers: measured points, fitted to the Universal Scalability Law."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .records import Comparison, Sweep, SweepPoint

__all__ = ["fit_scaling", "speedup_at"]

MOST_WORKERS = 10_000
"""A peak beyond this many workers is none that anybody will see."""

STEPS = 200
"""Many more than any fit has needed; a bound, so that none can go on for ever."""

SMALLEST_STEP = 1e-15
MOST_DAMPING = 1e12


class _Law(NamedTuple):
    """The two parameters of the law."""

    serial_share: float
    crosstalk: float


_Measured = Sequence[tuple[int, float]]
"""Worker counts and their speedups."""


def fit_scaling(comparisons: Mapping[int, Comparison]) -> Sweep:
    """Return the points of `comparisons`, by the worker count asked for, and the law they follow.

    speedup(N) = N / (1 + s (N - 1) + k N (N - 1)), the Universal Scalability Law (N. J. Gunther,
    Guerrilla Capacity Planning, Springer 2007, chapter 4), with s from 0 to 1 and k at least 0 by
    least squares on the speedups. The form that is linear in s and k is only where the fit starts:
    it would weigh the error of a low speedup more than that of a high one. A single count above 1
    cannot tell s from k and is put down to s, as Amdahl's law does; with none, both are 0.
    """
    measured = [
        (workers, comparison.speedup)
        for workers, comparison in sorted(comparisons.items())
        if workers > 1 and math.isfinite(comparison.speedup) and comparison.speedup > 0
    ]
    law = _fit(measured)
    points = tuple(
        SweepPoint(
            workers=workers,
            time_s=comparison.parallel_time,
            speedup=comparison.speedup,
            efficiency=comparison.efficiency,
            limit=comparison.limit,
            share_of_limit=comparison.share_of_limit,
            fitted=_speedup(law, workers),
        )
        for workers, comparison in sorted(comparisons.items())
    )
    return Sweep(points, law.serial_share, law.crosstalk, _peak(law))


def speedup_at(sweep: Sweep, workers: float) -> float:
    """Return the speedup that the law of `sweep` gives for `workers`, whole or not, from 1."""
    return _speedup(_Law(sweep.serial_share, sweep.crosstalk), workers)


def _speedup(law: _Law, workers: float) -> float:
    others = workers - 1
    return workers / (1 + law.serial_share * others + law.crosstalk * workers * others)


def _peak(law: _Law) -> int | None:
    """Return where the speedup is highest: its derivative is 0 at N = sqrt((1 - s) / k)."""
    if law.crosstalk * MOST_WORKERS**2 <= 1 - law.serial_share or not law.crosstalk:
        return None
    return max(1, round(math.sqrt((1 - law.serial_share) / law.crosstalk)))


def _fit(measured: _Measured) -> _Law:
    if not measured:
        return _Law(0.0, 0.0)
    # The first of those that fit equally well is taken: crosstalk has to be seen to be believed.
    fits = [_descend(measured, start) for start in _starts(measured)]
    least = min(_loss(measured, law) for law in fits)
    return next(law for law in fits if _loss(measured, law) <= least * (1 + 1e-9) + 1e-14)


def _starts(measured: _Measured) -> list[_Law]:
    """Return where the fit may begin: N/C - 1 = s (N - 1) + k N (N - 1) solved for s and k."""
    rows = [(n - 1.0, n * (n - 1.0), n / speedup - 1) for n, speedup in measured]
    aa, ab, bb, ay, by = (
        math.fsum(row[i] * row[j] for row in rows)
        for i, j in ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))
    )
    starts = [_within(ay / aa, 0.0)]
    if len(measured) > 1:
        determinant = aa * bb - ab * ab
        if determinant > 0:
            starts.append(
                _within((ay * bb - by * ab) / determinant, (aa * by - ab * ay) / determinant)
            )
        starts += [_within(0.0, by / bb), _within(1.0, (by - ab) / bb)]
    return starts


def _within(serial_share: float, crosstalk: float) -> _Law:
    return _Law(min(1.0, max(0.0, serial_share)), max(0.0, crosstalk))


def _loss(measured: _Measured, law: _Law) -> float:
    return math.fsum((speedup - _speedup(law, n)) ** 2 for n, speedup in measured)


def _descend(measured: _Measured, law: _Law) -> _Law:
    """Go down from `law` to the nearest least square, by Levenberg and Marquardt, within bounds."""
    damping = 1e-3
    loss = _loss(measured, law)
    for _ in range(STEPS):
        step = _step(measured, law, damping)
        trial = _within(law.serial_share + step[0], law.crosstalk + step[1])
        moved = max(abs(new - old) for new, old in zip(trial, law, strict=True))
        if moved < SMALLEST_STEP or damping > MOST_DAMPING:
            break
        trial_loss = _loss(measured, trial)
        if trial_loss < loss:
            law, loss, damping = trial, trial_loss, damping / 10
        else:
            damping *= 10
    return law


def _step(measured: _Measured, law: _Law, damping: float) -> tuple[float, float]:
    """Return the damped Gauss-Newton step of both parameters, 0 for one that a bound holds."""
    aa = ab = bb = ay = by = 0.0
    for n, speedup in measured:
        fitted = _speedup(law, n)
        by_share = -fitted * fitted * (n - 1) / n
        by_crosstalk = -fitted * fitted * (n - 1)
        residual = speedup - fitted
        aa += by_share * by_share
        ab += by_share * by_crosstalk
        bb += by_crosstalk * by_crosstalk
        ay += by_share * residual
        by += by_crosstalk * residual
    share_held = (law.serial_share <= 0 and ay < 0) or (law.serial_share >= 1 and ay > 0)
    crosstalk_held = law.crosstalk <= 0 and by < 0
    aa *= 1 + damping
    bb *= 1 + damping
    if share_held or crosstalk_held:
        return (0.0 if share_held else ay / aa), (0.0 if crosstalk_held else by / bb)
    determinant = aa * bb - ab * ab
    if determinant <= 0:
        return ay / aa, 0.0
    return (ay * bb - by * ab) / determinant, (aa * by - ab * ay) / determinant
