"""Sets a benchmark against a saved one: what got slower beyond the noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from batchmap.text import printable

from ..records import Case, Regression
from .load import shown
from .saved_benchmark import Saved, SavedCase, summed_up

__all__ = ["compare_with"]

ASSUMED_NOISE = 0.1
"""What is taken for noise where a side was measured once, so that its spread is not known."""

LEAST_NOISE = 0.05
"""Runs of different days differ by so much, however alike the rounds of each are."""

ROUNDS_FOR_MAD = 5
"""From so many rounds on, one that was disturbed can be told from the others."""

_MACHINE_FIGURES = {
    "usable_cores": "usable cores",
    "logical_cores": "logical cores",
    "memory_bytes": "bytes of memory",
    "processor": "processor",
    "python": "Python",
    "implementation": "implementation of Python",
    "system": "system",
    "architecture": "architecture",
}
"""The figures of a machine that times depend on and that stay as they are, in words."""

ALIKE_MEMORY = 0.05
"""A machine's memory may differ by this share from one start to the next."""


def compare_with(
    saved: Saved,
    cases: Sequence[Case],
    machine: Mapping[str, Any],
    *,
    conditions: Mapping[str, str | float | None] | None = None,
) -> tuple[list[Regression], list[str]]:
    """Return how the figures of `cases` stand to the saved ones, and what speaks against trusting.

    A figure is slower when the ratio of the medians is above one plus the relative spreads of both
    sides. A spread is the range of the values, or three times their median absolute deviation
    from the median when there are at least five; see `ASSUMED_NOISE` for a single one, and
    `LEAST_NOISE`. A scenario with other items, workers or backend, and all of them under other
    conditions, are not compared, and a warning says so.
    """
    warnings = _unlike_machines(saved.machine, machine)
    if unlike := _differences(saved.conditions, conditions or {}):
        return [], [*warnings, f"nothing is compared, as settings differ: {unlike}"]
    before = {case.name: case for case in saved.cases}
    regressions: list[Regression] = []
    once = []
    for name, now in ((printable(case.name), summed_up(case)) for case in cases):
        then = before.pop(name, None)
        if now is None:
            warnings.append(f"{name}: not compared: it was not measured to its end now")
        elif then is None:
            warnings.append(f"{name}: not compared: {saved.name} does not have it")
        elif unlike := _differences(_terms(then), _terms(now)):
            warnings.append(f"{name}: not compared: {unlike}")
        else:
            regressions += _regressions(name, then, now)
            if min(map(len, (*_values(then), *_values(now)))) < 2:
                once.append(name)
    warnings += [f"{name}: not compared: it was not run now" for name in before]
    if once:
        warnings.append(
            f"{', '.join(once)}: measured only once, so {ASSUMED_NOISE:.0%} is taken for noise; "
            "--repeat 5, on both sides, measures it"
        )
    return regressions, warnings


def _values(case: SavedCase) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return case.sequential_times_s, case.parallel_times_s


def _regressions(name: str, then: SavedCase, now: SavedCase) -> list[Regression]:
    figures = ("sequential time", "parallel time")
    return [
        _regression(name, figure, before_s, now_s)
        for figure, before_s, now_s in zip(figures, _values(then), _values(now), strict=True)
    ]


def _regression(
    name: str, figure: str, before_s: tuple[float, ...], now_s: tuple[float, ...]
) -> Regression:
    ratio = median(now_s) / median(before_s)
    known = [_relative_spread(values) for values in (before_s, now_s) if len(values) > 1]
    least = LEAST_NOISE if len(known) == 2 else ASSUMED_NOISE
    noise = 1 + max(least, math.fsum(known))
    return Regression(
        name=name,
        figure=figure,
        before_s=median(before_s),
        now_s=median(now_s),
        ratio=ratio,
        noise=noise,
        slower=ratio > noise,
    )


def _relative_spread(values: tuple[float, ...]) -> float:
    middle = median(values)
    if len(values) < ROUNDS_FOR_MAD:
        return (max(values) - min(values)) / middle
    return 3 * median(abs(value - middle) for value in values) / middle


def _terms(case: SavedCase) -> dict[str, Any]:
    """Return what must be alike for two scenarios to be comparable."""
    return {
        "workload": printable(case.workload),
        "items": case.items,
        "workers": case.workers,
        "backend": case.backend,
    }


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what differs, in words; empty when nothing does."""
    return ", ".join(
        f"{printable(name):.40} {_told(before.get(name))} before, {_told(now.get(name))} now"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    )


def _unlike_machines(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    known = [name for name in _MACHINE_FIGURES if name in before and name in now]
    unlike = _differences(
        {_MACHINE_FIGURES[name]: before[name] for name in known},
        {
            _MACHINE_FIGURES[name]: before[name]
            if name == "memory_bytes" and _is_near(before[name], now[name])
            else now[name]
            for name in known
        },
    )
    return [f"another machine, so times cannot be trusted to compare: {unlike}"] if unlike else []


def _is_near(before: object, now: object) -> bool:
    numbers = isinstance(before, int | float) and isinstance(now, int | float)
    return numbers and abs(before - now) <= ALIKE_MEMORY * now  # type: ignore[operator]


def _told(value: object) -> str:
    return printable(f"{value:.60}") if isinstance(value, str) else shown(value)
