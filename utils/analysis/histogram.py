"""Counts item times in bins, for a histogram."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bin", "Histogram", "make_histogram"]

MAX_BINS = 40

LOG_BEYOND = 100.0
"""The scale is logarithmic when the longest time is more than so many times the shortest."""

CLOCK_S = 1e-9
"""Shorter times cannot be told from 0 by the clock."""

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
"""In seconds, with their names, the longest first."""


@dataclass(frozen=True, slots=True)
class Bin:
    """An interval of times, in the unit of the histogram."""

    least: float
    most: float
    middle: float
    width: float
    items: int
    """How many of the measured times it holds."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many items took how long."""

    bins: tuple[Bin, ...]
    unit: str
    """`s`, `ms` or `µs`."""
    is_log: bool
    """Whether the bins grow by a constant factor."""
    median: float
    """In the unit, like the next two."""
    ninety_fifth: float
    """The time that 95 % of the items did not exceed."""
    longest: float
    measured: int
    """How many times there are."""


def make_histogram(item_times_s: Sequence[float]) -> Histogram | None:
    """Return the histogram of times in seconds; `None` without any."""
    if not item_times_s:
        return None
    ordered = sorted(item_times_s)
    scale, unit = _unit(ordered)
    times = [time_s / scale for time_s in ordered]
    least = max(CLOCK_S / scale, next((time for time in times if time > 0), 0.0))
    is_log = times[-1] > LOG_BEYOND * least
    if is_log:  # a logarithmic scale has no 0, so such times count as the shortest one
        times = [max(time, least) for time in times]
    edges = _edges(times[0], times[-1], len(times), is_log=is_log)
    return Histogram(
        bins=_filled(times, edges),
        unit=unit,
        is_log=is_log,
        median=_quantile(times, 0.5),
        ninety_fifth=_quantile(times, 0.95),
        longest=times[-1],
        measured=len(times),
    )


def _unit(ordered_s: Sequence[float]) -> tuple[float, str]:
    median_s = _quantile(ordered_s, 0.5)
    return next((unit for unit in UNITS if median_s >= unit[0] / 10), UNITS[-1])


def _edges(least: float, most: float, number: int, *, is_log: bool) -> list[float]:
    """Return the limits of the bins, from the least time to exactly the most."""
    if most <= least:
        half = least / 20 or 0.5
        return [least - half, least + half]
    bins = min(MAX_BINS, max(6, 2 * math.ceil(math.sqrt(number))))
    if is_log:
        step = (most / least) ** (1 / bins)
        edges = [least * step**number for number in range(bins)]
    else:
        step = (most - least) / bins
        edges = [least + step * number for number in range(bins)]
    return [*edges, most]


def _filled(times: Sequence[float], edges: Sequence[float]) -> tuple[Bin, ...]:
    counts = [0] * (len(edges) - 1)
    for time in times:
        counts[min(bisect_right(edges, time), len(counts)) - 1] += 1
    return tuple(
        Bin(least, most, (least + most) / 2, most - least, count)
        for least, most, count in zip(edges, edges[1:], counts, strict=False)
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank quantile, which is one of the values and never between two."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
