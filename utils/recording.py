"""The lining that keeps what comes of the items: results in the sink, failures, and the journal.

    records -> encode -> [in order] -> sink -> journal -> records
                            |                     ^
                            +---- failures -------+

The sink is made durable before the journal says what it holds.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from utils.clock import SYSTEM_CLOCK, Clock
from utils.errors import WorkbookError
from utils.failures import failed_record
from utils.intake import Entry, Intake, digest_of
from utils.records import (
    BadRecord,
    Batch,
    BatchRecord,
    ErrorExample,
    ItemFailure,
    RunOutcome,
)
from utils.sinks import Sink, failure_line, write_errors
from utils.stopping import StopRequest, Urgency

__all__ = ["Book", "Halt", "Recorder", "Spool"]

SLOW_RECORD_S = 0.2
"""A record whose items took so long together is committed at once: it costs next to nothing."""

MOST_AHEAD = 50_000
MOST_AHEAD_BYTES = 32 * 2**20
"""How many items, and bytes of results, may wait in order for an earlier one."""

PIECE_BYTES = 1000
"""What a result takes that is not text yet."""

ERRORS_TOLD = 5
"""How many kinds of errors are told of at the end."""

LEAST_FOR_SHARE = 20
"""A share of failed items counts from so many items on."""


class Book(Protocol):
    """Where it is noted what is done, and which items failed."""

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Note items in a row whose results end at `output_end`."""

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Note a failed item, as a line of the errors file."""

    def commit(self) -> None:
        """Keep what was noted."""

    def finish(self) -> None:
        """Note that all is done."""

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines of the failed items."""


class Spool:
    """A book for outputs that cannot be resumed: failures alone, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Do nothing: what is out is out."""

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Keep the line."""
        self._file.write(line + "\n")

    def commit(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines, in the order in which the items failed."""
        self._file.seek(0)
        return (line.rstrip("\n") for line in self._file)


@dataclass(frozen=True, slots=True)
class Halt:
    """When a run is to be stopped for its failures: after so many, or at a share of all."""

    number: int | None = None
    share: float | None = None

    def is_reached(self, failed: int, done: int) -> bool:
        """Tell whether `failed` of `done` items are too many."""
        if self.number is not None and failed >= self.number:
            return True
        return self.share is not None and done >= LEAST_FOR_SHARE and failed >= self.share * done


class Recorder:
    """Keep what becomes of the items of `intake`: results in `sink`, the rest in `book`.

    With `keeps_order`, results are written in the items' order; `has_room` then tells whether
    more may be taken in. `before` counts the results and failures that were there. Raises
    `OutputError` when something cannot be written.
    """

    def __init__(
        self,
        intake: Intake,
        sink: Sink,
        book: Book,
        *,
        keeps_order: bool,
        output: str,
        errors_path: Path | None,
        before: tuple[int, int] = (0, 0),
        halt: Halt | None,
        stop: StopRequest,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._intake = intake
        self._sink = sink
        self._book = book
        self._keeps_order = keeps_order
        self._output = output
        self._errors_path = errors_path
        self._before = before
        self._halt = halt
        self._stop = stop
        self._clock = clock
        self._held: dict[int, tuple[list[Entry], Sequence[Any], int]] = {}
        self._held_bytes = 0
        self._next_number = 0
        self._bad: Counter[str] = Counter()
        intake.on_bad = self._keep_bad
        self._committed_s = clock.now()
        self.written = 0
        """How many results went to the sink."""
        self.failed = 0
        """How many items failed."""
        self._examples: dict[str, tuple[str, ItemFailure]] = {}
        self._error_counts: Counter[str] = Counter()
        self.finished = False
        """Whether all items are done, and the output is complete."""
        self.halted = False
        """Whether there were so many failures that the run was stopped."""

    @property
    def items(self) -> Intake:
        """Return the items that are still to be done, to be walked once."""
        return self._intake

    def outcome(self) -> RunOutcome:
        """Return what became of the items so far."""
        written_before, failed_before = self._before
        return RunOutcome(
            written=self.written,
            failed=self.failed,
            written_before=written_before,
            failed_before=failed_before,
            errors=tuple(
                ErrorExample(name, number, self._examples[name][0], self._examples[name][1].error)
                for name, number in self._error_counts.most_common(ERRORS_TOLD)
            ),
            output=self._output,
            errors_file=None if self._errors_path is None else str(self._errors_path),
            finished=self.finished,
            halted=self.halted,
        )

    def has_room(self) -> bool:
        """Tell whether more items may be taken in."""
        ahead = self._intake.taken - self._next_number
        return not self._keeps_order or (ahead < MOST_AHEAD and self._held_bytes < MOST_AHEAD_BYTES)

    def watch(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Keep the outcome of each record's items and yield it on, with what could not be written.

        At the end, however it comes, all that is kept is durable, and the errors file is written.
        """
        try:
            for record in records:
                record = self._keep(record)
                self._commit_when_due(record)
                yield record
                yield from self._take_bad()
            yield from self._take_bad()
            self._end()
        except BaseException:
            self._save_what_can_be()
            raise

    def _end(self) -> None:
        self._commit()
        self._write_errors()
        if self._intake.error is not None:
            raise self._intake.error
        if self._intake.exhausted and not self._stop.requested:
            self._sink.finish()
            self._book.finish()
            self.finished = True

    # Outcomes -------------------------------------------------------------------------------

    def _keep(self, record: BatchRecord) -> BatchRecord:
        entries = self._intake.settle(record)
        results: Sequence[Any] = record.results
        good = entries
        if record.failures:
            places = [place for place in range(len(entries)) if place not in record.failures]
            good = [entries[place] for place in places]
            results = [results[place] for place in places]
        pieces, unwritable = self._sink.encode(
            [entry.item_index for entry in good], [entry.item for entry in good], results
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
        for place, failure in record.failures.items():
            self._fail(
                entries[place], failure, record.attempts.get(place, 1), record.durations_s[place]
            )
        if self._keeps_order:
            self._hold(record.first_item, good, pieces, len(entries))
        elif good:
            self._write(good, pieces)
        self._stop_when_too_many_failed()
        return record

    def _hold(self, number: int, good: list[Entry], pieces: Sequence[Any], items: int) -> None:
        self._held[number] = good, pieces, items
        self._held_bytes += _size_bytes(pieces)
        while (held := self._held.pop(self._next_number, None)) is not None:
            good, pieces, items = held
            self._held_bytes -= _size_bytes(pieces)
            self._next_number += items
            if good:
                self._write(good, pieces)

    def _write(self, entries: list[Entry], pieces: Sequence[Any]) -> None:
        """Write the results and note each stretch of items in a row."""
        self.written += len(entries)
        start = 0
        first, last = entries[0].item_index, entries[-1].item_index
        if last - first + 1 == len(entries) and first <= last:
            self._write_stretch(entries, pieces)
            return
        for place in range(1, len(entries) + 1):
            if (
                place == len(entries)
                or entries[place].item_index != entries[place - 1].item_index + 1
            ):
                self._write_stretch(entries[start:place], pieces[start:place])
                start = place

    def _write_stretch(self, entries: list[Entry], pieces: Sequence[Any]) -> None:
        end = self._sink.write(pieces)
        digests = b"".join([digest_of(entry.raw) for entry in entries])
        self._book.add_done(entries[0].item_index, digests, end)

    def _fail(
        self,
        entry: Entry,
        failure: ItemFailure,
        attempts: int,
        duration_s: float,
        *,
        item: Any = None,
    ) -> None:
        self.failed += 1
        place = self._intake.place(entry.where)
        self._error_counts[failure.error_type] += 1
        self._examples.setdefault(failure.error_type, (place, failure))
        line = failure_line(
            entry.item_index,
            entry.item if item is None else item,
            failure,
            attempts,
            duration_s,
            place,
        )
        self._book.add_failed(entry.item_index, digest_of(entry.raw), line)

    def _keep_bad(self, entry: Entry) -> None:
        """Keep a record of the input that cannot be read: a failure that took no time."""
        bad = entry.item
        assert isinstance(bad, BadRecord)
        self._fail(entry, bad.failure, 1, 0.0, item=bad.text)
        self._bad[bad.failure.error_type] += 1
        self._stop_when_too_many_failed()
        if self._bad.total() % MOST_AHEAD == 0:
            self._commit()

    def _take_bad(self) -> Iterator[BatchRecord]:
        """Yield records of those that could not be read, for the sums."""
        while self._bad:
            error_type, number = self._bad.popitem()
            some = min(number, MOST_AHEAD)
            if some < number:
                self._bad[error_type] = number - some
            yield failed_record(Batch(0, 0, range(some)), self._examples[error_type][1])

    def _stop_when_too_many_failed(self) -> None:
        done = self.failed + self.written
        if self._halt is not None and self._halt.is_reached(self.failed, done):
            self.halted = True
            self._stop.request(Urgency.DRAIN)

    # Durability -----------------------------------------------------------------------------

    def _commit_when_due(self, record: BatchRecord) -> None:
        since_s = self._clock.now() - self._committed_s
        if since_s >= self._sink.commit_every_s or sum(record.durations_s[:100]) >= SLOW_RECORD_S:
            self._commit()

    def _commit(self) -> None:
        self._sink.sync()
        self._book.commit()
        self._committed_s = self._clock.now()

    def _write_errors(self) -> None:
        if self._errors_path is not None:
            write_errors(self._errors_path, self._book.failure_lines())

    def _save_what_can_be(self) -> None:
        """Keep what there is after an error; another one in doing so is a consequence of it."""
        for act in (self._commit, self._write_errors):
            try:
                act()
            except WorkbookError:
                return


def _size_bytes(pieces: Sequence[Any]) -> int:
    return sum(len(piece) if isinstance(piece, str) else PIECE_BYTES for piece in pieces)
