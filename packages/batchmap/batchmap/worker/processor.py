"""BatchProcessor: a batch to its record, whatever the function does to its items."""

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
from batchmap.worker.failures import describe_failure, is_fatal
from batchmap.worker.monitor import ItemMonitor, current_coroutine_monitor, current_monitor
from batchmap.worker.record_builder import BatchRecordBuilder, worker_name
from batchmap.worker.retry import back_off_s, current_attempt

__all__ = ["BatchProcessor", "is_async"]

CHEAP_S = 10e-6
"""Items that cost less are timed many together: reading the clock would cost too much."""

CHEAP_IN_A_ROW = 4
"""So many cheap items in a row are taken as a sign that more follow."""

MOST_TOGETHER = 256
"""How many items are timed together at most, so that a change of pace is noticed."""

TOGETHER_S = 0.01
"""How long items that are timed together may take before the next one waits for a look around."""


class BatchProcessor:
    """Apply a function of one item, plain or `async`, to items, one after another.

    An exception becomes that item's failure and never stops the batch. A failed item is tried
    again up to `retries` times, after growing, jittered waits. A batch that has taken longer than
    `budget_s` (seconds) is cut short after the item that runs.

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
        """Return the same processor with a budget of so many seconds a batch."""
        return BatchProcessor(
            self._function,
            retries=self._retries,
            budget_s=budget_s,
            clock=self._clock,
            stop=self._stop,
        )

    def process_item(self, item: Any, *, index: int = 0) -> ItemRecord:
        """Return what became of `item`."""
        return next(self.process(Batch(0, index, (item,))).item_records())

    def process(self, batch: Batch | Iterable[Any]) -> BatchRecord:
        """Return what became of the items of `batch`, in their order.

        Stops short between two items when the budget is spent or the run is told to end.
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
        return builder.take()

    def _process_unmonitored(
        self, builder: BatchRecordBuilder, function: Callable[[Any], Any]
    ) -> None:
        """Go through the items; where several in a row are cheap, take and time many at once."""
        items, results, durations = builder.batch.items, builder.results, builder.durations_s
        now, stop, end = self._clock.now, self._stop, len(items)
        place = cheap = 0
        then_s = now()
        deadline_s = then_s + self._budget_s
        while place < end and not stop.requested:
            some = 1
            if cheap >= CHEAP_IN_A_ROW:
                some = min(end - place, MOST_TOGETHER)
            try:
                if some == 1:
                    results.append(function(items[place]))
                else:
                    until_s = min(deadline_s, then_s + TOGETHER_S)
                    in_time = takewhile(until_s.__ge__, iter(now, None))
                    for item, _ in zip(items[place : place + some], in_time, strict=False):
                        results.append(function(item))
            except BaseException as error:
                self._fail(builder, function, len(results), error)
            some = len(results) - place
            now_s = now()
            if some:
                item_s = (now_s - then_s) / some
                durations.extend([item_s] * some)
                cheap = cheap + some if item_s < CHEAP_S else 0
            else:  # this thread did not get its turn before the time was up
                cheap = 0
            place += some
            then_s = now_s
            if now_s > deadline_s:
                return

    def _process_monitored(
        self, builder: BatchRecordBuilder, function: Callable[[Any], Any], monitor: ItemMonitor
    ) -> None:
        """Go through the items one by one, telling `monitor` of each before it runs.

        Between two items no Python code runs but this loop's. Where more does, the function itself
        was measured to take up to a tenth longer, perhaps for the prediction of its branches.
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
                place = len(results)
                until_s = min(monitor.heartbeat(place, now_s, builder.take_finished), deadline_s)
                began_s, noted_s = tee(takewhile(until_s.__ge__, iter(now, None)))
                begin = monitor.begin(place, noted_s), map(builder.began_s.append, began_s)
                try:
                    for item, _, _ in zip(left, *begin, strict=False):
                        results.append(function(item))
                    left = iter(items[len(results) :])  # one more was taken than given
                except BaseException as error:
                    self._fail(builder, function, len(results), error)
                now_s = now()
        finally:
            monitor.end()

    def _fail(
        self,
        builder: BatchRecordBuilder,
        function: Callable[[Any], Any],
        place: int,
        error: BaseException,
    ) -> None:
        """Put down the result of the item at `place` after a first failed attempt."""
        attempt = builder.batch.attempt
        item = builder.batch.items[place]
        while attempt <= self._retries and not self._stop.requested:
            if is_fatal(error):
                raise error
            self._clock.sleep(back_off_s(attempt))
            attempt += 1
            token = current_attempt.set(attempt)
            try:
                builder.succeed(place, function(item), attempt)
                return
            except BaseException as next_error:
                error = next_error
            finally:
                current_attempt.reset(token)
        if is_fatal(error):
            raise error
        builder.fail(place, describe_failure(error), attempt)

    async def process_async(self, batch: Batch) -> BatchRecord:
        """Return what became of the items of `batch`, each in a coroutine of its own.

        Starting and time limits are the watch's to decide. Retries are the caller's.
        """
        from asyncio import current_task, gather

        monitor = current_coroutine_monitor.get()
        now = self._clock.now
        number = len(batch.items)
        results: list[Any] = [None] * number
        durations = array("d", bytes(8 * number))
        failures: dict[int, ItemFailure] = {}
        current_attempt.set(batch.attempt)
        started_s = now()

        async def run(place: int, item: Any) -> None:
            begun_s = now()

            def start() -> Any:
                nonlocal begun_s
                begun_s = now()
                return self._function(item)

            try:
                results[place] = await (start() if monitor is None else monitor.guard(start))
            except BaseException as error:
                task = current_task()
                if (task is not None and task.cancelling()) or is_fatal(error):
                    raise
                failures[place] = describe_failure(error)
            durations[place] = now() - begun_s

        if number == 1:
            await run(0, batch.items[0])
        else:
            await gather(*(run(place, item) for place, item in enumerate(batch.items)))
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
    """Tell whether calling `function` gives a coroutine."""
    by_class = getattr(type(function), "__call__", None)  # noqa: B004  # looked at, not called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(by_class)
