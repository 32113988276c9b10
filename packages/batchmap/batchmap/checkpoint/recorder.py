"""Takes what came of items in their order, has it written, and commits it.

    batch records -> [in order] -> result writer -> batch records
                                         |
                                      commits: the sink, then the completion log

At each commit, the sink is made durable before the completion log says what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from batchmap.checkpoint.completion_log import CompletionLog, ItemRange
from batchmap.checkpoint.failure_stats import FailureLimit, HaltWatch
from batchmap.checkpoint.pending_item import PendingItem
from batchmap.checkpoint.pending_items import PendingItems
from batchmap.checkpoint.result_writer import ResultWriter
from batchmap.checkpoint.unwritable_results import UnwritableResults
from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.errors import BatchmapError, OutputHeldError
from batchmap.ordering import (
    MAX_HELD_BYTES,
    MAX_HELD_ITEMS,
    ReorderBuffer,
    results_bytes,
)
from batchmap.records import BatchRecord
from batchmap.run_outcome import RunOutcome
from batchmap.sinks import Sink, write_errors
from batchmap.sinks.many_results import EncodeEach
from batchmap.stopping import StopRequest
from batchmap.storage import Location

__all__ = ["Recorder"]

SLOW_BATCH_S = 0.2
"""A batch whose items took so long together is committed as soon as the sink allows."""

MAX_UNCOMMITTED_FAILURES = 50_000
"""After so many unreadable records without an item between, they are committed."""

MAX_ERROR_KINDS = 5
"""How many kinds of errors the outcome names."""


class Recorder:
    """Writes what comes of the items of `pending`: results to `sink`, the rest to `completion_log`.

    With `keeps_order`, results are written in input order; `has_room` then says whether more items
    may be taken. `output` is the output as it is called in messages, `before` how many results and
    failures it had before the run. When failures reach `failure_limit`, `stop` is requested. With
    `gives_many`, the result of an item is a list of any number of results.
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
        gives_many: bool = False,
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
        pending.on_unreadable = self._record_unreadable
        self._gives_many = gives_many
        if not gives_many:
            pending.row_form = sink.row_form
        self._committed_s = clock.now()
        self._is_slow = False
        """Whether what took long has been written since the last commit."""
        self._writer = ResultWriter(
            pending,
            sink,
            completion_log,
            self._halt,
            UnwritableResults(errors_path, before[0]),
            gives_many=gives_many,
        )
        self.finished = False
        """Whether all items are done, and the output is complete."""

    @property
    def items(self) -> PendingItems:
        """Return the items that are still to be done, to be taken once."""
        return self._pending

    @property
    def encoder(self) -> Callable[[Any], Any]:
        """Return what turns a result into what is written; records hold what it returns."""
        return EncodeEach(self._sink.encoder) if self._gives_many else self._sink.encoder

    def outcome(self) -> RunOutcome:
        """Return what came of the items so far."""
        written_before, failed_before = self._before
        return RunOutcome(
            written=self._writer.written,
            rows=self._writer.rows,
            failed=self._writer.stats.number,
            written_before=written_before,
            failed_before=failed_before,
            errors=self._writer.stats.most_frequent(MAX_ERROR_KINDS),
            first_failures=tuple(self._writer.stats.first),
            slowest=self._writer.slow.slowest(),
            slowest_share=self._writer.slow.in_common(),
            output=self._output,
            errors_file=None if self._errors_path is None else f"{self._errors_path}",
            finished=self.finished,
            halted=self._halt.halted,
            stopped=self._stop.reason,
            in_vain=self._writer.is_in_vain,
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
        return self._writer.max_batch_items()

    def observe(
        self,
        records: Iterator[BatchRecord],
        *,
        more_follow: Callable[[], bool] = lambda: False,
    ) -> Iterator[BatchRecord]:
        """Write what came of each record's items, and yield it on.

        `more_follow` tells whether another record is there already, so that what is written can be
        made durable together.

        Results that cannot be written are failures of the records yielded. Unreadable records come
        as records of failures. At the end, also after an error, all that was written is durable,
        and so is the file of failed items. Raises `OutputError` when something cannot be written.
        """
        try:
            for record in records:
                self._halt.count(len(record.results), len(record.failures))
                in_turn = (record,) if self._reorder is None else self._reorder.push(record)
                written = list(map(self._writer.write, in_turn))
                self._commit_when_due(written, more_follow)
                yield from written
                yield from self._writer.stats.take_unreadable()
            yield from self._writer.stats.take_unreadable()
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
                self._writer.note_failures(record, self._pending.settle(record))
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

    # Durability -----------------------------------------------------------------------------

    def _record_unreadable(self, one: PendingItem) -> None:
        self._writer.note_unreadable(one)
        if self._writer.stats.untaken % MAX_UNCOMMITTED_FAILURES == 0:
            self._commit()

    def _commit_when_due(
        self, records: Sequence[BatchRecord], more_follow: Callable[[], bool]
    ) -> None:
        """Commit now and then; at once what took long, or with others that took as long."""
        since_s = self._clock.now() - self._committed_s
        soonest_s, every_s = self._sink.commit_soonest_s, self._sink.commit_every_s
        self._is_slow |= any(sum(one.durations_s[:100]) >= SLOW_BATCH_S for one in records)
        if since_s >= every_s or (self._is_slow and since_s >= soonest_s and not more_follow()):
            self._commit()

    def _commit(self) -> None:
        end = self._sink.sync()
        if self._sink.digest is not None:
            self._completion_log.add_stretch(end, self._sink.digest)
        self._completion_log.commit()
        self._committed_s, self._is_slow = self._clock.now(), False

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
