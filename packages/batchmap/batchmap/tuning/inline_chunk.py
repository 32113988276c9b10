"""Items that a thread runs in a plain loop, which can be cut short at one that takes long."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any

from batchmap.clock import Clock
from batchmap.records import BatchRecord, ItemFailure, ItemRecord
from batchmap.tuning.long_item import LONG_S
from batchmap.tuning.thread_affinity import may_need_callers_thread
from batchmap.tuning.thread_meter import ThreadMeter
from batchmap.worker.coroutine_results import Awaiter, holds_coroutine, never_returns_coroutines
from batchmap.worker.failures import describe_failure
from batchmap.worker.forked_child import end_forked_child, forks
from batchmap.worker.interruption import SignalHandlers
from batchmap.worker.record_builder import worker_name

__all__ = ["Chunk", "Pace"]

MEASURE_FROM_S = 10e-6
"""The loop ends at the first item, or run of items, whose mean time is longer than this, in
seconds: the engine then measures whether workers pay."""

NEVER_WORTH_IT_S = 2e-7
"""What pickling the smallest item and its result costs, in seconds. Items that take less stay in
the loop."""

UNDECIDED_S = 0.02
"""How long the loop may take, in seconds, when an item takes between `NEVER_WORTH_IT_S` and
`MEASURE_FROM_S`; after that, the engine takes over."""

SLICE_S = 0.002
MAX_SLICE = 4096
"""How long the loop runs, in seconds, and over how many items, before the clock is read."""

GROWTH = 8
"""How many times as many items the loop runs the next time."""


class Pace:
    """How many items the loop runs before the clock is read, and when it should end."""

    def __init__(self, clock: Clock) -> None:
        self.size = 1
        self._clock = clock
        self._started_s = clock.now()

    def may_pay(self, number: int, took_s: float) -> bool:
        """Take in how long so many items took; tell whether workers might pay."""
        item_s = took_s / max(1, number)
        self.size = max(1, min(GROWTH * self.size, MAX_SLICE, int(SLICE_S / max(item_s, 1e-9))))
        if item_s > MEASURE_FROM_S:
            return True
        return item_s > NEVER_WORTH_IT_S and self._clock.now() - self._started_s > UNDECIDED_S


class Chunk:
    """Items that a thread runs in a loop, which another thread can cut short.

    `items` are the next ones. Where they are part of a sequence, `whole`, the chunk goes on with
    the items after them by itself, until workers might pay. `watcher` is the meter of the thread
    that looks on.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        items: list[Any],
        *,
        whole: Sequence[Any] | None,
        first: int,
        pace: Pace,
        clock: Clock,
        watcher: ThreadMeter,
        handlers: SignalHandlers,
        stop_at_failure: bool,
        in_calling_thread: bool,
    ) -> None:
        self._function = function
        self._items = items
        self._all = tuple(items) if whole is None else whole
        self._goes_on = whole is not None
        self._first = first
        """Index of the first of them in the input."""
        self._offset = 0 if whole is None else first
        """Index of the first of them in `_all`."""
        self._pace = pace
        self._clock = clock
        self._watcher = watcher
        self._handlers = handlers
        self._looks = not never_returns_coroutines(function)
        self._stop_at_failure = stop_at_failure
        self._in_calling_thread = in_calling_thread
        self._lock = threading.Lock()
        self._cut_at: int | None = None
        """Offset of the item whose record goes to `future`."""
        self._ended = False
        self._began_s = math.inf  # the thread may get no core for a while
        self.may_pay = False
        """Whether workers might pay, by the last items."""
        self.fatal: BaseException | None = None
        """What ended the chunk and is no item's failure."""
        self.future: Future[BatchRecord] = Future()
        """Of the record of the item at which the chunk was cut: one that takes long, or one that
        the engine is to try again."""
        self.done: list[Any] = []
        self.failures: dict[int, ItemFailure] = {}
        """By offset."""
        self.has_coroutines = False
        """Whether coroutines are among the results."""
        self.metered: Any = ()
        """The meter of the thread, and what it had used when the chunk began."""
        self.done_before_cut: list[Any] = []
        self.running_item: Any = None
        self.not_begun: Iterable[Any] = ()

    @property
    def is_cut(self) -> bool:
        """Tell whether the chunk was cut, so that items from there on are not its own."""
        return self._cut_at is not None

    @property
    def is_last(self) -> bool:
        """Tell whether no chunk can follow: it has run to the end of its sequence."""
        return self._goes_on and self._offset + len(self.done) == len(self._all)

    def run(self) -> None:
        """Run the items, in any thread; never raises there."""
        meter = ThreadMeter(self._clock, self._watcher)
        self.metered = meter, meter.read(is_new=not self._first)
        num_forks = forks.count
        goes_on = True
        while goes_on:
            start = len(self.done)
            self._began_s = self._clock.now()
            goes_on = self._run_items(num_forks)
            took_s = self._clock.now() - self._began_s
            self.may_pay = self._pace.may_pay(len(self.done) - start, took_s)
            if self._looks:
                self.has_coroutines = holds_coroutine(self.done[start:])
            goes_on = goes_on and self._take_more()
        with self._lock:
            self._ended = True
            if self._cut_at is None:
                return
        try:
            record = self._record(self._cut_at)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(record)

    def _run_items(self, num_forks: int) -> bool:
        """Run the items that are taken; tell whether others may follow."""
        function, add, left = self._function, self.done.append, iter(self._items)
        while True:
            try:
                for item in left:
                    add(function(item))
            except BaseException as error:
                if forks.count != num_forks:
                    end_forked_child(error)
                if self._fail(error):
                    return False
            else:
                if forks.count != num_forks:
                    end_forked_child()
                return True

    def _take_more(self) -> bool:
        """Take the next items of the sequence; tell whether there are any to run."""
        if not self._goes_on or self.failures or self.has_coroutines:
            return False
        if self.may_pay and not self._in_calling_thread:
            return False
        position = self._offset + len(self.done)
        items = list(self._all[position : position + self._pace.size])
        with self._lock:
            if self._cut_at is None:
                self._items = items
        return bool(items) and self._cut_at is None

    def _fail(self, error: BaseException) -> bool:
        """Note the failure of the item that runs; tell whether the chunk ends with it."""
        if self._handlers.raised(error):
            self.fatal = error
            return True
        failure = describe_failure(error)
        with self._lock:
            self.failures[len(self.done)] = failure
            self.done.append(None)
            if failure.is_requested and not self.is_cut:
                self._cut_after(len(self.done) - 1)
        return self._stop_at_failure

    def cut(self) -> bool:
        """End the loop after the item that runs, if it takes long; tell whether it did that."""
        with self._lock:
            at = len(self.done)
            position = self._offset + at
            is_long = self._clock.now() - self._began_s >= LONG_S
            if self._ended or self.is_cut or not is_long or position >= len(self._all):
                return False
            self._cut_after(at)
            return True

    def _cut_after(self, at: int) -> None:
        """End the loop with the item at offset `at`, which runs; the lock is held."""
        position = self._offset + at
        self._items.clear()  # which ends the loop
        self._cut_at = at
        self.done_before_cut = self.done[:at]
        self.running_item = self._all[position]
        self.not_begun = islice(self._all, position + 1, None)

    def give_up(self) -> None:
        """End the loop after the item that runs, whose result nobody waits for."""
        with self._lock:
            self._goes_on = False
            self._items.clear()

    def _record(self, offset: int) -> BatchRecord:
        """Return the record of the item at which the chunk was cut."""
        if len(self.done) == offset and self.fatal is None:  # it was cut between two items
            try:
                self.done.append(self._function(self.running_item))
            except BaseException as error:
                self._fail(error)
        if self.fatal is not None:
            raise self.fatal
        if holds_coroutine(self.done[offset:]):
            self._await_at(offset)
        now_s = self._clock.now()
        failures = {0: self.failures[offset]} if offset in self.failures else {}
        return BatchRecord(
            batch_index=0,
            first_item=self._first + offset,
            results=[self.done[offset]],
            durations_s=array("d", [now_s - self._began_s]),
            failures=failures,
            attempts={},
            worker=worker_name(),
            started_s=self._began_s,
            ended_s=now_s,
            cpu_s=0.0,
        )

    def _await_at(self, offset: int) -> None:
        awaiter = Awaiter()
        value = self.done.pop()
        try:
            self.done.append(awaiter.result(value))
        except BaseException as error:
            self._fail(error)
        finally:
            awaiter.release()

    def begun(self, number: int) -> Sequence[Any]:
        """Return the first so many of the items."""
        return self._all[self._offset : self._offset + number]

    def failed_records(self, end: int) -> list[ItemRecord]:
        """Return the records of the failed items before offset `end`."""
        return [
            ItemRecord(self._first + offset, None, failure, 1, 0.0)
            for offset, failure in sorted(self.failures.items())
            if offset < end
        ]

    def run_again_here(self) -> bool | None:
        """Run the items again that may need the calling thread, in it; tell whether they do.

        `None` when there is none of them.
        """
        succeeded = None
        for offset, failure in list(self.failures.items()):
            if not may_need_callers_thread(failure):
                continue
            try:
                self.done[offset] = self._function(self._all[self._offset + offset])
            except BaseException as error:
                if self._handlers.raised(error):
                    raise
                self.failures[offset] = describe_failure(error)
                if not succeeded:
                    return False
            else:
                del self.failures[offset]
                succeeded = True
        return succeeded
