"""Batches that run again: retries, and what a worker that crashed has left."""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import replace

from batchmap.clock import Clock
from batchmap.records import Batch

__all__ = ["RetryQueue"]


class RetryQueue:
    """Batches that run again at their time, of two that are due the earlier one first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, int, Batch]] = []
        self._tickets = itertools.count()

    def add(self, batch: Batch, *, after_s: float = 0.0) -> None:
        """Add a batch that may run again in so many seconds; one without items is left out."""
        if batch.items:
            due_s = self._clock.now() + after_s
            heapq.heappush(self._waiting, (due_s, next(self._tickets), batch))

    def due_in_s(self) -> float | None:
        """Return in how many seconds the next one is due, `None` when there is none."""
        return max(0.0, self._waiting[0][0] - self._clock.now()) if self._waiting else None

    def take(self, *, workers: int) -> Batch | None:
        """Return the share of one of so many workers in a batch that is due; the rest stays."""
        if not self._waiting or self._waiting[0][0] > self._clock.now():
            return None
        due_s, ticket, batch = heapq.heappop(self._waiting)
        number = len(batch.items)
        share = math.ceil(number / max(1, workers))
        if share == number:
            return batch
        rest = replace(batch.part(share, number), crashes=batch.crashes)
        heapq.heappush(self._waiting, (due_s, ticket, rest))
        return replace(batch.part(0, share), crashes=batch.crashes)
