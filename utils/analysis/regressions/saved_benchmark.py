"""What is kept of a benchmark, and the document it is kept as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..records import Case

__all__ = ["KIND", "SCHEMA", "Saved", "SavedCase", "is_time", "saved_benchmark", "summed_up"]

KIND = "benchmark"

SCHEMA = 1
"""Version of the document; a change that an older version would misread takes the next one."""

LEAST_TIME_S = 1e-9
MOST_TIME_S = 1e9


@dataclass(frozen=True, slots=True)
class SavedCase:
    """A scenario of a saved benchmark, as far as a later one is set against it."""

    name: str
    workload: str
    items: int
    workers: int
    """As planned."""
    backend: str
    sequential_times_s: tuple[float, ...]
    """One a round, all above 0."""
    parallel_times_s: tuple[float, ...]
    """One a round, all above 0."""
    sweep_times_s: tuple[tuple[int, float], ...]
    """Worker count and time, in a sweep; empty without one."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved benchmark."""

    name: str
    """The file, for messages."""
    machine: Mapping[str, Any]
    """What it ran on, as `utils.machine.describe_machine` tells."""
    conditions: Mapping[str, Any]
    """What else its times depend on, by name."""
    cases: tuple[SavedCase, ...]


def saved_benchmark(
    cases: Sequence[Case],
    machine: Mapping[str, Any],
    *,
    conditions: Mapping[str, str | float | None] | None = None,
) -> dict[str, Any]:
    """Return what is to be kept of a benchmark, in plain values that JSON can hold.

    `conditions` are the settings that all times depend on, say the latency: unlike ones are not
    compared. A scenario that was not compared to its end, or took no time, is left out.
    """
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "machine": dict(machine),
        "conditions": dict(conditions or {}),
        "cases": [_as_document(case) for case in map(summed_up, cases) if case is not None],
    }


def summed_up(case: Case) -> SavedCase | None:
    """Return what would be kept of `case`; `None` when there is nothing to set against it."""
    comparison = case.comparison
    if comparison is None:
        return None
    sequential, parallel = comparison.sequential_times.values, comparison.parallel_times.values
    if not (sequential and parallel and all(map(is_time, (*sequential, *parallel)))):
        return None
    points = case.sweep.points if case.sweep is not None else ()
    return SavedCase(
        name=case.name,
        workload=case.workload,
        items=comparison.total_items,
        workers=case.plan.workers,
        backend=case.plan.backend,
        sequential_times_s=sequential,
        parallel_times_s=parallel,
        sweep_times_s=tuple((p.workers, p.time_s) for p in points if is_time(p.time_s)),
    )


def _as_document(case: SavedCase) -> dict[str, Any]:
    return {
        "name": case.name,
        "workload": case.workload,
        "items": case.items,
        "workers": case.workers,
        "backend": case.backend,
        "sequential_times_s": list(case.sequential_times_s),
        "parallel_times_s": list(case.parallel_times_s),
        "sweep": [{"workers": workers, "time_s": time_s} for workers, time_s in case.sweep_times_s],
    }


def is_time(value: object) -> bool:
    """Tell whether `value` can be how many seconds a run took."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and LEAST_TIME_S <= value <= MOST_TIME_S  # type: ignore[operator]
