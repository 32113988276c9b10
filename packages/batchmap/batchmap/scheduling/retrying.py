"""Queues the items of a record again that are to be tried another time, each at its time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from batchmap.records import Batch, BatchRecord, ItemFailure, RetryDecision
from batchmap.scheduling.hold import Hold
from batchmap.scheduling.retry_queue import RetryQueue
from batchmap.stopping import StopRequest, Urgency
from batchmap.worker.back_off import RetryLimits
from batchmap.worker.http_errors import close_answer
from batchmap.worker.retry_decision import RetryIf, decide_retry

__all__ = ["Retrying"]


class Retrying:
    """Takes the items out of records that are to be tried again, and adds them to `queue`.

    A wait is spent in the queue and holds up no worker. One that would end after `limits.within_s`,
    counted from the beginning of the item's first attempt, is not begun: the item has failed. Where
    a failure is about all items, `hold` begins, or `stop` is requested. After that request, what
    fails has failed, and no record has the items that are to be done another time.
    """

    def __init__(
        self,
        queue: RetryQueue,
        limits: RetryLimits,
        retry_if: RetryIf | None,
        *,
        stop: StopRequest,
        hold: Hold,
    ) -> None:
        self._queue = queue
        self._limits = limits
        self._retry_if = retry_if
        self._stop = stop
        self._hold = hold

    def final_parts(
        self, batch: Batch, record: BatchRecord, unsuited: Collection[int] = ()
    ) -> list[BatchRecord]:
        """Return the record in parts, without the items that are queued to be tried again.

        `unsuited` are the offsets of items that run again at once, as their worker is to blame.
        """
        kept = []
        done = 0
        for offset, failure in sorted(record.failures.items(), key=lambda one: one[0]):
            again = Batch(
                batch.index,
                record.first_item + offset,
                batch.items[record.first_item - batch.first_item + offset :][:1],
                attempt=batch.attempt,
                spent_s=record.durations_s[offset],
                retry_until_s=batch.retry_until_s,
            )
            if failure.retry is not None and failure.retry.is_for_all:
                self._tell_all(again, failure, failure.retry)
            elif offset in unsuited:
                self._queue.add(again)
            elif not self._try_again(again, failure, self._began_ago_s(record, offset)):
                continue
            if offset > done:
                kept.append(record.part(done, offset))
            done = offset + 1
        if done < len(record.results):
            kept.append(record.part(done, len(record.results)))
        return kept

    def of_time_limit(self, failure: ItemFailure) -> ItemFailure:
        """Return the failure of an item that an executor gave up, with what `retry_if` says of it.

        Elsewhere it is asked in the worker, about the exception itself; here there is none.
        """
        ask = getattr(self._retry_if, "of_time_limit", None)
        error = TimeoutError(failure.error)
        retry = decide_retry(error, self._retry_if) if ask is None else ask(error)
        text = f"{failure.error} ({retry.problem})" if retry and retry.problem else failure.error
        return replace(failure, error=text, retry=retry)

    def _tell_all(self, item: Batch, failure: ItemFailure, retry: RetryDecision) -> None:
        """Hold the run up, or stop it, as the failure of an item says."""
        if retry.pause_s is None or not self._limits.pauses:
            self._stop.reason = self._stop.reason or failure.error or "the function asked for it"
            self._stop.request(Urgency.DRAIN)
        elif not self._stop.requested:
            self._hold.begin(retry.pause_s, failure.error)
            self._queue.add(item)

    def _try_again(self, item: Batch, failure: ItemFailure, ago_s: float) -> bool:
        """Queue an item whose attempt failed, which began so long ago; tell whether it is."""
        wait_s = self._limits.wait_s(failure, item.attempt)
        if wait_s is None or self._stop.requested:
            return False
        now_s = self._hold.time_s()
        until_s = min(item.retry_until_s, now_s - ago_s + self._limits.within_s)
        if now_s + wait_s > until_s:
            return False
        close_answer(failure.exception)
        again = replace(item, attempt=item.attempt + 1, retry_until_s=until_s)
        self._queue.add(again, after_s=wait_s)
        return True

    def _began_ago_s(self, record: BatchRecord, offset: int) -> float:
        """Return how long before the end of its batch the attempt at an item began, in seconds.

        That is exact where items run one after another. Of those that run beside each other, some
        began after the batch did.
        """
        if not record.worker:  # it was given up at its time limit
            return self._limits.attempt_s
        return min(record.ended_s - record.started_s, sum(record.durations_s[offset:]))
