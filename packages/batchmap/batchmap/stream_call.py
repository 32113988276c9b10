"""A call whose records are handed out as they come: what it was asked for, and its records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from batchmap.engine import LentWorkers, RunState, limits_of, stream_batches
from batchmap.options import EngineOptions
from batchmap.ordering import ReorderBuffer, in_order, results_bytes
from batchmap.progress_display import ShowsProgress, shown
from batchmap.records import BatchRecord, ItemRecord
from batchmap.scheduling.live_source import LiveSource
from batchmap.scheduling.rate_limiter import Cost
from batchmap.stopping import StopRequest
from batchmap.worker.failures import RunStoppedError
from batchmap.worker.processor import BatchProcessor

__all__ = ["StreamCall", "source_of"]

MAX_STREAM_BATCH = 16384
"""How many items a batch of a stream has at most, unless more are asked for: however quick they
are, those in flight must fit in memory."""


def source_of(items: Iterable[Any], *, numbered: bool) -> LiveSource | Iterator[Any]:
    """Return what items are taken from, in pairs with their indexes where they are `numbered`.

    An iterator may wait for what its consumer does; what can be iterated again does not.
    """
    source = iter(items)
    may_wait = source is items
    source = iter(enumerate(source)) if numbered else source
    return LiveSource(source) if may_wait else source


@dataclass(slots=True, kw_only=True)
class StreamCall:
    """A call over a source, before it has begun."""

    processor: BatchProcessor
    source: LiveSource | Iterator[Any]
    total: int | None
    options: EngineOptions
    cost: Cost | None
    keep_order: bool
    progress: ShowsProgress
    state: RunState
    pool: LentWorkers | None
    stop: StopRequest

    def batches(self) -> Iterator[BatchRecord]:
        """Yield the records of batches as they finish, or in their order; to be called once."""
        asked = limits_of(
            self.options,
            self.processor.retry_if,
            cost=self.cost,
            takes_pairs=self.processor.shape.takes_pairs,
        )
        limits = replace(asked, max_batch_size=lambda: MAX_STREAM_BATCH)
        if self.keep_order:
            waiting = ReorderBuffer(size_of=results_bytes)
            limits = replace(limits, has_room=waiting.has_room)
        source = self.source
        if isinstance(source, LiveSource):
            source.on_items = self.state.wake
        try:
            records = stream_batches(
                self.processor,
                source,
                self.options,
                total=self.total,
                limits=limits,
                stop=self.stop,
                state=self.state,
                pool=self.pool,
            )
            records = shown(records, self.progress, total=self.total)
            yield from in_order(records, waiting) if self.keep_order else records
            if self.stop.reason:
                yield from waiting.waiting() if self.keep_order else ()
                raise RunStoppedError(self.stop.reason)
        finally:
            if isinstance(source, LiveSource):
                source.close()

    def records(self) -> Iterator[ItemRecord]:
        """Yield the records of items."""
        for record in self.batches():
            yield from record.item_records()
