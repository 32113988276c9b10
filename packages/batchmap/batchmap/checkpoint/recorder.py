"""Writes the results of a run to its sink, and what is done and what failed to its completion log.

    batch records -> [in order] -> encode -> sink -> completion log -> batch records
                                     |                  ^
                                     +---- failures ----+

At each commit, the sink is made durable before the completion log says what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from batchmap.checkpoint.completion_log import CompletionLog, ItemRange
from batchmap.checkpoint.failure_stats import FailureLimit, FailureStats, HaltWatch
from batchmap.checkpoint.pending_item import PendingItem
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.rows_in_flight import SettledRows
from batchmap.checkpoint.unwritable_results import UnwritableResults
from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.digests import DIGEST_BYTES
from batchmap.errors import BatchmapError, OutputHeldError
from batchmap.ordering import (
    MAX_HELD_BYTES,
    MAX_HELD_ITEMS,
    ReorderBuffer,
    in_a_row,
    results_bytes,
    size_bytes,
)
from batchmap.records import (
    BatchRecord,
    ItemFailure,
    ItemRecord,
    RunOutcome,
    UnreadableRecord,
)
from batchmap.row_blocks import RowResults
from batchmap.sinks import Sink, failure_line, write_errors
from batchmap.stopping import StopRequest
from batchmap.storage import Location
from batchmap.worker.record_builder import joined_record

__all__ = ["Recorder"]

SLOW_BATCH_S = 0.2
"""A batch whose items took so long together is committed as soon as the sink allows."""

MAX_BATCH_ITEMS = 4096
MAX_BATCH_BYTES = 4 * 2**20
"""How many items, and bytes of results, a batch may have: all are in memory at once."""

MAX_UNCOMMITTED_FAILURES = 50_000
"""After so many unreadable records without an item between, they are committed."""

MAX_ERROR_KINDS = 5
"""How many kinds of errors the outcome names."""


class Recorder:
    """Writes what comes of the items of `pending`: results to `sink`, the rest to `completion_log`.

    With `keeps_order`, results are written in input order; `has_room` then says whether more items
    may be taken. `output` is the output as it is called in messages, `before` how many results and
    failures it had before the run. When failures reach `failure_limit`, `stop` is requested.
    """

    def __init__(
        self,
        pending: PendingItems,
        sink: Sink,
        completion_log: CompletionLog,
        *,
        keeps_order: bool,
        output: str,
        errors_path: Location | None,
        before: tuple[int, int] = (0, 0),
        failure_limit: FailureLimit | None,
        stop: StopRequest,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._pending = pending
        self._sink = sink
        self._completion_log = completion_log
        self._output = output
        self._errors_path = errors_path
        self._before = before
        self._halt = HaltWatch(failure_limit, stop)
        self._stop = stop
        self._clock = clock
        self._reorder = ReorderBuffer(size_of=results_bytes) if keeps_order else None
        self._result_bytes = 1.0
        """What a result takes in memory, of late; follows large ones at once."""
        pending.on_unreadable = self._record_unreadable
        pending.row_form = sink.row_form
        self._committed_s = clock.now()
        self.written = 0
        """How many results went to the sink."""
        self._failure_stats = FailureStats()
        self._unwritable = UnwritableResults(errors_path, before[0])
        self.finished = False
        """Whether all items are done, and the output is complete."""
        self.is_in_vain = False
        """Whether it was stopped because no result can be written."""

    @property
    def items(self) -> PendingItems:
        """Return the items that are still to be done, to be taken once."""
        return self._pending

    @property
    def encoder(self) -> Callable[[Any], Any]:
        """Return what turns a result into what is written; records hold what it returns."""
        return self._sink.encoder

    def outcome(self) -> RunOutcome:
        """Return what came of the items so far."""
        written_before, failed_before = self._before
        return RunOutcome(
            written=self.written,
            failed=self._failure_stats.number,
            written_before=written_before,
            failed_before=failed_before,
            errors=self._failure_stats.most_frequent(MAX_ERROR_KINDS),
            first_failures=tuple(self._failure_stats.first),
            output=self._output,
            errors_file=None if self._errors_path is None else f"{self._errors_path}",
            finished=self.finished,
            halted=self._halt.halted,
            in_vain=self.is_in_vain,
        )

    def has_room(self) -> bool:
        """Tell whether more items may be taken, by what waits for earlier records."""
        waiting = self._reorder
        return waiting is None or (
            self._pending.taken - waiting.next_item < MAX_HELD_ITEMS
            and waiting.held_bytes < MAX_HELD_BYTES
        )

    def max_batch_items(self) -> int:
        """Return how many items a batch may have, by what their results take in memory."""
        most = self._unwritable.most_at_once(self.written) or MAX_BATCH_ITEMS
        return max(1, min(most, int(MAX_BATCH_BYTES / self._result_bytes)))

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Write what came of each record's items, and yield it on.

        Results that cannot be written are failures of the records yielded. Unreadable records come
        as records of failures. At the end, also after an error, all that was written is durable,
        and so is the file of failed items. Raises `OutputError` when something cannot be written.
        """
        try:
            for record in records:
                self._halt.count(len(record.results), len(record.failures))
                in_turn = (record,) if self._reorder is None else self._reorder.push(record)
                for written in map(self._record, in_turn):
                    self._commit_when_due(written)
                    yield written
                yield from self._failure_stats.take_unreadable()
            yield from self._failure_stats.take_unreadable()
            self._end()
        except OutputHeldError:
            raise  # the output is another run's now
        except BaseException:
            self._commit_what_can_be()
            raise

    def _end(self) -> None:
        """Commit; complete the output if all items are done, and the input has not changed."""
        if self._reorder is not None:  # results wait for items that are not done; failures need not
            for record in self._reorder.waiting():
                self._record_failures(record, self._pending.settle(record))
        self._commit()
        self._write_errors()
        if self._pending.error is not None:
            raise self._pending.error
        if self._stop.requested or not self._pending.exhausted:
            return
        if (change := self._pending.first_change(self._done())) is not None:
            raise change
        self.finished = self._complete()

    def _done(self) -> Iterator[ItemRange] | None:
        """Return the items that are done, in input order, `None` where that is not known."""
        return self._completion_log.ranges()

    def _complete(self) -> bool:
        """Make the output complete; `False` when that was stopped before its end."""
        self._sink.finish(self._completion_log.note_whole)
        self._completion_log.finish()
        return True

    # Outcomes -------------------------------------------------------------------------------

    def _record(self, record: BatchRecord) -> BatchRecord:
        """Write what came of a record's items; return it, unwritable results as failures."""
        pending = self._pending.settle(record)
        if isinstance(pending, SettledRows):
            record = self._record_rows(record, pending)
        else:
            record = self._record_each(record, pending, record.results)
        if self._unwritable.is_all(self.written):
            self.is_in_vain = True
            self._halt.halt()
        return record

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
        self._record_failures(record, rows)
        start = 0
        for failed in (*sorted(record.failures), segment.number):
            if failed > start:
                some = pieces if not record.failures else pieces[start:failed]
                self.written += failed - start
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
        pieces, unwritable = self._sink.encode(
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
        self._record_failures(record, pending)
        self._note_bytes(pieces, len(pieces))
        if good:
            self._write(good, pieces)
        return record

    def _record_failures(
        self, record: BatchRecord, pending: Sequence[PendingItem] | SettledRows
    ) -> None:
        for offset, failure in record.failures.items():
            one = pending[offset]
            place = self._pending.place(one.where)
            attempts, duration_s = record.attempts.get(offset, 1), record.durations_s[offset]
            self._failure_stats.add(
                ItemRecord(one.item_index, None, failure, attempts, duration_s), place
            )
            self._unwritable.add(failure, place)
            self._log_failure(one, failure, place, attempts, duration_s)

    def _write(self, pending: list[PendingItem], pieces: Sequence[Any]) -> None:
        """Write results, and log each range of items in a row."""
        self.written += len(pending)
        for start, end in in_a_row([one.item_index for one in pending]):
            output_end = self._sink.write(pieces[start:end])
            entries = b"".join([one.entry for one in pending[start:end]])
            first = pending[start].item_index
            self._completion_log.add_done(first, end - start, entries, output_end)

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

    def _record_unreadable(self, one: PendingItem) -> None:
        """Log an unreadable record of the input: a failure that took no time."""
        assert isinstance(one.item, UnreadableRecord)
        failure, place = one.item.failure, self._pending.place(one.where)
        self._failure_stats.add_unreadable(ItemRecord(one.item_index, None, failure, 1, 0.0), place)
        self._log_failure(one, failure, place, 1, 0.0)
        self._halt.count(1, 1)
        if self._failure_stats.untaken % MAX_UNCOMMITTED_FAILURES == 0:
            self._commit()

    # Durability -----------------------------------------------------------------------------

    def _commit_when_due(self, record: BatchRecord) -> None:
        since_s = self._clock.now() - self._committed_s
        soonest_s, every_s = self._sink.commit_soonest_s, self._sink.commit_every_s
        is_slow = sum(record.durations_s[:100]) >= SLOW_BATCH_S
        if since_s >= (soonest_s if is_slow else every_s):
            self._commit()

    def _commit(self) -> None:
        end = self._sink.sync()
        if self._sink.digest is not None:
            self._completion_log.add_stretch(end, self._sink.digest)
        self._completion_log.commit()
        self._committed_s = self._clock.now()

    def _write_errors(self) -> None:
        if self._errors_path is not None:
            write_errors(self._errors_path, self._completion_log.failure_lines())

    def _commit_what_can_be(self) -> None:
        """Commit after an error; a further error is a consequence of it, and not raised."""
        try:
            self._commit()
        except BatchmapError:
            with suppress(BatchmapError):
                self._sink.start(self._completion_log.drop_beyond(self._sink.rollback()))
                self._commit()
        with suppress(BatchmapError):
            self._write_errors()
