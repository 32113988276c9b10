"""Items that a thread runs in a plain loop, which can be cut short at one that takes long."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from batchmap.clock import Clock
from batchmap.records import BatchRecord, ItemFailure, ItemRecord
from batchmap.tuning.long_item import LONG_S
from batchmap.tuning.thread_affinity import may_need_callers_thread
from batchmap.tuning.thread_meter import ThreadMeter
from batchmap.worker.call_context import copied_context
from batchmap.worker.coroutine_results import Awaiter, holds_coroutine
from batchmap.worker.failures import describe_failure
from batchmap.worker.forked_child import end_forked_child, forks
from batchmap.worker.interruption import SignalHandlers
from batchmap.worker.record_builder import worker_name

__all__ = ["Chunk", "ChunkThread"]


class Chunk:
    """Some items that a thread runs in a loop, which another thread can cut short."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        items: list[Any],
        first: int,
        clock: Clock,
        handlers: SignalHandlers,
        *,
        stop_at_failure: bool,
    ) -> None:
        self._function = function
        self._all = tuple(items)
        self._items = items
        self._first = first
        """Index of the first of them in the input."""
        self._clock = clock
        self._handlers = handlers
        self._stop_at_failure = stop_at_failure
        self._lock = threading.Lock()
        self._cut_at: int | None = None
        self._ended = False
        self._began_s = 0.0
        self.took_s = 0.0
        """How long the items took, in seconds."""
        self.fatal: BaseException | None = None
        """What ended the chunk and is no item's failure."""
        self.future: Future[BatchRecord] = Future()
        """Of the record of the item at which the chunk was cut."""
        self.done: list[Any] = []
        self.failures: dict[int, ItemFailure] = {}
        """By offset."""
        self.metered: Any = ()
        """The meter of the thread, and what it had used when the chunk began."""
        self.done_before_cut: list[Any] = []
        self.running_item: Any = None
        self.not_begun: Iterable[Any] = ()

    def run(self) -> None:
        """Run the items, in any thread; never raises there."""
        meter = ThreadMeter(self._clock)
        self.metered = meter, meter.read(is_new=not self._first)
        self._began_s = self._clock.now()
        function, add, left = self._function, self.done.append, iter(self._items)
        num_forks = forks.count
        while True:
            try:
                for item in left:
                    add(function(item))
                break
            except BaseException as error:
                if forks.count != num_forks:
                    end_forked_child(error)
                if self._fail(error):
                    break
        if forks.count != num_forks:
            end_forked_child()
        self.took_s = self._clock.now() - self._began_s
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

    def _fail(self, error: BaseException) -> bool:
        """Note the failure of the item that runs; tell whether the chunk ends with it."""
        if self._handlers.is_fatal(error):
            self.fatal = error
            return True
        self.failures[len(self.done)] = describe_failure(error)
        self.done.append(None)
        return self._stop_at_failure

    def cut(self) -> bool:
        """End the loop after the item that runs; tell whether it had not ended before."""
        with self._lock:
            self._items.clear()  # which ends the loop
            at = len(self.done)
            if self._ended or at == len(self._all):
                return False
            self._cut_at = at
            self.done_before_cut = self.done[:at]
            self.running_item, self.not_begun = self._all[at], self._all[at + 1 :]
            return True

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
                self.done[offset] = self._function(self._all[offset])
            except BaseException as error:
                if self._handlers.is_fatal(error):
                    raise
                self.failures[offset] = describe_failure(error)
                if not succeeded:
                    return False
            else:
                del self.failures[offset]
                succeeded = True
        return succeeded


class ChunkThread:
    """Runs chunks, one after another, in a thread that starts with the first of them."""

    def __init__(self) -> None:
        self._chunks: SimpleQueue[Chunk | None] = SimpleQueue()
        self._done: SimpleQueue[None] = SimpleQueue()
        self._is_started = False

    def run(self, chunk: Chunk) -> bool:
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
