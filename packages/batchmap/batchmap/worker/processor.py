"""Runs a function over the items of a batch, and records what came of each, whatever it raises."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import partial
from itertools import islice, takewhile, tee
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import Batch, BatchRecord, ItemRecord
from batchmap.stopping import StopRequest
from batchmap.worker.back_off import RetryLimits, current_attempt
from batchmap.worker.call_shape import PLAIN_CALL, CallShape
from batchmap.worker.coroutine_results import Awaiter, holds_coroutine, is_async
from batchmap.worker.failures import describe_failure
from batchmap.worker.forked_child import end_forked_child, forks
from batchmap.worker.http_errors import close_answer
from batchmap.worker.interruption import SignalHandlers
from batchmap.worker.item_call import called, result_of
from batchmap.worker.item_function import ItemFunction
from batchmap.worker.monitor import BEGIN_NO_MORE, ItemMonitor, accepts_monitor, guarding_items
from batchmap.worker.record_builder import BatchRecordBuilder
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker.spending import current_spending
from batchmap.worker.worker_function import Function, ready, ready_in_loop

__all__ = ["BatchProcessor", "is_async"]

GROUP_BELOW_S = 10e-6
"""Items that take less, in seconds, are timed in groups: reading the clock each time costs much."""

CHEAP_IN_A_ROW = 4
"""After so many cheap items in a row, the next ones are timed in groups."""

MAX_GROUP, MAX_GROUP_S = 256, 0.01
"""How many items are timed in one group at most, and after how many seconds it ends before its next
item, so that items that turn slow are noticed."""


class BatchProcessor(ItemFunction):
    """Apply a function of one item, plain or `async`, to items, one after another.

    An exception becomes that item's failure and never stops the batch. A failed item is tried again
    up to `retries` times, if `retry_if` does not object, after growing, jittered waits. A batch
    that has taken longer than `budget_s` (seconds) ends after the item that runs, and its record
    lacks the items after it; with `stops_at_failure`, so does one in which an item has failed. A
    coroutine that the function returns is awaited. What a signal handler of the caller raises ends
    the batch, and so does a set-up of the function that fails: that raises `TaskUnusableError`.

    `shape` says how the function is called; where that is with the item's index, the items are
    pairs `(index, item)`, those of a `RowBlock` apart, which knows the indexes itself.

    With `encode`, the records hold what it makes of the results, and no exceptions: what is sent
    from one process to another is then nothing of the user's. It may raise `Unwritable`.

    Raises `TypeError` for a function that cannot be called, `ValueError` for `retries` below 0.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        shape: CallShape = PLAIN_CALL,
        retries: int = 0,
        retry_if: RetryIf | None = None,
        budget_s: float = math.inf,
        clock: Clock = SYSTEM_CLOCK,
        stop: StopRequest | None = None,
        stops_at_failure: bool = False,
        encode: Callable[[Any], Any] | None = None,
    ) -> None:
        if retries < 0:
            raise ValueError(f"retries must be at least 0, got {retries}")
        super().__init__(function, shape)
        self._retries = RetryLimits.of(retries)
        self.retry_if = retry_if
        self._describe = partial(
            describe_failure,
            keeps_exception=not encode,
            retry_if=retry_if,
            kept_field=getattr(encode, "kept_field", None),
        )
        self._budget_s = budget_s
        self._clock = clock
        self._stop = stop or StopRequest()
        self._stops_at_failure = stops_at_failure
        self._encode = encode
        self.handlers = SignalHandlers()
        """Those of the caller."""

    def with_budget(self, budget_s: float) -> BatchProcessor:
        """Return a processor of the same function with a budget of so many seconds a batch."""
        processor = copy(self)
        processor._budget_s = budget_s
        return processor

    def process_item(self, item: Any, *, index: int = 0) -> ItemRecord:
        """Return the record of `item`; `index` is its index in the input."""
        return next(self.process(Batch(0, index, (item,))).item_records())

    @accepts_monitor
    def process(
        self,
        batch: Batch | Iterable[Any],
        *,
        monitor: ItemMonitor | None = None,
        begun: Callable[[Sequence[Any]], None] | None = None,
    ) -> BatchRecord:
        """Return the record of `batch`, its items in their order.

        It ends early, between two items, when the budget is spent or the run is asked to stop.
        `monitor` is told of each item that begins. `begun` is called with the list that gets a
        result for each item that ends.
        """
        if not isinstance(batch, Batch):
            batch = Batch(0, 0, tuple(batch))
        start_s = self._clock.now()
        function, awaiter = ready(self.function)  # before any time counts as an item's
        if self.has_setup:
            self._seen.setup_s = max(self._seen.setup_s, self._clock.now() - start_s)
        builder = BatchRecordBuilder(batch, self._clock, with_index=self._is_paired)
        if begun is not None:
            begun(builder.results)
        token = current_attempt.set(batch.attempt)
        spending = current_spending.set(builder.spending)
        try:
            if self._clock.now() > batch.begin_by_s:
                pass  # it comes back as it is
            elif monitor is None:
                self._process_unmonitored(function, builder, awaiter)
            else:
                self._process_monitored(function, builder, awaiter, monitor)
        finally:
            current_spending.reset(spending)
            current_attempt.reset(token)
            awaiter.release()
        if forks.count != builder.forks:
            end_forked_child()
        return builder.take()

    def _process_unmonitored(
        self, plain: Function, builder: BatchRecordBuilder, awaiter: Awaiter
    ) -> None:
        """Run the items; where several in a row are cheap, run and time them in groups."""
        items, results, durations = builder.items, builder.results, builder.durations_s
        now, stop, end = self._clock.now, self._stop, len(items)
        calling = partial(called, plain, awaiter, self._encode, builder.block)
        function, looks = calling(is_async=self.is_async), self._looks
        offset = cheap = 0
        then_s = now()
        deadline_s = then_s + self._budget_s
        while offset < end and not stop.begins_none and not builder.ended:
            size = min(end - offset, MAX_GROUP) if cheap >= CHEAP_IN_A_ROW else 1
            try:
                if size == 1:
                    results.append(function(items[offset]))
                else:
                    until_s = min(deadline_s, then_s + MAX_GROUP_S)
                    in_time = takewhile(until_s.__ge__, iter(now, None))
                    for item, _ in zip(items[offset : offset + size], in_time, strict=False):
                        results.append(function(item))
            except BaseException as error:
                self._fail(builder, function, len(results), error)
            size = len(results) - offset
            now_s = now()
            if looks and holds_coroutine(results[offset:]):
                function, looks = calling(is_async=True), False
                self._await_from(offset, builder, awaiter, function)
                now_s = now()
            if size:
                item_s = (now_s - then_s) / size
                durations.extend([item_s] * size)
                cheap = cheap + size if item_s < GROUP_BELOW_S else 0
            else:  # this thread got no core before the time of the group was up
                cheap = 0
            offset += size
            then_s = now_s
            if now_s > deadline_s or forks.count != builder.forks:
                return

    def _process_monitored(
        self, plain: Function, builder: BatchRecordBuilder, awaiter: Awaiter, monitor: ItemMonitor
    ) -> None:
        """Run the items one by one, and call `monitor` before each.

        Between two items runs no Python code but this loop's, the rest is iterators written in C:
        with more in between, the function itself was measured to take up to a tenth longer.
        """
        items, results = builder.items, builder.results
        now, stop = self._clock.now, self._stop
        calling = partial(called, plain, awaiter, self._encode, builder.block)
        function, looks = calling(is_async=self.is_async), self._looks
        left, now_s = iter(items), now()
        deadline_s = now_s + self._budget_s
        try:
            while (
                len(results) < len(items)
                and now_s <= deadline_s
                and not (stop.begins_none or builder.ended)
            ):
                offset = len(results)
                until_s = min(monitor.heartbeat(offset, now_s, builder.take_finished), deadline_s)
                if until_s == BEGIN_NO_MORE:
                    return
                began_s, noted_s = tee(takewhile(until_s.__ge__, iter(now, None)))
                begin = monitor.begin(offset, noted_s), map(builder.began_s.append, began_s)
                some = islice(left, 1) if looks and not self._seen.results else left
                try:
                    for item, _, _ in zip(some, *begin, strict=False):
                        results.append(function(item))
                    left = iter(items[len(results) :])  # `zip` took one more than it gave
                except BaseException as error:
                    self._fail(builder, function, len(results), error)
                now_s = now()
                if forks.count != builder.forks:
                    return
                if looks:
                    self._seen.results = True
                    if holds_coroutine(results[offset:]):
                        function, looks = calling(is_async=True), False
                        self._await_from(offset, builder, awaiter, function)
                        now_s = now()
        finally:
            monitor.end()

    def _await_from(
        self,
        offset: int,
        builder: BatchRecordBuilder,
        awaiter: Awaiter,
        function: Function,
    ) -> None:
        """Put what coroutines give in their place, among the results from `offset` on."""
        self._seen.coroutines = True
        results = builder.results
        returned = results[offset:]
        del results[offset:]
        for value in returned:
            try:
                results.append(result_of(value, awaiter, self._encode))
            except BaseException as error:
                self._fail(builder, function, len(results), error)

    def _fail(
        self,
        builder: BatchRecordBuilder,
        function: Callable[[Any], Any],
        offset: int,
        error: BaseException,
    ) -> None:
        """Try the failed item at `offset` again while that is allowed, and add what came of it."""
        if forks.count != builder.forks:
            # Without a frame below, it is the monitor's error, and the function has returned.
            trace = error.__traceback__
            end_forked_child(error if trace and trace.tb_next else None)
        attempt, item = builder.batch.attempt, builder.items[offset]
        while True:
            if self.handlers.raised(error):
                raise error
            failure = self._describe(error)
            wait_s = self._retries.wait_s(failure, attempt)
            if wait_s is None or self._stop.requested:
                break
            close_answer(failure.exception)
            self._clock.sleep(wait_s)
            attempt += 1
            token = current_attempt.set(attempt)
            try:
                builder.succeed(offset, function(item), attempt)
                return
            except BaseException as next_error:
                error = next_error
            finally:
                current_attempt.reset(token)
        builder.fail(offset, failure, attempt)
        builder.ended = self._stops_at_failure or failure.is_for_all

    @guarding_items
    async def process_async(self, batch: Batch) -> BatchRecord:
        """Return the record of `batch`, each of its items run in a coroutine of its own.

        The monitor decides when each starts and how long it may take. Failed items are not tried
        again here: the caller does that.
        """
        from batchmap.worker.coroutine_batch import process_coroutines

        return await process_coroutines(
            await ready_in_loop(self.function), batch, self._clock, self._stop, self.handlers,
            self._encode, self._describe, stops_at_failure=self._stops_at_failure,
            with_index=self._is_paired,
        )  # fmt: skip
