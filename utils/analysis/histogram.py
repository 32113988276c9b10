"""Sorts item times into bins, for a histogram."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bin", "Histogram", "histogram"]

MOST_BINS = 40
LOG_BEYOND = 100.0
"""How many times the shortest the longest must be for the bins to grow with the time."""
CLOCK_S = 1e-9
"""What no clock tells from 0."""
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


@dataclass(frozen=True, slots=True)
class Bin:
    """How many items took how long; times in the histogram's unit."""

    least: float
    most: float
    middle: float
    width: float
    items: int
    """How many measured times fell into it."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Item times by how often they occur."""

    bins: tuple[Bin, ...]
    unit: str
    """`s`, `ms` or `µs`."""
    is_log: bool
    """Whether each bin is so many times as wide as the one before."""
    median: float
    """In the unit, as are the next two."""
    ninety_fifth: float
    """What 95 % of the items did not exceed."""
    longest: float
    measured: int
    """How many times there are."""


def histogram(item_times_s: Sequence[float]) -> Histogram | None:
    """Return the histogram of times in seconds; `None` without any."""
    if not item_times_s:
        return None
    ordered = sorted(item_times_s)
    scale, unit = _unit(ordered)
    times = [time_s / scale for time_s in ordered]
    least = max(CLOCK_S / scale, next((time for time in times if time > 0), 0.0))
    is_log = times[-1] > LOG_BEYOND * least
    if is_log:  # a time of 0 has no place on a log scale, and stands with the shortest
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
    """Return the limits of bins, one more than there are bins; sure to reach from end to end."""
    if most <= least:
        half = least / 20 or 0.5
        return [least - half, least + half]
    bins = min(MOST_BINS, max(6, 2 * math.ceil(math.sqrt(number))))
    if is_log:
        step = (most / least) ** (1 / bins)
        edges = [least * step**place for place in range(bins)]
    else:
        step = (most - least) / bins
        edges = [least + step * place for place in range(bins)]
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
    """Return the nearest-rank quantile: a time that was measured, not one between two."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
