"""What makes the figures of a comparison less trustworthy: a closed list of warnings.

After the warnings of hyperfine: what is told depends on the options that were used.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from ..execution.trace import Trace
from .records import Spread

__all__ = ["spread_of", "warnings_of"]

SHORTEST_S = 0.01
OUTLYING = 5.0
"""How many times the scaled median deviation from the median makes a time an outlier."""

NOTEWORTHY = 0.1
"""Differences below this share are not spoken of."""

NOTEWORTHY_CHANGE = 0.15
"""A core's speed varies by less than this from one hundredth of a second to the next."""

NOTEWORTHY_LOAD = 0.25
LEAST_ROUNDS = 4


def spread_of(values: Sequence[float]) -> Spread:
    """Return the median (the lower one of two) of the values with their range."""
    return Spread(statistics.median_low(values), min(values), max(values), tuple(values))


def warnings_of(
    times: Mapping[str, Spread], traces: Mapping[str, Sequence[Trace]], *, computes: bool
) -> list[str]:
    """Return the warnings for the rounds of a comparison, by phase (`sequential`, `parallel`).

    `computes` tells whether the items do, so that the speed of the cores matters.
    """
    return [
        *_short(times),
        *_unsteady(times),
        *_loaded(traces),
        *(_speed_changed(traces) if computes else ()),
        *_too_good(times, traces),
    ]


def _short(times: Mapping[str, Spread]) -> Iterator[str]:
    for phase, spread in times.items():
        if 0 < spread.median < SHORTEST_S:
            yield (
                f"The {phase} run took {spread.median * 1e3:.1f} ms, too short to measure; "
                "take more items"
            )


def _unsteady(times: Mapping[str, Spread]) -> Iterator[str]:
    for phase, spread in times.items():
        first, *rest = spread.values
        if len(rest) < LEAST_ROUNDS - 1:
            continue
        if _lies_out(first, rest) and first > max(rest):
            yield (
                f"The first {phase} run took {first:.2f}s, the others {statistics.median(rest):.2f}"
                "s: caches were cold; run it once before"
            )
        elif any(_lies_out(value, spread.values) for value in spread.values):
            yield (
                f"The {phase} runs took from {spread.least:.2f}s to {spread.most:.2f}s: something "
                "else happened on the machine; more rounds help"
            )


def _lies_out(value: float, values: Sequence[float]) -> bool:
    middle = statistics.median(values)
    deviation = 1.4826 * statistics.median(abs(one - middle) for one in values)
    off = abs(value - middle)
    return off > OUTLYING * deviation and off > NOTEWORTHY * middle


def _loaded(traces: Mapping[str, Sequence[Trace]]) -> Iterator[str]:
    for phase, seen in traces.items():
        loads = [trace.surroundings.other_load or 0.0 for trace in seen if trace.wall_s > 0.3]
        if loads and (load := statistics.median(loads)) >= NOTEWORTHY_LOAD:
            yield f"Other programs used {load:.1f} cores during the {phase} run"


def _too_good(times: Mapping[str, Spread], traces: Mapping[str, Sequence[Trace]]) -> Iterator[str]:
    if not ({"sequential", "parallel"} <= times.keys() and traces.get("parallel")):
        return
    workers = max(trace.workers for trace in traces["parallel"])
    if times["sequential"].median > (1 + NOTEWORTHY) * workers * times["parallel"].median > 0:
        most = "one worker" if workers == 1 else f"{workers} workers"
        yield (
            f"Faster than {most} can be: something held up the sequential run, or warmed caches "
            "for the parallel one"
        )


def _speed_changed(traces: Mapping[str, Sequence[Trace]]) -> Iterator[str]:
    probes = [trace.surroundings.probe_s for seen in traces.values() for trace in seen]
    known = [probe_s for probe_s in probes if probe_s]
    if known and max(known) > (1 + NOTEWORTHY_CHANGE) * min(known):
        change = max(known) / min(known) - 1
        hint = "" if len(known) > 2 else "; --repeat 5 shows how much that matters"
        yield f"The machine's speed changed by {change:.0%} between the runs{hint}"
