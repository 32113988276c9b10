"""The scheduler: batches in, their records out as they finish, a bounded number in flight.

    batches -> [window] -> executor: process(batch) -> finished -> records
                  ^                                       |
                  +---- again: retries, what a death left <+

Nothing is taken from `batches` before there is room for it, so memory follows the window and
never the input.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.errors import BatchmapError, WorkersLostError
from batchmap.records import Batch, BatchRecord
from batchmap.scheduling.throttle import Throttle
from batchmap.stopping import StopRequest
from batchmap.worker.failures import BatchInterrupted, describe_failure, failed_record
from batchmap.worker.retry import back_off_s

__all__ = ["BatchScheduler"]

LOOK_UP_S = 0.1
"""How often a wait looks up for a request to stop, in seconds."""

MAX_CRASHES = 2
"""An item at which so many workers died is given up."""


class BatchScheduler:
    """Yield the records of batches as they finish, with at most `window` in flight.

    A failed item is tried again, alone, up to `retries` times after growing, jittered waits that
    hold up no worker. When a worker dies, the item that it was at is tried once more and then
    failed, and the rest of its batch is done by others. After a request to stop no batch is
    taken; those that run may finish until the request becomes one to kill.

    `executor` and `process` may be exchanged between two records while nothing is in flight, and
    `window` at any time; a window of 0 lets what is in flight end, and then one batch at a time.
    Raises `ValueError` for a window below 1.
    """

    def __init__(
        self,
        executor: Executor,
        process: Callable[[Batch], Any],
        batches: Iterable[Batch],
        *,
        max_in_flight: int,
        retries: int = 0,
        throttle: Throttle | None = None,
        stop: StopRequest | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if max_in_flight < 1:
            raise ValueError(f"max_in_flight must be at least 1, got {max_in_flight}")
        self.executor = executor
        self.max_in_flight = max_in_flight
        self.process = process
        self._batches: Iterator[Batch] | None = iter(batches)
        self._retries = retries
        self._throttle = throttle or Throttle(clock=clock)
        self._stop = stop or StopRequest()
        self._clock = clock
        self._in_flight: dict[Future[BatchRecord], Batch] = {}
        self._finished: SimpleQueue[Future[BatchRecord]] = SimpleQueue()
        self._again: list[tuple[float, int, Batch]] = []
        self._quarantine: deque[Batch] = deque()
        """Items at which workers seem to have died, to be run with nothing beside them."""
        self._alone: Batch | None = None
        """The suspect that runs now."""
        self._tickets = itertools.count()

    @property
    def carried_bytes(self) -> int:
        """Return how much the present executor sent to processes and got back."""
        return getattr(self.executor, "carried_bytes", 0)

    @property
    def in_flight(self) -> int:
        """Return how many batches are in flight."""
        return len(self._in_flight)

    def records(self) -> Iterator[BatchRecord]:
        """Yield the records; raises `WorkersLostError` when the executor broke."""
        try:
            while True:
                wait_s = self._fill()
                if self._in_flight:
                    done = self._next_finished(wait_s)
                    if done is not None:
                        batch = self._in_flight.pop(done)
                        if not done.cancelled():
                            yield from self._settle(done, batch)
                    elif self._stop.killing:
                        return
                elif self._stop.requested or wait_s is None:
                    return
                else:
                    self._clock.sleep(min(wait_s, LOOK_UP_S))
        except BrokenExecutor as error:
            raise WorkersLostError(
                f"the workers died ({error}); try fewer workers or --backend thread"
            ) from error
        finally:
            for future in self._in_flight:
                future.cancel()

    def _fill(self) -> float | None:
        """Submit what there is room for; return the seconds until more may be due, if ever."""
        while len(self._in_flight) < (self.max_in_flight or self._nothing_runs()):
            if self._stop.requested:
                return None
            if self._alone is not None or self._quarantine:
                if not self._in_flight:
                    self._alone = self._quarantine.popleft()
                    self._submit(self._alone)
                return None
            delay_s = self._throttle.delay_s(in_flight=bool(self._in_flight))
            if delay_s > 0:
                return delay_s
            batch = self._next_batch()
            if batch is None:
                return max(0.0, self._again[0][0] - self._clock.now()) if self._again else None
            self._submit(batch)
        return None

    def _nothing_runs(self) -> bool:
        """Tell whether a batch must be let in though the window is shut, lest the run end early."""
        return not self._in_flight

    def _next_batch(self) -> Batch | None:
        if self._again and self._again[0][0] <= self._clock.now():
            return self._share_of(*heapq.heappop(self._again))
        if self._batches is not None:
            batch = next(self._batches, None)
            if batch is not None:
                return batch
            self._batches = None
        return None

    def _share_of(self, due_s: float, ticket: int, batch: Batch) -> Batch:
        """Return so much of a batch that is done again that the other workers get theirs."""
        number = len(batch.items)
        share = math.ceil(number / max(1, self.max_in_flight))
        if share == number:
            return batch
        rest = replace(batch.part(share, number), crashes=batch.crashes)
        heapq.heappush(self._again, (due_s, ticket, rest))
        return replace(batch.part(0, share), crashes=batch.crashes)

    def _submit(self, batch: Batch) -> None:
        try:
            future = self.executor.submit(self.process, batch)
        except (BrokenExecutor, RuntimeError, BatchmapError):
            raise
        except Exception as error:  # what cannot be pickled does not get as far as a worker
            future = Future()
            future.set_exception(error)
        self._in_flight[future] = batch
        self._throttle.started(len(batch.items))
        future.add_done_callback(self._finished.put)

    def _next_finished(self, wait_s: float | None) -> Future[BatchRecord] | None:
        """Return the next future that is done; `None` when it is time to look around."""
        try:
            return self._finished.get(
                timeout=LOOK_UP_S if wait_s is None else min(wait_s, LOOK_UP_S)
            )
        except Empty:
            if self._stop.requested:
                for future in tuple(self._in_flight):
                    future.cancel()
            return None

    def _settle(self, done: Future[BatchRecord], batch: Batch) -> list[BatchRecord]:
        """Return what is final of a batch; the rest is put down to be done again."""
        was_alone = batch is self._alone
        if was_alone:
            self._alone = None
        error = done.exception()
        if error is None:
            return self._settle_done(batch, done.result())
        if isinstance(error, BatchInterrupted):
            return self._settle_broken(batch, error, was_alone)
        if isinstance(error, BrokenExecutor | CancelledError | WorkersLostError):
            raise error
        if len(batch.items) > 1:  # an item that cannot travel must not keep others back
            for place in range(len(batch.items)):
                self._do_again(batch.part(place, place + 1))
            return []
        return [failed_record(batch, describe_failure(error))]

    def _settle_done(self, batch: Batch, record: BatchRecord) -> list[BatchRecord]:
        done = len(record.results)
        if done < len(batch.items) and not self._stop.requested:  # its budget of time was spent
            self._do_again(batch.part(done, len(batch.items)))
        return self._without_retries(batch, record) if done else []

    def _without_retries(self, batch: Batch, record: BatchRecord) -> list[BatchRecord]:
        """Return the record without the items that will be tried again."""
        if batch.attempt > self._retries or not record.failures or self._stop.requested:
            return [record]
        kept = []
        done = 0
        for place in sorted(record.failures):
            item = batch.items[record.first_item - batch.first_item + place]
            self._do_again(
                Batch(
                    batch.index,
                    record.first_item + place,
                    (item,),
                    attempt=batch.attempt + 1,
                    spent_s=record.durations_s[place],
                ),
                after_s=back_off_s(batch.attempt),
            )
            if place > done:
                kept.append(record.part(done, place))
            done = place + 1
        if done < len(record.results):
            kept.append(record.part(done, len(record.results)))
        return kept

    def _settle_broken(
        self, batch: Batch, broken: BatchInterrupted, was_alone: bool
    ) -> list[BatchRecord]:
        kept: list[BatchRecord] = []
        for record in broken.finished:
            kept += self._without_retries(batch, record)
        done = sum(len(record.results) for record in broken.finished)
        left = batch.part(done, len(batch.items))
        if broken.place is None:
            return kept + self._settle_unexplained(left, batch.crashes + 1, broken, was_alone)
        blamed = broken.place - done
        self._do_again(left.part(0, blamed))
        self._do_again(left.part(blamed + 1, len(left.items)))
        quarantined = replace(
            left.part(blamed, blamed + 1), crashes=batch.crashes + 1, spent_s=batch.spent_s
        )
        if broken.final:
            return kept + self._without_retries(
                quarantined, failed_record(quarantined, broken.failure)
            )
        if quarantined.crashes == MAX_CRASHES:
            return [*kept, failed_record(quarantined, broken.failure)]
        self._do_again(quarantined)
        return kept

    def _settle_unexplained(
        self, left: Batch, crashes: int, broken: BatchInterrupted, was_alone: bool
    ) -> list[BatchRecord]:
        """Do a batch again whose worker died at none of its items that is known of.

        The second time, the items go one by one, and then with nothing beside them that could
        have killed their worker.
        """
        if was_alone:
            return [failed_record(left, broken.failure)]
        if crashes < MAX_CRASHES:
            self._do_again(replace(left, crashes=crashes))
        elif len(left.items) == 1:
            self._quarantine.append(replace(left, crashes=crashes - 1))
        else:
            for place in range(len(left.items)):
                self._do_again(replace(left.part(place, place + 1), crashes=crashes - 1))
        return []

    def _do_again(self, batch: Batch, *, after_s: float = 0.0) -> None:
        if batch.items:
            due_s = self._clock.now() + after_s
            heapq.heappush(self._again, (due_s, next(self._tickets), batch))
