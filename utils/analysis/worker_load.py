"""How busy each worker was, in equal intervals from a run's start to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..execution.trace import Span, Trace

__all__ = ["WorkerLoad", "worker_loads"]


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """How busy one worker was over a run."""

    worker: int
    """From 0."""
    shares: tuple[float, ...]
    """Of each interval, the share that the worker spent on items, from 0 to about 1."""


def worker_loads(trace: Trace, *, intervals: int) -> tuple[WorkerLoad, ...]:
    """Return how busy each worker was in so many intervals, by its number.

    Workers without a span are left out; so are all of them when they are coroutines.
    """
    spans: dict[int, list[Span]] = {}
    for span in trace.spans:
        spans.setdefault(span.worker, []).append(span)
    return tuple(
        WorkerLoad(worker, _shares(spans[worker], trace.wall_s, intervals))
        for worker in sorted(spans)
    )


def _shares(spans: Sequence[Span], wall_s: float, intervals: int) -> tuple[float, ...]:
    busy = [0.0] * intervals
    scale = intervals / wall_s if wall_s else 0.0
    for span in spans:
        began, ended = span.started_s * scale, span.ended_s * scale
        # A span that stands for several batches is only as busy as they were.
        density = min(1.0, span.busy_s / (span.ended_s - span.started_s or 1.0))
        for place in range(max(0, int(began)), min(intervals, int(ended) + 1)):
            busy[place] += density * max(0.0, min(ended, place + 1) - max(began, place))
    return tuple(busy)
