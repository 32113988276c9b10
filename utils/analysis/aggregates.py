"""The sums and curves that a chart needs beyond the findings themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..execution.trace import Trace
from .records import Sweep, TimeBreakdown

__all__ = ["Part", "WorkerSum", "fitted_curve", "gibibytes", "parts_of", "worker_sums"]

CURVE_POINTS = 60


@dataclass(frozen=True, slots=True)
class Part:
    """What some of the workers' time went into."""

    name: str
    workers: float
    """Below 0 for items that were faster than in the sequential run."""
    share: float
    """Of all workers."""
    time_s: float
    """Worker-seconds."""


@dataclass(frozen=True, slots=True)
class WorkerSum:
    """What one worker did in a run."""

    worker: int
    """From 0."""
    spans: int
    batches: int
    items: int
    failed: int
    retried: int
    busy_s: float
    first_s: float
    """When it began, since the run began."""
    last_s: float
    """When it was done, since the run began."""


def parts_of(accounting: TimeBreakdown) -> tuple[Part, ...]:
    """Return where the workers were, the useful work first."""
    sizes = (
        ("work", accounting.work),
        ("slower items", accounting.slower_items),
        ("start", accounting.start),
        ("hand-over", accounting.hand_over),
        ("tail", accounting.tail),
    )
    return tuple(
        Part(name, size, _share(size, accounting.workers), size * accounting.wall_s)
        for name, size in sizes
        if size is not None
    )


def worker_sums(trace: Trace) -> tuple[WorkerSum, ...]:
    """Return what each worker did, by its number; those that did nothing are not among them."""
    by_worker: dict[int, list[int]] = {}
    for place, span in enumerate(trace.spans):
        by_worker.setdefault(span.worker, []).append(place)
    return tuple(_worker_sum(trace, worker, by_worker[worker]) for worker in sorted(by_worker))


def fitted_curve(sweep: Sweep) -> tuple[tuple[float, float], ...]:
    """Return points (workers, speedup) of the fit, from one worker to the most measured.

    The formula is that of `Sweep` (Gunther 2007, "Guerrilla Capacity Planning", ch. 4).
    """
    most = max((point.workers for point in sweep.points), default=1)
    step = (most - 1) / CURVE_POINTS
    places = (1 + step * place for place in range(CURVE_POINTS + 1)) if most > 1 else (1.0,)
    return tuple(
        (
            workers,
            workers
            / (1 + sweep.serial_share * (workers - 1) + sweep.crosstalk * workers * (workers - 1)),
        )
        for workers in places
    )


def gibibytes(size_bytes: float) -> float:
    """Return a size in units of 2**30 bytes."""
    return size_bytes / 2**30


def _share(size: float, workers: int) -> float:
    return size / workers if workers else 0.0


def _worker_sum(trace: Trace, worker: int, places: Sequence[int]) -> WorkerSum:
    spans = [trace.spans[place] for place in places]
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
