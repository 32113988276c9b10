"""Writes what came of items: results to the sink, and all to the completion log.

    batch record -> encode -> sink -> completion log
                      |                    ^
                      +---- failures ------+

Rows that a worker has encoded go to the sink as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from batchmap.checkpoint.completion_log import CompletionLog
from batchmap.checkpoint.failure_stats import FailureStats, HaltWatch
from batchmap.checkpoint.pending_item import PendingItem
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.rows_in_flight import SettledRows
from batchmap.checkpoint.unwritable_results import UnwritableResults
from batchmap.digests import DIGEST_BYTES
from batchmap.ordering import in_a_row, size_bytes
from batchmap.records import BatchRecord, ItemFailure, ItemRecord, UnreadableRecord
from batchmap.row_blocks import RowResults
from batchmap.row_counts import ONE_EACH, packed_counts, total_rows
from batchmap.sinks import Sink, failure_line
from batchmap.sinks.many_results import encode_many, pieces_together
from batchmap.slow_items import Facts, SlowItems
from batchmap.worker.record_builder import joined_record

__all__ = ["ResultWriter"]

MAX_BATCH_ITEMS = 4096
MAX_BATCH_BYTES = 4 * 2**20
"""How many items, and bytes of results, a batch may have: all are in memory at once."""


class ResultWriter:
    """Writes results of the items of `pending` to `sink`, and notes them in `completion_log`.

    Failures are counted by `halt`, and told by `unwritable` where they are of results. With
    `gives_many`, the result of an item is a list of any number of results.
    """

    def __init__(
        self,
        pending: PendingItems,
        sink: Sink,
        completion_log: CompletionLog,
        halt: HaltWatch,
        unwritable: UnwritableResults,
        *,
        gives_many: bool = False,
    ) -> None:
        self._pending = pending
        self._sink = sink
        self._completion_log = completion_log
        self._halt = halt
        self._unwritable = unwritable
        self._gives_many = gives_many
        self._encode = partial(encode_many, sink) if gives_many else sink.encode
        self._result_bytes = 1.0
        """What a result takes in memory, of late; follows large ones at once."""
        self.written = 0
        """Of how many items the results went to the sink."""
        self.rows = 0
        """How many rows went there."""
        self.stats = FailureStats()
        self.slow = SlowItems()
        self.is_in_vain = False
        """Whether the run was stopped because no result can be written."""

    def max_batch_items(self) -> int:
        """Return how many items a batch may have, by what their results take in memory."""
        most = self._unwritable.most_at_once(self.written) or MAX_BATCH_ITEMS
        return max(1, min(most, int(MAX_BATCH_BYTES / self._result_bytes)))

    def write(self, record: BatchRecord) -> BatchRecord:
        """Write what came of a record's items; return it, unwritable results as failures."""
        pending = self._pending.settle(record)
        self.slow.add(record, partial(self._facts, pending))
        if isinstance(pending, SettledRows):
            record = self._record_rows(record, pending)
        else:
            record = self._record_each(record, pending, record.results)
        if self._unwritable.is_all(self.written):
            self.is_in_vain = True
            self._halt.halt()
        return record

    def _facts(self, pending: Sequence[PendingItem] | SettledRows, offset: int) -> Facts:
        one = pending[offset]
        return one.item_index, self._pending.place(one.where), one.item

    def _record_rows(self, record: BatchRecord, rows: SettledRows) -> BatchRecord:
        """Record what came of rows of a block, as far as a worker has encoded it."""
        found = record.results
        if not isinstance(found, RowResults):  # the worker has died
            return self._record_each(record, rows.all(), found)
        if len(found.segments) > 1:
            parts = []
            end = 0
            for segment in found.segments:
                start, end = end, end + segment.number
                parts.append(self._record_rows(record.part(start, end), rows.part(start, end)))
            return joined_record(parts)
        [segment] = found.segments
        if segment.form is None:
            return self._record_each(record, rows.all(), segment.pieces)
        pieces = self._sink.fitted(segment)
        self._note_bytes(pieces, segment.number)
        self.note_failures(record, rows)
        start = 0
        for failed in (*sorted(record.failures), segment.number):
            if failed > start:
                some = pieces if not record.failures else pieces[start:failed]
                self.written += failed - start
                self.rows += failed - start
                output_end = self._sink.write(some)
                entries = found.entries[start * DIGEST_BYTES : failed * DIGEST_BYTES]
                first = rows.first_index + start
                self._completion_log.add_done(first, failed - start, entries, output_end)
            start = failed + 1
        return record

    def _note_bytes(self, pieces: Sequence[Any], number: int) -> None:
        if pieces:
            self._result_bytes = max(1.0, self._result_bytes / 2, size_bytes(pieces) / number)

    def _record_each(
        self, record: BatchRecord, pending: list[PendingItem], results: Sequence[Any]
    ) -> BatchRecord:
        """Record what came of items one by one: encoded results, or failures."""
        good = pending
        if record.failures:
            offsets = [offset for offset in range(len(pending)) if offset not in record.failures]
            good = [pending[offset] for offset in offsets]
            results = [results[offset] for offset in offsets]
        pieces, unwritable = self._encode(
            [one.item_index for one in good],
            [one.item for one in good] if self._sink.shows_items else (),
            results,
        )
        if unwritable:
            bad = {good[piece].item_index: failure for piece, failure in unwritable.items()}
            failures = dict(record.failures)
            failures.update(
                (offset, bad[one.item_index])
                for offset, one in enumerate(pending)
                if one.item_index in bad
            )
            record = replace(record, failures=failures)
            pieces = [piece for number, piece in enumerate(pieces) if number not in unwritable]
            good = [one for number, one in enumerate(good) if number not in unwritable]
            self._halt.count(0, len(unwritable))
        self.note_failures(record, pending)
        self._note_bytes(pieces, len(pieces))
        if good:
            self._write(good, pieces)
        return record

    def note_failures(
        self, record: BatchRecord, pending: Sequence[PendingItem] | SettledRows
    ) -> None:
        """Log and count the items of a record that failed."""
        for offset, failure in record.failures.items():
            one = pending[offset]
            place = self._pending.place(one.where)
            attempts, duration_s = record.attempts.get(offset, 1), record.durations_s[offset]
            self.stats.add(ItemRecord(one.item_index, None, failure, attempts, duration_s), place)
            self._unwritable.add(failure, place)
            self._log_failure(one, failure, place, attempts, duration_s)

    def _write(self, pending: list[PendingItem], pieces: Sequence[Any]) -> None:
        """Write results, and log each range of items in a row."""
        self.written += len(pending)
        for start, end in in_a_row([one.item_index for one in pending]):
            some = pieces[start:end]
            rows = packed_counts(map(len, some)) if self._gives_many else ONE_EACH
            self.rows += total_rows(rows, end - start)
            output_end = self._sink.write(pieces_together(some) if self._gives_many else some)
            entries = b"".join([one.entry for one in pending[start:end]])
            first = pending[start].item_index
            self._completion_log.add_done(first, end - start, entries, output_end, rows)

    def _log_failure(
        self,
        one: PendingItem,
        failure: ItemFailure,
        place: str,
        attempts: int,
        duration_s: float,
    ) -> None:
        index, item = one.item_index, one.item
        line = failure_line(index, item, failure, attempts, duration_s, place)
        self._completion_log.add_failed(index, one.entry, line)

    def note_unreadable(self, one: PendingItem) -> None:
        """Log and count an unreadable record of the input: a failure that took no time."""
        assert isinstance(one.item, UnreadableRecord)
        failure, place = one.item.failure, self._pending.place(one.where)
        self.stats.add_unreadable(ItemRecord(one.item_index, None, failure, 1, 0.0), place)
        self._log_failure(one, failure, place, 1, 0.0)
        self._halt.count(1, 1)
