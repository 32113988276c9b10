"""What to use for each kind of workload, drawn from what a benchmark measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.scheduling.batching import choose_batch_size

from ..workloads.simulated import WORKLOADS
from .bottlenecks import WORTH_IT
from .records import Case, Comparison, Recommendation

__all__ = ["NEARLY_BEST", "recommend"]

COMPUTES_FROM = 0.5
"""Work whose CPU time is at least this share of its time counts as computing, not waiting."""

NEARLY_BEST = 0.9
"""What share of the best speedup is worth no more workers."""

MOST_WAITING_WORKERS = 256


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
    items = sum(one.sequential.total_processed for one in measured)
    busy_s = sum(one.sequential.busy_s for one in measured)
    cpu_s = sum(one.sequential.cpu_s for one in measured)
    cpu_share = min(1.0, cpu_s / busy_s) if busy_s else 0.0
    computes = cpu_share >= COMPUTES_FROM
    best = _best(measured)
    reached = (
        f"{best.plan.workers} {'worker' if best.plan.workers == 1 else 'workers'} of the "
        f"{best.plan.backend} backend reached {best.comparison.speedup:.2f}x, "
        f"{best.comparison.share_of_limit:.0%} of the limit"
    )
    why = (
        f"its time is {cpu_share:.0%} CPU"
        if computes
        else f"its time is {1 - cpu_share:.1%} waiting"
    )
    if best.comparison.speedup < WORTH_IT:
        return Recommendation(
            name,
            "CPU-bound" if computes else "I/O-bound",
            "sequential",
            1,
            best.plan.batch_size,
            f"{why}; nothing was faster than a plain loop",
        )
    workload = WORKLOADS.get(name)
    if workload is None:  # backend and batch size were chosen by measuring, better than by rule
        kind = "CPU-bound" if computes else "I/O-bound"
        plan = best.plan
        return Recommendation(
            name, kind, plan.backend, plan.workers, plan.batch_size, f"{why}; {reached}"
        )
    if computes:
        backend, workers = "process", usable_cores
        why = f"{why}, so one worker a core; {reached}"
    else:
        backend, workers = "thread", best.plan.workers
        useful = round(usable_cores / cpu_share) if cpu_share else MOST_WAITING_WORKERS
        useful = min(MOST_WAITING_WORKERS, max(workers, useful))
        why = f"{why}; {reached}"
        if useful > workers:
            why += f"; for more items, up to about {useful} would find work"
    batch_size, _ = choose_batch_size(
        total=items,
        workers=workers,
        backend=backend,
        expected_item_s=busy_s / items,
        item_bytes=1000,
        free_memory_bytes=free_memory_bytes,
    )
    return Recommendation(name, workload.kind, backend, workers, batch_size, why)


def _best(measured: Sequence[_Measured]) -> _Measured:
    """Return the fewest workers that did nearly best."""
    enough = NEARLY_BEST * max(one.comparison.speedup for one in measured)
    paid = [one for one in measured if one.comparison.speedup >= enough]
    return min(paid, key=lambda one: one.plan.workers)
