"""Warnings of what makes the figures of a comparison less trustworthy, from a closed list.

As in hyperfine, a warning does not advise an option that was used already.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from ..execution.trace import RoundsEnvironment, Trace
from .records import Spread
from .thresholds import NOTEWORTHY_LOAD

__all__ = ["environment_of", "noise_warnings", "spread_of"]

MIN_RUN_S = 0.01
"""Shorter runs cannot be measured well."""

OUTLIER_DEVIATIONS = 5.0
"""How many scaled median absolute deviations from the median make a time an outlier."""

NOTEWORTHY_SHARE = 0.1
"""Differences between times below this share are not reported."""

NOTEWORTHY_SPEED_CHANGE = 0.15
"""The speed of a core varies by less than this on an idle machine."""

MIN_WATCHED_S = 0.3
"""The load by other programs is known well enough for runs of at least this long."""

MIN_ROUNDS = 4
"""Fewer rounds do not show whether a time is an outlier."""


def spread_of(values: Sequence[float]) -> Spread:
    """Return the values with their range and median, the lower one of two."""
    return Spread(statistics.median_low(values), min(values), max(values), tuple(values))


def environment_of(traces: Mapping[str, Sequence[Trace]]) -> RoundsEnvironment:
    """Return what else the machine did during the `sequential` and the `parallel` runs."""
    probes_s = _probes_s(traces)
    return RoundsEnvironment(
        sequential_load=_load(traces["sequential"]),
        parallel_load=_load(traces["parallel"]),
        probe_s=statistics.median(probes_s) if probes_s else None,
    )


def _load(rounds: Sequence[Trace]) -> float | None:
    """Return how many cores other programs used over all the rounds, `None` where not known."""
    watched = [(trace.surroundings.other_load, trace.wall_s) for trace in rounds]
    known = [(load, wall_s) for load, wall_s in watched if load is not None]
    watched_s = sum(wall_s for _, wall_s in known)
    if watched_s < MIN_WATCHED_S:
        return None
    return sum(load * wall_s for load, wall_s in known) / watched_s


def _probes_s(traces: Mapping[str, Sequence[Trace]]) -> list[float]:
    probes_s = (trace.surroundings.probe_s for rounds in traces.values() for trace in rounds)
    return [probe_s for probe_s in probes_s if probe_s]


def noise_warnings(
    times: Mapping[str, Spread], traces: Mapping[str, Sequence[Trace]], *, computes: bool
) -> list[str]:
    """Return the warnings for the rounds of a comparison.

    `times` and `traces` hold what was measured of each phase, `sequential` and `parallel`.
    `computes` says whether the items compute, so that the speed of the cores matters.
    """
    return [
        *_too_short(times),
        *_outliers(times),
        *_load_by_others(traces),
        *(_changes_of_speed(traces) if computes else ()),
        *_too_fast(times, traces),
    ]


def _too_short(times: Mapping[str, Spread]) -> Iterator[str]:
    for phase, spread in times.items():
        if 0 < spread.median < MIN_RUN_S:
            yield (
                f"The {phase} run took {spread.median * 1e3:.1f} ms, too short to measure; "
                "take more items"
            )


def _outliers(times: Mapping[str, Spread]) -> Iterator[str]:
    for phase, spread in times.items():
        first, *rest = spread.values
        if len(rest) < MIN_ROUNDS - 1:
            continue
        if _is_outlier(first, rest) and first > max(rest):
            yield (
                f"The first {phase} run took {first:.2f}s, the others {statistics.median(rest):.2f}"
                "s: caches were cold; run it once before"
            )
        elif any(_is_outlier(value, spread.values) for value in spread.values):
            yield (
                f"The {phase} runs took from {spread.least:.2f}s to {spread.most:.2f}s: something "
                "else happened on the machine; more rounds help"
            )


def _is_outlier(value: float, values: Sequence[float]) -> bool:
    middle = statistics.median(values)
    deviation = 1.4826 * statistics.median(abs(one - middle) for one in values)
    off = abs(value - middle)
    return off > OUTLIER_DEVIATIONS * deviation and off > NOTEWORTHY_SHARE * middle


def _load_by_others(traces: Mapping[str, Sequence[Trace]]) -> Iterator[str]:
    for phase, rounds in traces.items():
        loads = [
            trace.surroundings.other_load or 0.0 for trace in rounds if trace.wall_s > MIN_WATCHED_S
        ]
        if loads and (load := statistics.median(loads)) >= NOTEWORTHY_LOAD:
            yield f"Other programs used {load:.1f} cores during the {phase} run"


def _too_fast(times: Mapping[str, Spread], traces: Mapping[str, Sequence[Trace]]) -> Iterator[str]:
    if not ({"sequential", "parallel"} <= times.keys() and traces.get("parallel")):
        return
    workers = max(trace.workers for trace in traces["parallel"])
    if times["sequential"].median > (1 + NOTEWORTHY_SHARE) * workers * times["parallel"].median > 0:
        limit = "one worker" if workers == 1 else f"{workers} workers"
        yield (
            f"Faster than {limit} can be: something held up the sequential run, or warmed caches "
            "for the parallel one"
        )


def _changes_of_speed(traces: Mapping[str, Sequence[Trace]]) -> Iterator[str]:
    known = _probes_s(traces)
    if known and max(known) > (1 + NOTEWORTHY_SPEED_CHANGE) * min(known):
        change = max(known) / min(known) - 1
        hint = "" if len(known) > 2 else "; --repeat 5 shows how much that matters"
        yield f"The machine's speed changed by {change:.0%} between the runs{hint}"
