"""Recommends backend, workers and batch size for each workload, from what a benchmark measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.scheduling.batching import choose_batch_size

from ..workloads.built_in import WORKLOADS
from .benchmark_records import Recommendation
from .records import Case, Comparison
from .thresholds import COMPUTES_FROM, WORTHWHILE_SPEEDUP

__all__ = ["NEARLY_BEST", "recommend"]

NEARLY_BEST = 0.9
"""From this share of the best speedup on, more workers are not worth it."""

MAX_WAITING_WORKERS = 256
"""Of work that waits, which could use almost any number."""

TYPICAL_ITEM_BYTES = 1000
"""The size of an item of a built-in workload, about."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A case that has a baseline."""

    plan: Plan
    sequential: RunSummary
    comparison: Comparison


def recommend(
    cases: Iterable[Case], *, usable_cores: int, free_memory_bytes: int
) -> list[Recommendation]:
    """Return one recommendation for each workload among the cases with a baseline, in order."""
    by_workload: dict[str, list[_Measured]] = {}
    for case in cases:
        if case.sequential is not None and case.comparison is not None:
            measured = _Measured(case.plan, case.sequential, case.comparison)
            by_workload.setdefault(case.workload, []).append(measured)
    return [
        _recommend_for(name, measured, usable_cores, free_memory_bytes)
        for name, measured in by_workload.items()
        if any(one.sequential.total_processed for one in measured)
    ]


def _recommend_for(
    name: str, measured: Sequence[_Measured], usable_cores: int, free_memory_bytes: int
) -> Recommendation:
    busy_s = sum(one.sequential.busy_s for one in measured)
    cpu_s = sum(one.sequential.cpu_s for one in measured)
    cpu_share = min(1.0, cpu_s / busy_s) if busy_s else 0.0
    workload = WORKLOADS.get(name)
    # On a busy machine items wait for a core as well, so what only computes is known by its name.
    computes = cpu_share >= COMPUTES_FROM or (workload is not None and not workload.wait_s)
    kind = "CPU-bound" if computes else "I/O-bound"
    why = (
        f"its time is {cpu_share:.0%} CPU"
        if computes
        else f"its time is {1 - cpu_share:.1%} waiting"
    )
    best = _best(measured)
    plan = best.plan
    if best.comparison.speedup < WORTHWHILE_SPEEDUP:
        why = f"{why}; nothing was faster than a plain loop"
        return Recommendation(name, kind, "sequential", 1, plan.batch_size, why)
    if workload is None:  # backend and batch size were chosen by measuring, better than by rule
        why = f"{why}; {_reached(best)}"
        return Recommendation(name, kind, plan.backend, plan.workers, plan.batch_size, why)
    if computes:
        backend, workers = "process", usable_cores
        why = f"{why}, so one worker a core; {_reached(best)}"
    else:
        backend, workers = "thread", plan.workers
        why = f"{why}; {_reached(best)}{_hint_at_more(workers, cpu_share, usable_cores)}"
    items = sum(one.sequential.total_processed for one in measured)
    batch_size, _ = choose_batch_size(
        total=items,
        workers=workers,
        backend=backend,
        expected_item_s=busy_s / items,
        item_bytes=TYPICAL_ITEM_BYTES,
        free_memory_bytes=free_memory_bytes,
    )
    return Recommendation(name, workload.kind, backend, workers, batch_size, why)


def _best(measured: Sequence[_Measured]) -> _Measured:
    """Return the case with the fewest workers among those that were nearly the fastest."""
    enough = NEARLY_BEST * max(one.comparison.speedup for one in measured)
    nearly_best = [one for one in measured if one.comparison.speedup >= enough]
    return min(nearly_best, key=lambda one: one.plan.workers)


def _reached(best: _Measured) -> str:
    plan, comparison = best.plan, best.comparison
    return (
        f"{plan.workers} {'worker' if plan.workers == 1 else 'workers'} of the "
        f"{plan.backend} backend reached {comparison.speedup:.2f}x, "
        f"{comparison.share_of_limit:.0%} of the limit"
    )


def _hint_at_more(workers: int, cpu_share: float, usable_cores: int) -> str:
    """Return how many workers the cores could serve, where those are more than were measured."""
    useful = round(usable_cores / cpu_share) if cpu_share else MAX_WAITING_WORKERS
    useful = min(MAX_WAITING_WORKERS, max(workers, useful))
    if useful <= workers:
        return ""
    return f"; for more items, up to about {useful} would find work"
