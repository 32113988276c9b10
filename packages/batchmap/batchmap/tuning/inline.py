"""Runs the first items inline, for as long as nothing else could be faster.

Inline means in a plain loop, in one thread and without the engine. The calling thread takes the
items and looks on, so that what the source raises, and what interrupts the caller, is never taken
for a failure of the function; and an item that takes long is handed on to the engine while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import chain, islice
from typing import Any, NamedTuple

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import Batch, BatchRecord, ItemRecord
from batchmap.tuning.inline_chunk import Chunk, Pace
from batchmap.tuning.inline_thread import ChunkThread
from batchmap.tuning.thread_meter import RunningBatch, ThreadMeter
from batchmap.worker.coroutine_results import holds_coroutine
from batchmap.worker.interruption import SignalHandlers

__all__ = ["InlineEnd", "StartedBatch", "run_inline"]


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
    has_coroutines: bool = False
    """Whether there are coroutines, to be awaited, among the results."""
    last_items: Sequence[Any] = ()
    """Then, the items of the last of the results."""


def run_inline(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    results: list[Any],
    *,
    handlers: SignalHandlers,
    stop_at_failure: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> InlineEnd:
    """Append to `results` what `function` returns for each of `items`, `None` where it fails.

    Stops early when one item, or all together, take so long that workers might pay, when an item
    has failed and `stop_at_failure` is set, and where coroutines were returned. Raises what
    iterating `items` raises, once the items before that are done, and what one of the caller's
    signal `handlers` raises.
    """
    thread = ChunkThread()
    try:
        return _Inline(function, handlers, clock, stop_at_failure).run(thread, items, results)
    finally:
        thread.end()


class _Inline:
    """One such loop."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        handlers: SignalHandlers,
        clock: Clock,
        stop_at_failure: bool,
    ) -> None:
        self._function = function
        self._handlers = handlers
        self._clock = clock
        self._stop_at_failure = stop_at_failure
        self._needs_caller: bool | None = None
        """Whether the function works in the calling thread alone; `None` while that is open."""
        self._failed: list[ItemRecord] = []

    def run(self, thread: ChunkThread, items: Iterable[Any], results: list[Any]) -> InlineEnd:
        """Run the items, as `run_inline` does."""
        # These can be sliced, which takes no time an item. A subclass may iterate in its own way.
        whole: Any = items if type(items) in (list, tuple, range) else None
        left = iter(items)
        pace, watcher = Pace(self._clock), ThreadMeter(self._clock)
        while True:
            first, source_error = len(results), None
            taken: list[Any] = []
            try:
                size = pace.size
                some = whole[first : first + size] if whole is not None else islice(left, size)
                taken.extend(some)
            except Exception as error:  # what came before it has been taken
                source_error = error
            if not taken and source_error is None:
                return InlineEnd(None, self._failed)
            # Nothing can run beside an only item.
            in_calling_thread = bool(self._needs_caller) or (whole is not None and len(whole) == 1)
            if not in_calling_thread and not thread.start():
                in_calling_thread = self._needs_caller = True
            chunk = Chunk(
                self._function,
                taken,
                whole=whole,
                first=first,
                pace=pace,
                clock=self._clock,
                watcher=watcher,
                handlers=self._handlers,
                stop_at_failure=self._stop_at_failure,
                in_calling_thread=in_calling_thread,
            )
            if in_calling_thread:
                chunk.run()
            else:
                thread.run(chunk)
            if chunk.is_cut:
                after = chunk.not_begun
                if source_error is not None:
                    after = _then_raise(after, source_error)
                elif whole is None:
                    after = chain(after, left)
                return self._cut(chunk, results, after)
            if chunk.fatal is not None:
                raise chunk.fatal
            if chunk.failures and not in_calling_thread and self._needs_caller is not False:
                self._needs_caller = chunk.run_again_here()
            results += chunk.done
            self._failed += chunk.failed_records(len(chunk.done))
            if source_error is not None:
                raise source_error
            if self._failed and self._stop_at_failure:
                return InlineEnd(None, self._failed)
            rest = left if whole is None else islice(whole, len(results), None)
            if chunk.has_coroutines:
                items = chunk.begun(len(chunk.done))
                return InlineEnd(rest, self._failed, has_coroutines=True, last_items=items)
            if chunk.may_pay and not self._needs_caller:
                is_all = whole is not None and len(results) == len(whole)
                return InlineEnd(None if is_all else rest, self._failed)

    def _cut(self, chunk: Chunk, results: list[Any], rest: Iterable[Any]) -> InlineEnd:
        """Return how the loop ends when a chunk was cut short; `rest` are the items not begun."""
        first = len(results)
        results += chunk.done_before_cut
        self._failed += chunk.failed_records(len(chunk.done_before_cut))
        if chunk.has_coroutines or holds_coroutine(chunk.done_before_cut):
            record = chunk.future.result()
            if any(failure.is_requested for failure in record.failures.values()):
                rest = chain([chunk.running_item], rest)
            else:
                results += record.results
                self._failed += [one for one in record.item_records() if one.failure is not None]
            items = chunk.begun(len(results) - first)
            return InlineEnd(rest, self._failed, has_coroutines=True, last_items=items)
        batch = Batch(0, len(results), (chunk.running_item,))
        running = RunningBatch(*chunk.metered)
        return InlineEnd(rest, self._failed, StartedBatch(batch, chunk.future, running))


def _then_raise(items: Iterable[Any], error: BaseException) -> Iterator[Any]:
    yield from items
    raise error
