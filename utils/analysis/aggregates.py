"""Sums that reports show beside the findings: shares of the time, totals of each worker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from batchmap.metrics import RunSummary
from batchmap.records import Plan

from ..execution.trace import Span, Trace
from .records import TimeBreakdown

__all__ = ["Part", "WorkerSum", "gibibytes", "mean_batch_size", "parts_of", "worker_sums"]


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts that the workers' time of a run went into."""

    name: str
    """`work`, or the name of a loss."""
    workers: float
    """Below 0 for items that were faster than in the sequential run."""
    share: float
    """The same, as a share of all workers."""
    time_s: float
    """Worker-seconds."""


@dataclass(frozen=True, slots=True)
class WorkerSum:
    """What one worker did in a run."""

    worker: int
    """From 0."""
    spans: int
    """Bars in the timeline."""
    batches: int
    items: int
    failed: int
    """Items that failed."""
    retried: int
    """Items that were tried again."""
    busy_s: float
    """Sum of the times of its items."""
    first_s: float
    """Start of its first batch, since the run began."""
    last_s: float
    """End of its last batch, since the run began."""


def parts_of(breakdown: TimeBreakdown) -> tuple[Part, ...]:
    """Return the parts of the workers' time, the useful work first; unknown ones are left out."""
    sizes = (
        ("work", breakdown.work),
        ("slower items", breakdown.slower_items),
        ("start", breakdown.start),
        ("hand-over", breakdown.hand_over),
        ("tail", breakdown.tail),
    )
    return tuple(
        Part(name, size, _share(size, breakdown.workers), size * breakdown.wall_s)
        for name, size in sizes
        if size is not None
    )


def worker_sums(trace: Trace) -> tuple[WorkerSum, ...]:
    """Return what each worker did, by its number; those that did nothing are left out."""
    spans: dict[int, list[Span]] = {}
    for span in trace.spans:
        spans.setdefault(span.worker, []).append(span)
    return tuple(_worker_sum(worker, spans[worker]) for worker in sorted(spans))


def mean_batch_size(plan: Plan, run: RunSummary) -> float | None:
    """Return how many items a batch of `run` had on average, where they differed, else `None`.

    They differ where sizes follow what is measured and where the last batches are smaller, so that
    the number of batches is not what the batch size of `plan` makes of the items.
    """
    if not run.batches or run.batches == math.ceil(run.total_processed / plan.batch_size):
        return None
    return run.total_processed / run.batches


def gibibytes(size_bytes: float) -> float:
    """Return a size in units of 2**30 bytes."""
    return size_bytes / 2**30


def _share(size: float, workers: int) -> float:
    return size / workers if workers else 0.0


def _worker_sum(worker: int, spans: Sequence[Span]) -> WorkerSum:
    return WorkerSum(
        worker=worker,
        spans=len(spans),
        batches=sum(span.batches for span in spans),
        items=sum(span.items for span in spans),
        failed=sum(span.failed for span in spans),
        retried=sum(span.retried for span in spans),
        busy_s=sum(span.busy_s for span in spans),
        first_s=min(span.started_s for span in spans),
        last_s=max(span.ended_s for span in spans),
    )
