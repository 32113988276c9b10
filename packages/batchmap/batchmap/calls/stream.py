"""A call whose records are handed out as they come: what it was asked for, and its records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from batchmap.calls.call import Call
from batchmap.calls.progress import shown
from batchmap.engine import RunState, stream_batches
from batchmap.ordering import ReorderBuffer, in_order, results_bytes
from batchmap.records import BatchRecord, ItemRecord
from batchmap.scheduling.live_source import LiveSource
from batchmap.worker.failures import RunStoppedError

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

    call: Call
    source: LiveSource | Iterator[Any]
    total: int | None
    keep_order: bool

    def batches(self) -> Iterator[BatchRecord]:
        """Yield the records of batches as they finish, or in their order; to be called once."""
        call, source, state = self.call, self.source, RunState(on_plan=self.call.on_plan)
        limits = replace(call.limits(), max_batch_size=lambda: MAX_STREAM_BATCH)
        if self.keep_order:
            waiting = ReorderBuffer(size_of=results_bytes)
            limits = replace(limits, has_room=waiting.has_room)
        if isinstance(source, LiveSource):
            source.on_items = state.wake
        try:
            records = stream_batches(
                call.processor,
                source,
                call.options,
                total=self.total,
                limits=limits,
                stop=call.stop,
                state=state,
                pool=call.pool,
            )
            records = shown(records, call.progress, total=self.total)
            yield from in_order(records, waiting) if self.keep_order else records
            if call.stop.reason:
                yield from waiting.waiting() if self.keep_order else ()
                raise RunStoppedError(call.stop.reason)
        finally:
            if isinstance(source, LiveSource):
                source.close()

    def records(self) -> Iterator[ItemRecord]:
        """Yield the records of items."""
        for record in self.batches():
            yield from self.item_records(record)

    def item_records(self, record: BatchRecord) -> Iterator[ItemRecord]:
        """Yield the records of the items of a batch, with what each gave.

        Where results of `None` are skipped, an item that has no other has no record.
        """
        shape = self.call.shape
        if shape.expand or not shape.skip_none:
            return record.item_records()
        return filter(None, map(_without_none, record.item_records()))


def _without_none(record: ItemRecord) -> ItemRecord | None:
    """Return the record of an item that failed, or has a result in its list: with that."""
    if record.failure is not None:
        return record
    return replace(record, result=record.result[0]) if record.result else None
