"""What to use for each kind of workload, drawn from what a benchmark measured."""

from __future__ import annotations

from collections.abc import Sequence

from utils.batching import choose_batch_size
from utils.records import Recommendation, ScenarioResult
from utils.workloads import WORKLOADS

__all__ = ["recommend"]

COMPUTES_FROM = 0.5
"""Work whose CPU time is at least this share of its time counts as computing, not waiting."""

WORKERS_PAY_UNTIL = 0.8
"""A worker count is worth it while it reaches this share of the limit."""

MOST_WAITING_WORKERS = 256


def recommend(
    results: Sequence[ScenarioResult], *, usable_cores: int, free_memory_bytes: int
) -> list[Recommendation]:
    """Return one recommendation for each workload among `results`, in their order."""
    by_workload: dict[str, list[ScenarioResult]] = {}
    for result in results:
        by_workload.setdefault(result.workload, []).append(result)
    return [
        _recommend_for(name, measured, usable_cores, free_memory_bytes)
        for name, measured in by_workload.items()
        if any(result.sequential.total_processed for result in measured)
    ]


def _recommend_for(
    name: str, measured: Sequence[ScenarioResult], usable_cores: int, free_memory_bytes: int
) -> Recommendation:
    items = sum(result.sequential.total_processed for result in measured)
    busy_s = sum(result.sequential.busy_s for result in measured)
    cpu_s = sum(result.sequential.cpu_s for result in measured)
    cpu_share = min(1.0, cpu_s / busy_s) if busy_s else 0.0
    best = _best(measured)
    reached = (
        f"{best.plan.workers} workers of the {best.plan.backend} backend reached "
        f"{best.comparison.speedup:.2f}x, {best.comparison.share_of_limit:.0%} of the limit"
    )
    if cpu_share >= COMPUTES_FROM:
        backend, workers = "process", usable_cores
        why = f"its time is {cpu_share:.0%} CPU, so one worker a core; {reached}"
    else:
        backend, workers = "thread", best.plan.workers
        useful = round(usable_cores / cpu_share) if cpu_share else MOST_WAITING_WORKERS
        useful = min(MOST_WAITING_WORKERS, max(workers, useful))
        why = f"its time is {1 - cpu_share:.1%} waiting; {reached}"
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
    return Recommendation(name, WORKLOADS[name].kind, backend, workers, batch_size, why)


def _best(measured: Sequence[ScenarioResult]) -> ScenarioResult:
    """Return the largest worker count that still paid, or the fastest where none did."""
    paid = [r for r in measured if r.comparison.share_of_limit >= WORKERS_PAY_UNTIL]
    if paid:
        return max(paid, key=lambda result: result.plan.workers)
    return max(measured, key=lambda result: result.comparison.speedup)
