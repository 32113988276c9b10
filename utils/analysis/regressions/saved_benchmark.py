"""What is saved of a benchmark, and the document that it is saved as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchmap.mapping_record import as_mapping
from batchmap.text import printable

from ...execution.trace import RoundsEnvironment
from ..records import Case

__all__ = [
    "KIND",
    "SCHEMA",
    "SavedBenchmark",
    "SavedCase",
    "is_time",
    "saved_benchmark",
    "saved_case",
]

KIND = "benchmark"
"""What the document says that it is, so that other JSON is refused."""

SCHEMA = 1
"""Version of the document, to be raised with a change that an older program would misread."""

UNKNOWN = RoundsEnvironment(None, None, None)

MIN_TIME_S = 1e-9
MAX_TIME_S = 1e9


@dataclass(frozen=True, slots=True)
class SavedCase:
    """What is saved of a scenario, so that a later run can be compared with it."""

    name: str
    workload: str
    items: int
    workers: int
    """As planned."""
    backend: str
    """As planned."""
    sequential_times_s: tuple[float, ...]
    """One a round, all above 0."""
    parallel_times_s: tuple[float, ...]
    """One a round, all above 0."""
    sweep_times_s: tuple[tuple[int, float], ...]
    """Worker count and time of each point of a sweep; empty without one."""
    environment: RoundsEnvironment = UNKNOWN
    """What else the machine did meanwhile; earlier versions did not save it."""


@dataclass(frozen=True, slots=True)
class SavedBenchmark:
    """A benchmark that was read from a file."""

    name: str
    """The file, for messages."""
    machine: Mapping[str, Any]
    """What it ran on, as `batchmap.resources.describe_machine` describes it."""
    conditions: Mapping[str, Any]
    """What else the times depend on, by name."""
    cases: tuple[SavedCase, ...]

    def case(self, name: str) -> SavedCase | None:
        """Return what was saved of the scenario or task called `name`, `None` for nothing."""
        return next((case for case in self.cases if case.name == printable(name)), None)


def saved_benchmark(
    cases: Sequence[Case],
    machine: Mapping[str, Any],
    *,
    conditions: Mapping[str, str | float | None] | None = None,
) -> dict[str, Any]:
    """Return what is to be saved of a benchmark, in plain values that JSON can hold.

    `conditions` are the settings that all times depend on, such as the latency: benchmarks under
    different ones are not compared. Scenarios that were interrupted or took no time are left out.
    """
    return {
        "kind": KIND,
        "schema": SCHEMA,
        "machine": dict(machine),
        "conditions": dict(conditions or {}),
        "cases": [_as_document(case) for case in map(saved_case, cases) if case is not None],
    }


def saved_case(case: Case) -> SavedCase | None:
    """Return what is to be saved of `case`; `None` when it has no times to compare."""
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
        environment=comparison.environment,
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
        **as_mapping(case.environment),
        "sweep": [{"workers": workers, "time_s": time_s} for workers, time_s in case.sweep_times_s],
    }


def is_time(value: object) -> bool:
    """Return whether `value` can be the time of a run, in seconds."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and MIN_TIME_S <= value <= MAX_TIME_S  # type: ignore[operator]
