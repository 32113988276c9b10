"""Plans for a backend that was asked for: default workers, and how many batches are in flight."""

from __future__ import annotations

import math
from dataclasses import replace

from batchmap.backends import BACKENDS
from batchmap.concurrency import WorkerBounds
from batchmap.records import BatchRecord, Plan
from batchmap.scheduling.limits import Limits
from batchmap.tuning.backend_choice import MAX_THREADS
from batchmap.tuning.concurrency_bounds import (
    FINDS_CONCURRENCY,
    concurrency_within,
    in_words,
)

__all__ = ["default_plan", "max_in_flight", "with_free_cores", "with_prediction"]

MAX_COROUTINE_STARTS = 250
"""Up to this many coroutines at once, each is a batch of its own; with more, a batch has several
items, as handing them over one by one would be too slow to keep all of them busy."""


def default_plan(
    backend: str,
    workers: int | WorkerBounds | None,
    batch_size: int | None,
    *,
    why: str | None = None,
    cluster_workers: int | None = None,
) -> Plan:
    """Return the plan for `backend`; `None` for `workers` or `batch_size` takes the default.

    `cluster_workers` counts those of a Dask cluster, which decides on them. `why` is the reason for
    the backend, `None` when it was asked for.
    """
    if backend == "sequential":
        workers = 1
    usual = BACKENDS[backend].default_workers()
    reasons = [why or "Backend: as asked for"]
    concurrency = None
    if isinstance(workers, int):
        number = workers
    elif backend in FINDS_CONCURRENCY:
        most = MAX_THREADS if backend == "thread" else usual
        concurrency = concurrency_within(workers, usual=usual, most=most)
        number = concurrency.most if workers is not None else usual
        reasons.append(in_words(concurrency))
    else:
        number = usual if workers is None else workers.nearest(usual)
        reasons.append(f"Workers: {number} by default")
    if cluster_workers is not None:
        number = cluster_workers
        reasons[1:] = [f"Workers: {number} in the cluster as the run began"]
    if batch_size is None and backend == "async":
        batch_size = math.ceil(number / MAX_COROUTINE_STARTS)
    return Plan(backend, number, batch_size or 1, None, tuple(reasons), concurrency=concurrency)


def with_free_cores(plan: Plan, workers: int | None) -> Plan:
    """Return the plan with so many workers, where it has more than were to be had."""
    if workers is None or workers >= plan.workers or plan.backend != "process":
        return plan
    reason = f"Workers: {workers}, as other calls took the rest of the cores meanwhile"
    return replace(plan, workers=workers, why=(*plan.why, reason))


def with_prediction(plan: Plan, record: BatchRecord, total: int | None, rate: float | None) -> Plan:
    """Return the plan with the time that `total` coroutines take if all are like these."""
    item_s = sum(record.durations_s) / len(record.durations_s)
    reason = f"Measured: an item takes {item_s * 1e3:.1f} ms"
    if total is None:
        return replace(plan, why=(reason, *plan.why))
    predicted_s = max(item_s * math.ceil(total / plan.workers), total / rate if rate else 0.0)
    return replace(plan, why=(reason, *plan.why), predicted_s=predicted_s)


def max_in_flight(plan: Plan | None, limits: Limits) -> int:
    """Return how many batches are in flight: those that run, and as many again so none waits."""
    if plan is None or plan.backend == "sequential":
        return 1
    if limits.starts_each:
        return plan.workers
    if plan.backend == "async":  # the items of a batch run side by side
        return max(2, math.ceil(2 * plan.workers / plan.batch_size))
    return 2 * plan.workers
