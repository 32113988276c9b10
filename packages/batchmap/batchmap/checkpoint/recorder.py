"""The lining that keeps what comes of the items: results in the sink, failures, and the journal.

    records -> [in order] -> encode -> sink -> journal -> records
                            |                     ^
                            +---- failures -------+

The sink is made durable before the journal says what it holds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from batchmap.checkpoint.completion_log import CompletionLog
from batchmap.checkpoint.failure_stats import FailureLimit, FailureStats
from batchmap.checkpoint.pending_items import PendingItem, PendingItems, digest_of
from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.errors import BatchmapError, InputError, OutputHeldError
from batchmap.records import (
    BatchRecord,
    ItemFailure,
    RunOutcome,
    UnreadableRecord,
)
from batchmap.sinks import Sink, failure_line, write_errors
from batchmap.stopping import StopRequest, Urgency
from batchmap.storage import Location

__all__ = ["Recorder"]

SLOW_RECORD_S = 0.2
"""A record whose items took so long together is committed as soon as the sink allows."""

MOST_AHEAD = 50_000
MOST_AHEAD_BYTES = 32 * 2**20
"""How many items, and bytes of results, may wait in order for an earlier one."""

MOST_TOGETHER = 4096
MOST_TOGETHER_BYTES = 4 * 2**20
"""How many items, and bytes of results, may come in one record: all are in memory at once."""

ERRORS_TOLD = 5
"""How many kinds of errors are told of at the end."""


class Recorder:
    """Keep what becomes of the items of `intake`: results in `sink`, the rest in `book`.

    With `keeps_order`, results are written in the items' order; `has_room` then tells whether
    more may be taken in. `before` counts the results and failures that were there. Raises
    `OutputError` when something cannot be written.
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
        self._keeps_order = keeps_order
        self._output = output
        self._errors_path = errors_path
        self._before = before
        self._failure_limit = failure_limit
        self._stop = stop
        self._clock = clock
        self._early: dict[int, BatchRecord] = {}
        self._early_bytes = 0
        self._next_number = 0
        self._result_bytes = 1.0
        pending.on_unreadable = self._record_unreadable
        self._committed_s = clock.now()
        self.written = 0
        """How many results went to the sink."""
        self._failure_stats = FailureStats()
        self.finished = False
        """Whether all items are done, and the output is complete."""
        self.halted = False
        """Whether there were so many failures that the run was stopped."""

    @property
    def items(self) -> PendingItems:
        """Return the items that are still to be done, to be walked once."""
        return self._pending

    def outcome(self) -> RunOutcome:
        """Return what became of the items so far."""
        written_before, failed_before = self._before
        return RunOutcome(
            written=self.written,
            failed=self._failure_stats.number,
            written_before=written_before,
            failed_before=failed_before,
            errors=self._failure_stats.most_frequent(ERRORS_TOLD),
            output=self._output,
            errors_file=None if self._errors_path is None else str(self._errors_path),
            finished=self.finished,
            halted=self.halted,
        )

    def has_room(self) -> bool:
        """Tell whether more items may be taken in."""
        ahead = self._pending.taken - self._next_number
        return not self._keeps_order or (
            ahead < MOST_AHEAD and self._early_bytes < MOST_AHEAD_BYTES
        )

    def most_together(self) -> int:
        """Return how many items may go into a batch, by what their results take in memory."""
        return max(1, min(MOST_TOGETHER, int(MOST_TOGETHER_BYTES / self._result_bytes)))

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Keep the outcome of each record's items and yield it on, with what could not be written.

        At the end, however it comes, all that is kept is durable, and the errors file is written.
        """
        try:
            for record in records:
                for kept in map(self._keep, self._in_turn(record)):
                    self._commit_when_due(kept)
                    yield kept
                yield from self._failure_stats.take_unread()
            yield from self._failure_stats.take_unread()
            self._end()
        except OutputHeldError:
            raise  # what is there is another run's now
        except BaseException:
            self._save_what_can_be()
            raise

    def _end(self) -> None:
        self._commit()
        self._write_errors()
        if self._pending.error is not None:
            raise self._pending.error
        if self._stop.requested or not self._pending.exhausted:
            return
        if (change := self._pending.first_change(self._completion_log.ranges())) is not None:
            raise InputError(f"{change} (it changed while the run went on)")
        self._sink.finish()
        self._completion_log.finish()
        self.finished = True

    def _in_turn(self, record: BatchRecord) -> Iterator[BatchRecord]:
        """Yield the records whose turn it is now; in order, those that came early wait."""
        if not self._keeps_order:
            yield record
            return
        self._early[record.first_item] = record
        self._early_bytes += _size_bytes(record.results)
        while (next_one := self._early.pop(self._next_number, None)) is not None:
            self._early_bytes -= _size_bytes(next_one.results)
            self._next_number += len(next_one.results)
            yield next_one

    # Outcomes -------------------------------------------------------------------------------

    def _keep(self, record: BatchRecord) -> BatchRecord:
        entries = self._pending.settle(record)
        results: Sequence[Any] = record.results
        good = entries
        if record.failures:
            places = [place for place in range(len(entries)) if place not in record.failures]
            good = [entries[place] for place in places]
            results = [results[place] for place in places]
        pieces, unwritable = self._sink.encode(
            [entry.item_index for entry in good],
            [entry.item for entry in good] if self._sink.shows_items else (),
            results,
        )
        if unwritable:
            bad = {good[place].item_index: failure for place, failure in unwritable.items()}
            failures = dict(record.failures)
            failures.update(
                (place, bad[entry.item_index])
                for place, entry in enumerate(entries)
                if entry.item_index in bad
            )
            record = replace(record, failures=failures)
            pieces = [piece for place, piece in enumerate(pieces) if place not in unwritable]
            good = [entry for place, entry in enumerate(good) if place not in unwritable]
        for at, failure in record.failures.items():
            entry, place = entries[at], self._pending.place(entries[at].where)
            self._failure_stats.add(failure, place)
            self._fail(entry, failure, place, record.attempts.get(at, 1), record.durations_s[at])
        if pieces:
            # The last record counts most, so that large results are followed at once.
            self._result_bytes = max(1.0, self._result_bytes / 2, _size_bytes(pieces) / len(pieces))
        if good:
            self._write(good, pieces)
        self._stop_when_too_many_failed()
        return record

    def _write(self, entries: list[PendingItem], pieces: Sequence[Any]) -> None:
        """Write the results and note each stretch of items in a row."""
        self.written += len(entries)
        if entries[-1].item_index - entries[0].item_index + 1 == len(entries):
            self._write_range(entries, pieces)
            return
        start = 0
        for place in range(1, len(entries) + 1):
            if (
                place == len(entries)
                or entries[place].item_index != entries[place - 1].item_index + 1
            ):
                self._write_range(entries[start:place], pieces[start:place])
                start = place

    def _write_range(self, entries: list[PendingItem], pieces: Sequence[Any]) -> None:
        end = self._sink.write(pieces)
        digests = b"".join([digest_of(entry.raw) for entry in entries])
        self._completion_log.add_done(entries[0].item_index, digests, end)

    def _fail(
        self, entry: PendingItem, failure: ItemFailure, place: str, attempts: int, duration_s: float
    ) -> None:
        index, item = entry.item_index, entry.item
        line = failure_line(index, item, failure, attempts, duration_s, place)
        self._completion_log.add_failed(index, digest_of(entry.raw), line)

    def _record_unreadable(self, entry: PendingItem) -> None:
        """Keep a record of the input that cannot be read: a failure that took no time."""
        assert isinstance(entry.item, UnreadableRecord)
        failure, place = entry.item.failure, self._pending.place(entry.where)
        self._failure_stats.add_unread(failure, place)
        self._fail(entry, failure, place, 1, 0.0)
        self._stop_when_too_many_failed()
        if self._failure_stats.unread % MOST_AHEAD == 0:
            self._commit()

    def _stop_when_too_many_failed(self) -> None:
        failed = self._failure_stats.number
        if self._failure_limit is not None and self._failure_limit.is_reached(
            failed, failed + self.written
        ):
            self.halted = True
            self._stop.request(Urgency.DRAIN)

    # Durability -----------------------------------------------------------------------------

    def _commit_when_due(self, record: BatchRecord) -> None:
        since_s = self._clock.now() - self._committed_s
        soonest_s, every_s = self._sink.commit_soonest_s, self._sink.commit_every_s
        is_slow = sum(record.durations_s[:100]) >= SLOW_RECORD_S
        if since_s >= (soonest_s if is_slow else every_s):
            self._commit()

    def _commit(self) -> None:
        self._sink.sync()
        self._completion_log.commit()
        self._committed_s = self._clock.now()

    def _write_errors(self) -> None:
        if self._errors_path is not None:
            write_errors(self._errors_path, self._completion_log.failure_lines())

    def _save_what_can_be(self) -> None:
        """Keep what there is after an error; another one in doing so is a consequence of it."""
        try:
            self._commit()
        except BatchmapError:
            with suppress(BatchmapError):
                self._sink.start(self._completion_log.drop_beyond(self._sink.rollback()))
                self._commit()
        with suppress(BatchmapError):
            self._write_errors()


def _size_bytes(values: Sequence[Any]) -> int:
    """Estimate the memory that values take, in bytes: what they hold in turn is not looked at."""
    return sum(map(sys.getsizeof, values))
