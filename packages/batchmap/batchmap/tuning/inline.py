"""Runs the first items inline, for as long as nothing else could be faster.

Inline means in a plain loop, in one thread and without the engine. The calling thread takes the
items and looks on, so that what the source raises, and what interrupts the caller, is never taken
for a failure of the function; and an item that takes long is handed on to the engine while it runs.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import chain, islice
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import Batch, BatchRecord, ItemFailure, ItemRecord
from batchmap.tuning.long_item import LONG_S
from batchmap.tuning.thread_affinity import may_need_callers_thread
from batchmap.tuning.thread_meter import RunningBatch, ThreadMeter
from batchmap.worker.call_context import copied_context
from batchmap.worker.failures import describe_failure, is_fatal
from batchmap.worker.record_builder import worker_name

__all__ = ["InlineEnd", "StartedBatch", "run_inline"]

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
MAX_SLICE = 16384
"""How long the loop runs, in seconds, and over how many items, before the clock is read."""


class StartedBatch(NamedTuple):
    """A batch of one item that runs already, and is to be taken over."""

    batch: Batch
    future: Future[BatchRecord]
    running: RunningBatch


class InlineEnd(NamedTuple):
    """What is left when the loop ends."""

    rest: Iterable[Any] | None
    """The items that have not begun, `None` when there are none and none runs."""
    failed: list[ItemRecord]
    """The records of the items that failed."""
    started: StartedBatch | None = None
    """The item that runs, the first one before `rest`."""


def run_inline(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    results: list[Any],
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> InlineEnd:
    """Append to `results` what `function` returns for each of `items`, `None` where it fails.

    Stops early when one item, or all together, take so long that workers might pay. Raises what
    iterating `items` raises, once the items before that are done.
    """
    thread = _LoopThread()
    try:
        return _run_in(thread, function, items, results, clock)
    finally:
        thread.end()


def _run_in(
    thread: _LoopThread,
    function: Callable[[Any], Any],
    items: Iterable[Any],
    results: list[Any],
    clock: Clock,
) -> InlineEnd:
    # These can be sliced, which takes no time an item.
    whole: Any = items if type(items) in (list, tuple, range) else None
    left = iter(items)
    failed: list[ItemRecord] = []
    in_calling_thread: bool | None = None
    size = 1
    started_s = clock.now()
    while True:
        chunk: list[Any] = []
        first, source_error = len(results), None
        try:
            chunk.extend(whole[first : first + size] if whole is not None else islice(left, size))
        except Exception as error:  # what came before it is in the chunk
            source_error = error
        number = len(chunk)
        if not number and source_error is None:
            return InlineEnd(None, failed)
        call = _Chunk(function, chunk, first, clock)
        if in_calling_thread:
            call.run()
        else:
            if not thread.run(call):
                rest = _rest(whole, left, first + len(call.done_before_cut) + 1, call.not_begun)
                if source_error is not None:
                    rest = chain(call.not_begun, _raising(source_error))
                results += call.done_before_cut
                failed += call.failed_records(len(call.done_before_cut))
                batch = Batch(0, len(results), (call.running_item,))
                running = RunningBatch(*call.metered)
                return InlineEnd(rest, failed, StartedBatch(batch, call.future, running))
            if call.failures and in_calling_thread is not False:
                in_calling_thread = call.run_again_here(chunk)
        results += call.done
        failed += call.failed_records(number)
        if source_error is not None:
            raise source_error
        if number < size or (whole is not None and len(results) == len(whole)):
            return InlineEnd(None, failed)
        item_s = call.took_s / size
        too_long = clock.now() - started_s > UNDECIDED_S and item_s > NEVER_WORTH_IT_S
        if (item_s > MEASURE_FROM_S or too_long) and not in_calling_thread:
            return InlineEnd(_rest(whole, left, len(results), ()), failed)
        size = max(1, min(2 * size, MAX_SLICE, int(SLICE_S / max(item_s, 1e-9))))


class _LoopThread:
    """Runs chunks, one after another, in a thread that starts with the first of them."""

    def __init__(self) -> None:
        self._chunks: SimpleQueue[_Chunk | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._is_started = False

    def run(self, chunk: _Chunk) -> bool:
        """Run a chunk to its end, or cut it short when it takes long; tell whether it ended."""
        self._chunks.put(chunk)
        try:
            if not self._is_started:
                self._is_started = True
                context = copied_context()
                threading.Thread(
                    target=context.run, args=(self._work,), name="worker", daemon=True
                ).start()
            while True:
                try:
                    self._done.get(timeout=LONG_S)
                    return True
                except Empty:
                    if chunk.cut():
                        return False
        except BaseException:
            chunk.cut()
            raise

    def end(self) -> None:
        """Have the thread end when it has nothing more to do."""
        self._chunks.put(None)

    def _work(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            chunk.run()
            self._done.put(None)


def _rest(whole: Any, left: Iterator[Any], done: int, not_begun: Iterable[Any]) -> Iterable[Any]:
    return chain(not_begun, left) if whole is None else islice(whole, done, None)


def _raising(error: BaseException) -> Iterator[Any]:
    yield from ()
    raise error


class _Chunk:
    """Some items that a thread runs in a loop, which another thread can cut short."""

    def __init__(
        self, function: Callable[[Any], Any], items: list[Any], first: int, clock: Clock
    ) -> None:
        self._function = function
        self._items = items
        self._first = first
        """Index of the first of them in the input."""
        self._clock = clock
        self._lock = threading.Lock()
        self._cut_at: int | None = None
        self._ended = False
        self._began_s = 0.0
        self.took_s = 0.0
        """How long the items took, in seconds."""
        self.future: Future[BatchRecord] = Future()
        """Of the record of the item at which the chunk was cut."""
        self.done: list[Any] = []
        self.failures: dict[int, ItemFailure] = {}
        """By offset."""
        self.metered: Any = ()
        """The meter of the thread, and what it had used when the chunk began."""
        self.done_before_cut: list[Any] = []
        self.running_item: Any = None
        self.not_begun: list[Any] = []

    def run(self) -> None:
        """Run the items; never raises in a thread other than the calling one."""
        meter = ThreadMeter(self._clock)
        self.metered = meter, meter.read(is_new=not self._first)
        self._began_s = self._clock.now()
        function, add, left = self._function, self.done.append, iter(self._items)
        while True:
            try:
                for item in left:
                    add(function(item))
                break
            except BaseException as error:
                self._fail(error)
        self.took_s = self._clock.now() - self._began_s
        with self._lock:
            self._ended = True
            if self._cut_at is None:
                return
        self.future.set_result(self._record(self._cut_at))

    def _fail(self, error: BaseException) -> None:
        if is_fatal(error):
            raise error
        self.failures[len(self.done)] = describe_failure(error)
        self.done.append(None)

    def cut(self) -> bool:
        """End the loop after the item that runs; tell whether it had not ended before."""
        with self._lock:
            items = self._items[:]
            self._items.clear()  # which ends the loop
            at = len(self.done)
            if self._ended or at == len(items):
                return False
            self._cut_at = at
            self.done_before_cut = self.done[:at]
            self.running_item, self.not_begun = items[at], items[at + 1 :]
            return True

    def _record(self, offset: int) -> BatchRecord:
        """Return the record of the item at which the chunk was cut."""
        if len(self.done) == offset:  # it was cut between two items
            try:
                self.done.append(self._function(self.running_item))
            except BaseException as error:
                self._fail(error)
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

    def failed_records(self, end: int) -> list[ItemRecord]:
        """Return the records of the failed items before offset `end`."""
        return [
            ItemRecord(self._first + offset, None, failure, 1, 0.0)
            for offset, failure in sorted(self.failures.items())
            if offset < end
        ]

    def run_again_here(self, items: list[Any]) -> bool | None:
        """Run the items again that may need the calling thread, in it; tell whether they do.

        `None` when there is none of them.
        """
        succeeded = None
        for offset, failure in list(self.failures.items()):
            if not may_need_callers_thread(failure):
                continue
            try:
                self.done[offset] = self._function(items[offset])
            except BaseException as error:
                if is_fatal(error):
                    raise
                self.failures[offset] = describe_failure(error)
                if not succeeded:
                    return False
            else:
                del self.failures[offset]
                succeeded = True
        return succeeded
