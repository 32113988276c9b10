"""BatchProcessor: a batch to its record, whatever the function does to its items."""

from __future__ import annotations

import os
import random
import signal
import threading
import traceback
from array import array
from collections.abc import Callable, Iterable
from typing import Any

from utils.attempt import current_attempt
from utils.clock import SYSTEM_CLOCK, Clock
from utils.records import Batch, BatchRecord, ItemFailure, ItemRecord
from utils.stopping import StopRequest

__all__ = ["BatchProcessor", "back_off_s", "describe_failure"]

LONGEST_TEXT = 8192
"""Characters kept of an error's message, and of its traceback."""

FIRST_BACK_OFF_S = 0.05
LONGEST_BACK_OFF_S = 10.0


class BatchProcessor:
    """Apply a function of one item to items, one after another.

    An exception becomes that item's failure and never stops the batch. A failed item is tried
    again up to `retries` times, after growing, jittered waits.

    Raises `TypeError` for a function that cannot be called, `ValueError` for `retries` below 0.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        retries: int = 0,
        clock: Clock = SYSTEM_CLOCK,
        stop: StopRequest | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable, got {type(function).__name__}")
        if retries < 0:
            raise ValueError(f"retries must be at least 0, got {retries}")
        self._function = function
        self._retries = retries
        self._clock = clock
        self._stop = stop or StopRequest()

    def process_item(self, item: Any, *, index: int = 0) -> ItemRecord:
        """Return what became of `item`."""
        return next(self.process(Batch(0, index, (item,))).item_records())

    def process(self, batch: Batch | Iterable[Any]) -> BatchRecord:
        """Return what became of the items of `batch`, in their order.

        Stops short between two items when the run is told to end.
        """
        if not isinstance(batch, Batch):
            batch = Batch(0, 0, tuple(batch))
        function, now, stop = self._function, self._clock.now, self._stop
        results: list[Any] = []
        durations = array("d")
        failures: dict[int, ItemFailure] = {}
        attempts: dict[int, int] = {}
        cpu_at_start = self._clock.cpu()
        started_s = now()
        for place, item in enumerate(batch.items):
            if stop.requested:
                break
            before = now()
            try:
                results.append(function(item))
            except BaseException as error:
                if _is_real_interrupt(error):
                    raise
                result, failure, attempts[place] = self._retry(item, error)
                results.append(result)
                if failure is not None:
                    failures[place] = failure
            durations.append(now() - before)
        return BatchRecord(
            batch_index=batch.index,
            first_item=batch.first_item,
            results=results,
            durations_s=durations,
            failures=failures,
            attempts=attempts,
            worker=f"{os.getpid()}:{threading.get_ident()}",
            started_s=started_s,
            ended_s=now(),
            cpu_s=self._clock.cpu() - cpu_at_start,
        )

    def _retry(self, item: Any, error: BaseException) -> tuple[Any, ItemFailure | None, int]:
        """Return the result, the failure and the number of attempts after a first failed one."""
        attempt = 1
        while attempt <= self._retries and not self._stop.requested:
            self._clock.sleep(back_off_s(attempt))
            attempt += 1
            token = current_attempt.set(attempt)
            try:
                return self._function(item), None, attempt
            except BaseException as next_error:
                if _is_real_interrupt(next_error):
                    raise
                error = next_error
            finally:
                current_attempt.reset(token)
        return None, describe_failure(error), attempt


def back_off_s(retry: int, jitter: Callable[[], float] = random.random) -> float:
    """Return the wait in seconds before `retry` (from 1): doubling, half of it drawn by chance.

    The "equal jitter" of M. Brooker, "Exponential Backoff and Jitter" (2015).
    """
    longest = min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** min(retry - 1, 60))
    return longest * (0.5 + 0.5 * jitter())


def describe_failure(error: BaseException) -> ItemFailure:
    """Put an exception into words, cut to 8 KB each; never raises."""
    try:
        message = str(error)
    except BaseException:
        message = f"<{type(error).__name__} whose text cannot be had>"
    try:
        trace = "".join(traceback.format_tb(error.__traceback__, limit=-20))
    except BaseException:
        trace = ""
    return ItemFailure(type(error).__qualname__, message[:LONGEST_TEXT], trace[-LONGEST_TEXT:])


def _is_real_interrupt(error: BaseException) -> bool:
    """Tell a Ctrl-C in a script without handlers from a function that raises KeyboardInterrupt."""
    return (
        isinstance(error, KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
