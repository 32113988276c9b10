"""Runs the first items inline, for as long as nothing else could be faster.

Inline means in a plain loop, in one thread and without the engine. The calling thread takes the
items and looks on, so that what the source raises, and what interrupts the caller, is never taken
for a failure of the function; and an item that takes long is handed on to the engine while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import chain, islice
from typing import Any, NamedTuple

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import Batch, BatchRecord, ItemRecord
from batchmap.tuning.inline_chunk import Chunk, ChunkThread
from batchmap.tuning.thread_meter import RunningBatch
from batchmap.worker.coroutine_results import holds_coroutine, never_returns_coroutines
from batchmap.worker.interruption import SignalHandlers

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

ALL_LOOKED_AT = 1024
LOOKED_AT_STEP = 8
"""So many results are looked at whether they are coroutines, and one of so many of those after."""

SLICE_S = 0.002
MAX_SLICE = 4096
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
    has_coroutines: bool = False
    """Whether there are coroutines, to be awaited, among the results."""


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
        self._may_be_coroutines = not never_returns_coroutines(function)
        self._needs_caller: bool | None = None
        """Whether the function works in the calling thread alone; `None` while that is open."""
        self._failed: list[ItemRecord] = []

    def run(self, thread: ChunkThread, items: Iterable[Any], results: list[Any]) -> InlineEnd:
        """Run the items, as `run_inline` does."""
        # These can be sliced, which takes no time an item. A subclass may iterate in its own way.
        whole: Any = items if type(items) in (list, tuple, range) else None
        left = iter(items)
        size = 1
        started_s = self._clock.now()
        while True:
            first, source_error = len(results), None
            taken: list[Any] = []
            try:
                some = whole[first : first + size] if whole is not None else islice(left, size)
                taken.extend(some)
            except Exception as error:  # what came before it has been taken
                source_error = error
            if not taken and source_error is None:
                return InlineEnd(None, self._failed)
            chunk = Chunk(
                self._function,
                taken,
                first,
                self._clock,
                self._handlers,
                stop_at_failure=self._stop_at_failure,
            )
            number = len(taken)
            if self._needs_caller:
                chunk.run()
            elif not thread.run(chunk):
                after: Iterable[Any]
                if whole is not None:
                    after = islice(whole, first + len(chunk.done_before_cut) + 1, None)
                elif source_error is not None:
                    after = _then_raise(chunk.not_begun, source_error)
                else:
                    after = chain(chunk.not_begun, left)
                return self._cut(chunk, results, after)
            if chunk.fatal is not None:
                raise chunk.fatal
            if chunk.failures and self._needs_caller is not False:
                self._needs_caller = chunk.run_again_here()
            results += chunk.done
            self._failed += chunk.failed_records(number)
            if source_error is not None:
                raise source_error
            is_at_end = number < size or (whole is not None and len(results) == len(whole))
            if self._failed and self._stop_at_failure:
                return InlineEnd(None, self._failed)
            rest = left if whole is None else islice(whole, len(results), None)
            if self._hold_coroutine(chunk.done, first):
                return InlineEnd(rest, self._failed, has_coroutines=True)
            if is_at_end:
                return InlineEnd(None, self._failed)
            item_s = chunk.took_s / number
            too_long = self._clock.now() - started_s > UNDECIDED_S and item_s > NEVER_WORTH_IT_S
            if (item_s > MEASURE_FROM_S or too_long) and not self._needs_caller:
                return InlineEnd(rest, self._failed)
            size = max(1, min(2 * size, MAX_SLICE, int(SLICE_S / max(item_s, 1e-9))))

    def _cut(self, chunk: Chunk, results: list[Any], rest: Iterable[Any]) -> InlineEnd:
        """Return how the loop ends when a chunk was cut short; `rest` are the items not begun."""
        first = len(results)
        results += chunk.done_before_cut
        self._failed += chunk.failed_records(len(chunk.done_before_cut))
        if self._hold_coroutine(chunk.done_before_cut, first):
            results += chunk.future.result().results
            return InlineEnd(rest, self._failed, has_coroutines=True)
        batch = Batch(0, len(results), (chunk.running_item,))
        running = RunningBatch(*chunk.metered)
        return InlineEnd(rest, self._failed, StartedBatch(batch, chunk.future, running))

    def _hold_coroutine(self, some: list[Any], first: int) -> bool:
        if not self._may_be_coroutines:
            return False
        return holds_coroutine(some if first < ALL_LOOKED_AT else some[::LOOKED_AT_STEP])


def _then_raise(items: Iterable[Any], error: BaseException) -> Iterator[Any]:
    yield from items
    raise error
