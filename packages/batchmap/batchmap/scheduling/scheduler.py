"""The scheduler: batches in, their records out as they finish, a bounded number in flight.

    batches -> [in flight] -> executor: process(batch) -> finished -> records
                   ^                                         |
                   +---- again: retries, what a crash left <-+

No batch is taken before there is room for it, so memory follows what is in flight and never the
input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.errors import WorkersLostError
from batchmap.records import Batch, BatchRecord
from batchmap.scheduling.concurrency_control import ConcurrencyControl
from batchmap.scheduling.hold import Hold
from batchmap.scheduling.keyed_starts import KeyedStarts
from batchmap.scheduling.next_batches import NextBatches
from batchmap.scheduling.quarantine import MAX_CRASHES, Quarantine
from batchmap.scheduling.rate_limiter import RateLimiter
from batchmap.scheduling.rated_starts import RatedStarts
from batchmap.scheduling.retry_queue import RetryQueue
from batchmap.scheduling.retrying import Retrying
from batchmap.scheduling.throttle import Throttle
from batchmap.stopping import StopRequest
from batchmap.worker.back_off import NO_RETRIES, RetryLimits
from batchmap.worker.failures import (
    BatchInterrupted,
    describe_failure,
    failed_record,
)
from batchmap.worker.retry_decision import RetryIf

__all__ = ["BatchScheduler"]

STOP_CHECK_S = 0.1
"""How often a wait checks for a request to stop, in seconds."""


class BatchScheduler:
    """Runs batches on an executor, with at most `max_in_flight` of them in flight.

    A failed item is tried again, in a batch of its own, as `Retrying` says; `retry_if` is asked
    here of one that was given up for its time limit. When a worker crashes, the item that it ran is
    tried once more and then counts as failed; other workers do the rest of its batch. After a
    request to stop no batch is taken; those that run may finish, until it becomes one to kill.

    `executor`, `process` and `max_in_flight` may be replaced between two records and by `steer`.
    With a maximum of 0, what is in flight ends, and then one batch runs at a time. Raises
    `ValueError` for a `max_in_flight` below 1.
    """

    def __init__(
        self,
        executor: Executor,
        process: Callable[[Batch], Any],
        batches: Iterable[Batch | None],
        *,
        max_in_flight: int,
        retries: RetryLimits = NO_RETRIES,
        retry_if: RetryIf | None = None,
        throttle: Throttle | None = None,
        rate: RateLimiter | None = None,
        keyed: KeyedStarts | None = None,
        stop: StopRequest | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if max_in_flight < 1:
            raise ValueError(f"max_in_flight must be at least 1, got {max_in_flight}")
        self.executor = executor
        self.max_in_flight = max_in_flight
        self.process = process
        self.steer: Callable[[], float] | None = None
        """Called before batches are submitted; says in how many seconds to call it again."""
        self.concurrency: ConcurrencyControl | None = None
        """Finds how many batches may be in flight, instead of `max_in_flight`."""
        self.unsuited: Callable[[BatchRecord], Collection[int]] | None = None
        """Returns the offsets of the failures in a record for which their worker is to blame, and
        not the item, so that it runs again."""
        self._throttle = throttle or Throttle(clock=clock)
        self._starts = RatedStarts(rate)
        self._keyed = keyed or KeyedStarts({})
        self._ready: Batch | None = None
        """A batch that was taken and waits until the rate lets it start."""
        self._stop = stop or StopRequest()
        self._clock = clock
        self._in_flight: dict[Future[BatchRecord], Batch] = {}
        self._finished: SimpleQueue[Future[BatchRecord] | None] = SimpleQueue()
        self._again = RetryQueue(clock)
        self._next = NextBatches(batches, self._again, self._keyed)
        self._hold = Hold(self._stop, lambda: self.executor, clock)
        self._retrying = Retrying(self._again, retries, retry_if, stop=self._stop, hold=self._hold)
        self._quarantine = Quarantine(self._again)

    @property
    def carried_bytes(self) -> int:
        """Return how many bytes the present executor has sent to processes and got back."""
        return getattr(self.executor, "carried_bytes", 0)

    @property
    def in_flight(self) -> int:
        """Return how many batches are in flight."""
        return len(self._in_flight)

    @property
    def more_finished(self) -> bool:
        """Whether other batches have finished than those whose records were yielded."""
        return not self._finished.empty()

    def records(self) -> Iterator[BatchRecord]:
        """Yield the records as batches finish.

        What the batches' iterator raises is raised once all before it is done. Raises
        `WorkersLostError` when the executor broke, and the `BatchmapError` of one that cannot take
        the function.
        """
        try:
            while True:
                steer_s = math.inf if self.steer is None else self.steer()
                wait_s = self._fill()
                for refused in (self._starts.refused, self._keyed.refused):
                    while refused:
                        yield refused.pop()
                if self._in_flight or self._next.source_waits:
                    done = self._next_finished(steer_s if wait_s is None else min(steer_s, wait_s))
                    if done is not None:
                        batch = self._in_flight.pop(done)
                        self._starts.settle(done)
                        self._keyed.end(batch)
                        if not done.cancelled():
                            yield from self._settle(done, batch)
                        elif not self._stop.requested:  # it was taken back for a while
                            self._put_back(batch)
                    elif self._stop.killing or (self._stop.requested and not self._in_flight):
                        break
                elif self._stop.requested or wait_s is None:
                    break
                else:
                    self._clock.sleep(min(wait_s, STOP_CHECK_S))
        except BrokenExecutor as error:
            raise WorkersLostError(
                f"the workers crashed ({error})",
                advice="try fewer {workers:} or {backend:thread}",
            ) from error
        finally:
            self._take_back()
        if self._next.source_error is not None:
            raise self._next.source_error

    def _fill(self) -> float | None:
        """Submit what there is room for; return the seconds until more may be due, if known."""
        if (held_s := self._hold.left_s()) > 0:
            return held_s
        # With a maximum of 0 one batch is let in when nothing runs, or the run would end early.
        while len(self._in_flight) < (self._most_in_flight() or not self._in_flight):
            if self._stop.requested:
                return None
            if self._quarantine:
                return None if self._in_flight else self._start(self._quarantine.next)
            delay_s = self._throttle.delay_s(
                in_flight=bool(self._in_flight), retry_in_s=self._next.due_in_s()
            )
            if delay_s > 0:
                return delay_s
            self._ready = self._ready or self._next.take(workers=self.max_in_flight)
            if self._ready is None:
                return self._again.due_in_s()
            if not self._keyed.admits(self._ready):
                self._ready = None
                if self._keyed.refused:
                    return 0.0
            elif (wait_s := self._start(self._ready)) is not None:
                return wait_s
        return None

    def _most_in_flight(self) -> int:
        if self.concurrency is None or not self.max_in_flight:
            return self.max_in_flight
        return self.concurrency.most_in_flight(self.max_in_flight)

    def _start(self, batch: Batch) -> float | None:
        """Submit a batch, or give it up, once the rate allows; return the seconds until then."""
        delay_s = self._starts.delay_s(batch)
        if delay_s:
            return delay_s
        if batch is self._ready:
            self._ready = None
        else:
            self._quarantine.begin()
        if delay_s is None:
            self._quarantine.end(batch)
            return 0.0
        self._submit(batch)
        return None

    def _submit(self, batch: Batch) -> None:
        self._keyed.begin(batch)
        self.adopt(self._starts.submit(self.executor, self.process, batch), batch)

    def wake(self) -> None:
        """End a wait for what is in flight, as the source may have more to give; thread-safe."""
        self._finished.put(None)

    def adopt(self, future: Future[BatchRecord], batch: Batch) -> None:
        """Take a batch in whose call has been submitted."""
        self._in_flight[future] = batch
        future.add_done_callback(self._finished.put)

    def _next_finished(self, wait_s: float) -> Future[BatchRecord] | None:
        """Return the next future that is done; `None` when none was for a while."""
        if self._stop.requested:
            self._take_back()
            # What was handed over ahead, or stands in a batch that runs, cannot be cancelled.
            getattr(self.executor, "begin_no_more", lambda: None)()
        try:
            return self._finished.get(timeout=max(0.0, min(wait_s, STOP_CHECK_S)))
        except Empty:
            return None

    def _take_back(self) -> None:
        """Cancel what no worker has begun."""
        for future in tuple(self._in_flight):
            future.cancel()

    def _put_back(self, batch: Batch) -> None:
        """Queue a batch that no worker has begun."""
        if self._quarantine.end(batch):
            self._quarantine.put_back(batch)
        else:
            self._again.add(batch)

    def _settle(self, done: Future[BatchRecord], batch: Batch) -> list[BatchRecord]:
        """Return the records of what is final of a batch; the rest is queued to run again."""
        was_alone = self._quarantine.end(batch)
        error = done.exception()
        if error is None:
            return self._settle_done(batch, done.result())
        if isinstance(error, BatchInterrupted):
            return self._settle_interrupted(batch, error, was_alone)
        if isinstance(error, BrokenExecutor | CancelledError | WorkersLostError):
            raise error
        if len(batch.items) > 1:  # an item that cannot be pickled must not hold up the others
            for offset in range(len(batch.items)):
                self._again.add(batch.part(offset, offset + 1))
            return []
        return [failed_record(batch, describe_failure(error))]

    def _settle_done(self, batch: Batch, record: BatchRecord) -> list[BatchRecord]:
        done = len(record.results)
        if done < len(batch.items) and not self._stop.requested:  # its budget of time was spent
            self._again.add(batch.part(done, len(batch.items)))
            if self._ready is not None:  # which was taken later
                self._again.add(self._ready)
                self._ready = None
        return self._without_retries(batch, record) if done else []

    def _without_retries(self, batch: Batch, record: BatchRecord) -> list[BatchRecord]:
        """Return the record in parts, without the items that are queued to be tried again."""
        if self.concurrency is not None:
            self.concurrency.learn(batch, record, in_flight=len(self._in_flight) + 1)
        if not record.failures:
            return [record]
        looks = self.unsuited if not self._stop.requested else None
        unsuited = () if looks is None else looks(record)
        kept = self._retrying.final_parts(batch, record, unsuited)
        if self._hold.left_s() > 0:
            self._take_back()
        return kept

    def _settle_interrupted(
        self, batch: Batch, interrupted: BatchInterrupted, was_alone: bool
    ) -> list[BatchRecord]:
        kept: list[BatchRecord] = []
        for record in interrupted.finished:
            kept += self._without_retries(batch, record)
        done = sum(len(record.results) for record in interrupted.finished)
        left = batch.part(done, len(batch.items))
        if interrupted.offset is None:
            return kept + self._quarantine.settle(
                left, batch.crashes + 1, interrupted.failure, was_alone=was_alone
            )
        blamed = interrupted.offset - done
        self._again.add(left.part(0, blamed))
        self._again.add(left.part(blamed + 1, len(left.items)))
        blamed_item = replace(
            left.part(blamed, blamed + 1), crashes=batch.crashes + 1, spent_s=batch.spent_s
        )
        if interrupted.final:
            failure = self._retrying.of_time_limit(interrupted.failure)
            return kept + self._without_retries(blamed_item, failed_record(blamed_item, failure))
        is_halved = blamed_item.num_items > 1  # which is another attempt
        if is_halved or blamed_item.crashes == MAX_CRASHES:
            return [*kept, failed_record(blamed_item, interrupted.failure)]
        self._again.add(blamed_item)
        return kept
