"""Holds the next batch back until the rate lets it start, and settles what it counted."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

from batchmap.records import Batch, BatchRecord
from batchmap.scheduling.rate_limiter import CostTooHighError, Permit, RateLimiter
from batchmap.worker.failures import refused_record
from batchmap.worker.interruption import SignalHandlers

__all__ = ["RatedStarts"]


class RatedStarts:
    """Asks `limiter` about each batch that is to start; without one, all may."""

    def __init__(self, limiter: RateLimiter | None) -> None:
        self._limiter = limiter
        self.refused: list[BatchRecord] = []
        """The records of items that can never start; whoever hands them on empties it."""
        self._amounts: tuple[Batch | None, list[float]] = (None, [])
        """Of the batch that was asked about last."""
        self._permits: dict[Future[BatchRecord], Permit] = {}

    def delay_s(self, batch: Batch) -> float | None:
        """Return how many seconds a batch has to wait; `None` when it is among the refused."""
        if self._limiter is None:
            return 0.0
        if self._amounts[0] is not batch:
            try:
                self._amounts = batch, self._limiter.amounts(batch.items)
            except BaseException as error:
                if SignalHandlers().raised(error):
                    raise
                before = "" if isinstance(error, CostTooHighError) else "cost failed: "
                self.refused.append(refused_record(batch, error, before))
                return None
        return self._limiter.delay_s(self._amounts[1])

    def submit(self, executor: Executor, process: Any, batch: Batch) -> Future[BatchRecord]:
        """Submit the batch that was asked about last."""
        if self._limiter is None:
            return executor.submit(process, batch)
        begins_once = getattr(executor, "begins_once", True)
        permit = self._limiter.begin(self._amounts[1], may_be_late=not begins_once)
        self._amounts = None, []
        future = executor.submit(process, replace(batch, begin_by_s=permit.begin_by_s))
        self._permits[future] = permit
        return future

    def settle(self, future: Future[BatchRecord]) -> None:
        """Settle what a call counts that is done."""
        permit = self._permits.pop(future, None)
        if permit is None or self._limiter is None:
            return
        record = None
        if not future.cancelled() and future.exception() is None:
            record = future.result()
        has_begun = not future.cancelled() and (record is None or len(record.results) > 0)
        self._limiter.end(permit, has_begun=has_begun, spent=record.spent if record else None)
