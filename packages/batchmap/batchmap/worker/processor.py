"""Runs a function over the items of a batch, and records what came of each, whatever it raises."""

from __future__ import annotations

import inspect
import math
from array import array
from collections.abc import Callable, Iterable
from itertools import takewhile, tee
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import Batch, BatchRecord, ItemFailure, ItemRecord
from batchmap.stopping import StopRequest
from batchmap.worker.back_off import back_off_s, current_attempt
from batchmap.worker.failures import describe_failure, is_fatal
from batchmap.worker.forked_child import end_forked_child, forks
from batchmap.worker.monitor import ItemMonitor, current_coroutine_monitor, current_monitor
from batchmap.worker.record_builder import BatchRecordBuilder, worker_name

__all__ = ["BatchProcessor", "is_async"]

GROUP_BELOW_S = 10e-6
"""Items that take less, in seconds, are timed in groups: reading the clock for each would cost too
much."""

CHEAP_IN_A_ROW = 4
"""After so many cheap items in a row, the next ones are timed in groups."""

MAX_GROUP = 256
"""How many items are timed in one group at most."""

MAX_GROUP_S = 0.01
"""After so long a group ends before its next item, so that items that turn slow are noticed."""


class BatchProcessor:
    """Apply a function of one item, plain or `async`, to items, one after another.

    An exception becomes that item's failure and never stops the batch. A failed item is tried
    again up to `retries` times, after growing, jittered waits. A batch that has taken longer than
    `budget_s` (seconds) ends after the item that runs, and its record lacks the items after it.

    Raises `TypeError` for a function that cannot be called, `ValueError` for `retries` below 0.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        retries: int = 0,
        budget_s: float = math.inf,
        clock: Clock = SYSTEM_CLOCK,
        stop: StopRequest | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable, got {type(function).__name__}")
        if retries < 0:
            raise ValueError(f"retries must be at least 0, got {retries}")
        self._function = function
        self._retries = retries
        self._budget_s = budget_s
        self._clock = clock
        self._stop = stop or StopRequest()
        self.is_async = is_async(function)
        """Whether the function is a coroutine function."""

    def with_budget(self, budget_s: float) -> BatchProcessor:
        """Return a processor of the same function with a budget of so many seconds a batch."""
        return BatchProcessor(
            self._function,
            retries=self._retries,
            budget_s=budget_s,
            clock=self._clock,
            stop=self._stop,
        )

    def process_item(self, item: Any, *, index: int = 0) -> ItemRecord:
        """Return the record of `item`; `index` is its index in the input."""
        return next(self.process(Batch(0, index, (item,))).item_records())

    def process(self, batch: Batch | Iterable[Any]) -> BatchRecord:
        """Return the record of `batch`, its items in their order.

        It ends early, between two items, when the budget is spent or the run is asked to stop.
        """
        if not isinstance(batch, Batch):
            batch = Batch(0, 0, tuple(batch))
        if not self.is_async:
            return self._process(batch, self._function)
        from batchmap.worker.event_loop import lease_loop

        lease = lease_loop()
        try:
            return self._process(
                batch, lambda item: lease.loop.run_until_complete(self._function(item))
            )
        finally:
            lease.release()

    def _process(self, batch: Batch, function: Callable[[Any], Any]) -> BatchRecord:
        builder = BatchRecordBuilder(batch, self._clock)
        monitor = current_monitor.get()
        token = current_attempt.set(batch.attempt)
        try:
            if monitor is None:
                self._process_unmonitored(builder, function)
            else:
                self._process_monitored(builder, function, monitor)
        finally:
            current_attempt.reset(token)
        if forks.count != builder.forks:
            end_forked_child()
        return builder.take()

    def _process_unmonitored(
        self, builder: BatchRecordBuilder, function: Callable[[Any], Any]
    ) -> None:
        """Run the items; where several in a row are cheap, run and time them in groups."""
        items, results, durations = builder.batch.items, builder.results, builder.durations_s
        now, stop, end = self._clock.now, self._stop, len(items)
        offset = cheap = 0
        then_s = now()
        deadline_s = then_s + self._budget_s
        while offset < end and not stop.requested:
            size = 1
            if cheap >= CHEAP_IN_A_ROW:
                size = min(end - offset, MAX_GROUP)
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
        self, builder: BatchRecordBuilder, function: Callable[[Any], Any], monitor: ItemMonitor
    ) -> None:
        """Run the items one by one, and call `monitor` before each.

        Between two items no Python code runs but this loop's; the rest is iterators written in C.
        With Python code in between, the function itself was measured to take up to a tenth longer,
        perhaps because the CPU predicts its branches less well.
        """
        items, results, now, stop = (
            builder.batch.items,
            builder.results,
            self._clock.now,
            self._stop,
        )
        left = iter(items)
        now_s = now()
        deadline_s = now_s + self._budget_s
        try:
            while len(results) < len(items) and now_s <= deadline_s and not stop.urgency:
                offset = len(results)
                until_s = min(monitor.heartbeat(offset, now_s, builder.take_finished), deadline_s)
                began_s, noted_s = tee(takewhile(until_s.__ge__, iter(now, None)))
                begin = monitor.begin(offset, noted_s), map(builder.began_s.append, began_s)
                try:
                    for item, _, _ in zip(left, *begin, strict=False):
                        results.append(function(item))
                    left = iter(items[len(results) :])  # `zip` took one more than it gave
                except BaseException as error:
                    self._fail(builder, function, len(results), error)
                now_s = now()
        finally:
            monitor.end()

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
        attempt = builder.batch.attempt
        item = builder.batch.items[offset]
        while attempt <= self._retries and not self._stop.requested:
            if is_fatal(error):
                raise error
            self._clock.sleep(back_off_s(attempt))
            attempt += 1
            token = current_attempt.set(attempt)
            try:
                builder.succeed(offset, function(item), attempt)
                return
            except BaseException as next_error:
                error = next_error
            finally:
                current_attempt.reset(token)
        if is_fatal(error):
            raise error
        builder.fail(offset, describe_failure(error), attempt)

    async def process_async(self, batch: Batch) -> BatchRecord:
        """Return the record of `batch`, each of its items run in a coroutine of its own.

        The monitor decides when each starts and how long it may take. Failed items are not tried
        again here: the caller does that.
        """
        from asyncio import current_task, gather

        monitor = current_coroutine_monitor.get()
        now = self._clock.now
        number = len(batch.items)
        num_forks = forks.count
        results: list[Any] = [None] * number
        durations = array("d", bytes(8 * number))
        failures: dict[int, ItemFailure] = {}
        current_attempt.set(batch.attempt)
        started_s = now()

        async def run(offset: int, item: Any) -> None:
            begun_s = now()

            async def start() -> Any:
                nonlocal begun_s
                begun_s = now()
                try:
                    result = await self._function(item)
                except BaseException as error:
                    if forks.count != num_forks:
                        end_forked_child(error)
                    raise
                if forks.count != num_forks:
                    end_forked_child()
                return result

            try:
                results[offset] = await (start() if monitor is None else monitor.guard(start))
            except BaseException as error:
                task = current_task()
                if (task is not None and task.cancelling()) or is_fatal(error):
                    raise
                failures[offset] = describe_failure(error)
            durations[offset] = now() - begun_s

        if number == 1:
            await run(0, batch.items[0])
        else:
            await gather(*(run(offset, item) for offset, item in enumerate(batch.items)))
        durations[0] += batch.spent_s
        return BatchRecord(
            batch_index=batch.index,
            first_item=batch.first_item,
            results=results,
            durations_s=durations,
            failures=failures,
            attempts=dict.fromkeys(range(number), batch.attempt) if batch.attempt > 1 else {},
            worker=worker_name(),
            started_s=started_s,
            ended_s=now(),
            cpu_s=0.0,
        )


def is_async(function: Callable[[Any], Any]) -> bool:
    """Tell whether `function` is a coroutine function, or an object whose call is one."""
    by_class = getattr(type(function), "__call__", None)  # noqa: B004  # looked at, not called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(by_class)
