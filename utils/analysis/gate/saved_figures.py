"""A gate between a benchmark and a saved one, which ran at another time.

The two were not run in turn, so that all that differed between their times has its share in the
ratio. What is known of that widens the bounds, or leaves the question open:

    speed of the machine   a fixed piece of work was timed before each run: the bounds hold whether
                           the times follow that speed or not
    other programs         they make times longer: nothing is called slower when they used more
                           cores now, or not slower when they used more then
    another machine        nothing can be told
    all else               `MIN_NOISE`
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from ...cli.settings import GATE_ROUNDS
from ..measurement_noise import MIN_WATCHED_S
from ..records import Case
from ..regressions.compare import MIN_NOISE, comparable_cases, other_machine
from ..regressions.saved_benchmark import SavedBenchmark, SavedCase
from ..thresholds import NOTEWORTHY_LOAD
from .decision import FALSE_DECISIONS, Decision, GatedFigure, GateResult, decide
from .intervals import RatioInterval, samples_interval

__all__ = ["gate_against"]


class _Runs(NamedTuple):
    """The runs that a figure is the time of."""

    times_s: Sequence[float]
    load: float | None
    """Cores that other programs used meanwhile; `None` where not known."""
    probe_s: float | None
    """Seconds that a fixed piece of work took; `None` where not known."""


def gate_against(
    saved: SavedBenchmark,
    cases: Sequence[Case],
    machine: Mapping[str, Any],
    *,
    conditions: Mapping[str, str | float | None],
    gate: float,
) -> GateResult:
    """Return what `gate` says of the times of `cases` against the saved ones.

    `conditions` are what the times depend on besides, as for `saved_benchmark`.
    """
    pairs, not_compared = comparable_cases(saved, cases, conditions)
    elsewhere = "; ".join(other_machine(saved.machine, machine))
    alpha = FALSE_DECISIONS / max(1, 2 * len(pairs))  # each figure is one more chance to be wrong
    figures = [
        _gated(name, figure, before, now, alpha=alpha, gate=gate, elsewhere=elsewhere)
        for name, then, at_present in pairs
        for (figure, before), now in zip(
            _runs(then).items(), _runs(at_present).values(), strict=True
        )
    ]
    return GateResult(gate, tuple(figures), tuple(not_compared))


def _runs(case: SavedCase) -> dict[str, _Runs]:
    """Return the runs of a scenario by the figure that they give."""
    where = case.environment
    return {
        "sequential time": _Runs(case.sequential_times_s, where.sequential_load, where.probe_s),
        "parallel time": _Runs(case.parallel_times_s, where.parallel_load, where.probe_s),
    }


def _gated(
    name: str,
    figure: str,
    before: _Runs,
    now: _Runs,
    *,
    alpha: float,
    gate: float,
    elsewhere: str,
) -> GatedFigure:
    interval = samples_interval(before.times_s, now.times_s, alpha=alpha)
    if interval is not None:
        interval = _at_either_speed(interval, before.probe_s, now.probe_s).widened(1 + MIN_NOISE)
    decision = decide(interval, gate)
    why = (
        elsewhere
        or _too_little(before, now, interval)
        or _other_load(before.load, now.load, decision)
    )
    return GatedFigure(
        name=name,
        figure=figure,
        before_s=median(before.times_s),
        now_s=median(now.times_s),
        ratio=median(now.times_s) / median(before.times_s),
        least=None if interval is None else interval.least,
        most=None if interval is None else interval.most,
        decision=Decision.CANNOT_TELL if why else decision,
        why=why,
    )


def _at_either_speed(
    interval: RatioInterval, before_s: float | None, now_s: float | None
) -> RatioInterval:
    """Return bounds that hold whether or not the times follow the speed of the machine.

    `before_s` and `now_s` are what a fixed piece of work took on it, `None` where not known.
    """
    if not (before_s and now_s):
        return interval
    slowdown = now_s / before_s
    return RatioInterval(
        interval.ratio,
        interval.least / max(1.0, slowdown),
        interval.most / min(1.0, slowdown),
    )


def _too_little(before: _Runs, now: _Runs, interval: RatioInterval | None) -> str:
    """Return why so few or so short runs tell nothing; empty where they are enough."""
    numbers = len(before.times_s), len(now.times_s)
    if interval is None:
        return (
            f"too few rounds, {numbers[0]} before and {numbers[1]} now; --repeat {GATE_ROUNDS}, on "
            "both sides, is enough"
        )
    shortest_s = min(math.fsum(before.times_s), math.fsum(now.times_s))
    if shortest_s >= MIN_WATCHED_S:
        return ""
    enough = math.ceil(min(numbers) * MIN_WATCHED_S / shortest_s)
    return (
        f"all rounds took {shortest_s:.2f}s together, too short to compare; more items, or "
        f"--repeat {enough}, on both sides, help"
    )


def _other_load(before: float | None, now: float | None, decision: Decision) -> str:
    """Return why the load by other programs leaves it open; empty where it does not."""
    if before is None and now is None:  # a system that does not tell
        return ""
    if before is None:
        return "the file does not say how busy the machine was; save it again"
    if now is None:
        return "it is not known how busy the machine was now"
    misleading = {Decision.SLOWER: now - before, Decision.NOT_SLOWER: before - now}
    if misleading.get(decision, 0.0) <= NOTEWORTHY_LOAD:
        return ""
    return f"other programs used {now:.1f} cores now, {before:.1f} before"
