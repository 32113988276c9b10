"""Compares a benchmark with a saved one: what got slower by more than the noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from batchmap.text import printable

from ..benchmark_records import Regression
from ..records import Case
from .load import json_shown
from .saved_benchmark import SavedBenchmark, SavedCase, saved_case

__all__ = ["MIN_NOISE", "comparable_cases", "compare_with", "other_machine"]

ASSUMED_NOISE = 0.1
"""The noise that is assumed where a side was measured once, so that its spread is not known."""

MIN_NOISE = 0.05
"""Runs of different days differ by so much, however close the rounds of each are together."""

ROUNDS_FOR_MAD = 5
"""From so many rounds on, a single one that was disturbed does not change the spread."""

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
"""The figures of a machine that times depend on, in words; each run on it finds the same."""

SAME_MEMORY = 0.05
"""The memory of one machine may differ by this share from one start to the next."""


def compare_with(
    saved: SavedBenchmark,
    cases: Sequence[Case],
    machine: Mapping[str, Any],
    *,
    conditions: Mapping[str, str | float | None] | None = None,
) -> tuple[list[Regression], list[str]]:
    """Return the figures of `cases` compared with the saved ones, and warnings about them.

    A figure is slower when the ratio of the medians is above one plus the relative spreads of both
    sides. A spread is the range of the values, or three times their median absolute deviation
    from the median when there are at least five; see `ASSUMED_NOISE` for a single one, and
    `MIN_NOISE`. Nothing is compared under other conditions, nor a scenario with other items,
    workers or backend; a warning says so.
    """
    pairs, not_compared = comparable_cases(saved, cases, conditions or {})
    regressions = [one for pair in pairs for one in _regressions(*pair)]
    measured_once = [
        name for name, then, now in pairs if min(map(len, (*_values(then), *_values(now)))) < 2
    ]
    warnings = [*other_machine(saved.machine, machine), *not_compared]
    if measured_once:
        warnings.append(
            f"{', '.join(measured_once)}: measured only once, so {ASSUMED_NOISE:.0%} is taken for "
            "noise; --repeat 5, on both sides, measures it"
        )
    return regressions, warnings


def comparable_cases(
    saved: SavedBenchmark, cases: Sequence[Case], conditions: Mapping[str, str | float | None]
) -> tuple[list[tuple[str, SavedCase, SavedCase]], list[str]]:
    """Return what can be compared, as its name, what was saved of it, and what would be saved now.

    And sentences on what cannot, with the reason.
    """
    if differences := _differences(saved.conditions, conditions):
        return [], [f"nothing is compared, as settings differ: {differences}"]
    pairs, warnings = [], []
    before = {case.name: case for case in saved.cases}
    for name, now in ((printable(case.name), saved_case(case)) for case in cases):
        then = before.pop(name, None)
        if now is None:
            warnings.append(f"{name}: not compared: it was not measured to its end now")
        elif then is None:
            warnings.append(f"{name}: not compared: {saved.name} does not have it")
        elif differences := _differences(_scenario(then), _scenario(now)):
            warnings.append(f"{name}: not compared: {differences}")
        else:
            pairs.append((name, then, now))
    warnings += [f"{name}: not compared: it was not run now" for name in before]
    return pairs, warnings


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
    min_noise = MIN_NOISE if len(known) == 2 else ASSUMED_NOISE
    noise = 1 + max(min_noise, math.fsum(known))
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


def _scenario(case: SavedCase) -> dict[str, Any]:
    """Return what must be equal for two runs of a scenario to be comparable."""
    return {
        "workload": printable(case.workload),
        "items": case.items,
        "workers": case.workers,
        "backend": case.backend,
    }


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what differs, in words; empty when nothing does."""
    return ", ".join(
        f"{printable(name):.40} {_shown(before.get(name))} before, {_shown(now.get(name))} now"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    )


def other_machine(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a warning where figures that are known of both machines differ."""
    known = [name for name in _MACHINE_FIGURES if name in before and name in now]
    differences = _differences(
        {_MACHINE_FIGURES[name]: before[name] for name in known},
        {
            _MACHINE_FIGURES[name]: before[name]
            if name == "memory_bytes" and _is_same_memory(before[name], now[name])
            else now[name]
            for name in known
        },
    )
    if not differences:
        return []
    return [f"another machine, so times cannot be trusted to compare: {differences}"]


def _is_same_memory(before: object, now: object) -> bool:
    numbers = isinstance(before, int | float) and isinstance(now, int | float)
    return numbers and abs(before - now) <= SAME_MEMORY * now  # type: ignore[operator]


def _shown(value: object) -> str:
    return printable(f"{value:.60}") if isinstance(value, str) else json_shown(value)
