"""The items of a source that are still to be done, and what is known of those in flight."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from typing import Any, cast

from batchmap.checkpoint.completion_log import ItemRange
from batchmap.checkpoint.identity import Identity
from batchmap.checkpoint.input_size import InputSize
from batchmap.checkpoint.pending_item import MUTABLE, Frozen, PendingItem
from batchmap.checkpoint.rows_in_flight import RowsInFlight, SettledRows
from batchmap.errors import BatchmapError, InputError
from batchmap.records import BatchRecord, UnreadableRecord
from batchmap.row_blocks import RowBlock, RowForm
from batchmap.scheduling.batching import BatchSource
from batchmap.sources import InputRecord, Source, reader_of_blocks
from batchmap.stopping import StopRequest

__all__ = ["PendingItems"]

NO_MORE = 2**63
"""The item index of the next done item when there is none."""

MAX_TAKEN_BYTES = 4 * 2**20
"""Bytes of the input that are taken together, at most: large records must not add up."""


_Taken = tuple[tuple[int, bytes, Any, int], int]


class PendingItems(BatchSource):
    """The items of a source that are still to be done, in input order, to be taken once.

    Items of `done` are skipped; one that is not what it was is an error. Unreadable records are not
    among the items: they go to `on_unreadable`, to be set before the first item is taken. They are
    passed on one by one, as there may be any number of them before the next item, and the run may
    have to stop at one. `can_sync` says whether a change of the input can be followed. With
    `with_index`, what is taken is the pair `(index, item)`, the index being that in the input;
    blocks stay what they are.

    Where all that is left is new, and the source can, items are taken as a `RowBlock`, whose
    unreadable records count as items; not so without `in_blocks`.
    """

    def __init__(
        self,
        source: Source,
        identity: Identity,
        *,
        done: Iterator[ItemRange],
        limit: int | None,
        stop: StopRequest,
        can_sync: bool = True,
        with_index: bool = False,
        in_blocks: bool = True,
    ) -> None:
        self._source = source
        self._can_sync = can_sync
        self._with_index = with_index
        self._in_blocks = in_blocks
        self._identity = identity
        self._done = done
        self._limit = limit
        self._stop = stop
        self._in_flight: dict[int, PendingItem] = {}
        self._rows = RowsInFlight()
        self._block: RowBlock | None = None
        """What is left of the block that is taken now."""
        self._are_all_new = False
        """Whether no items come any more that are done."""
        self._index = 0
        self._left = self._iterate()
        self._note = ""
        """What is added to the message on a change."""
        self.on_unreadable: Callable[[PendingItem], None]
        self.row_form: Callable[[], RowForm | None] = lambda: None
        """Returns how rows of the output are made of results, for blocks that are taken now."""
        self.name = source.name
        self.total: int | None = None
        """`None`: how many items will come is not known before the last one."""
        self.done_before = 0
        """How many items are skipped."""
        self._size = InputSize(source, limit=limit)
        self._read_bytes = 0
        self.taken = 0
        """How many items were taken."""
        self._state = source.state()
        self.exhausted = False
        """Whether all records were read."""
        self.error: BatchmapError | None = None
        """Why no more items come before the end; those in flight may finish all the same."""

    def expected(self) -> int | None:
        """Estimate how many items will come, from what was read so far; `None` when unknown."""
        guess = self._size.expected(self._index)
        return None if guess is None else max(0, guess - self.done_before)

    def counted(self) -> int | None:
        """Return how many items will come; `None` where only a guess is known."""
        counted = self._size.counted
        return None if counted is None else max(0, counted - self.done_before)

    def share_done(self) -> float | None:
        """Return the share of the input that is done, from 0 to 1; `None` when unknown."""
        read = self._index - len(self._block or ())
        if not read:
            return None
        share = self._size.share(read, self._read_bytes)
        in_flight = len(self._in_flight) + self._rows.number
        return None if share is None else share * (1 - in_flight / read)

    def place(self, where: int) -> str:
        """Return where the record at a position stands, in words, for a message."""
        return self._source.place(where)

    def close(self) -> None:
        """Close the input where it was not taken to its end."""
        self._left.close()

    def take(self, number: int) -> Sequence[Any]:
        """Return the next items, at most `number`, and none at the end.

        There are fewer when the rest would have to be waited for, or when they are large.
        """
        if self._block is None and (items := self._take_one_by_one(number)):
            return items
        return () if self._block is None else self._take_rows(self._block, number)

    def _take_rows(self, block: RowBlock, number: int) -> RowBlock:
        """Return the first rows of a block, at most `number`; the others come next."""
        rows, self._block = block.split(number)
        rows.form = self.row_form()
        self._rows.add(self.taken, rows)
        self.taken += len(rows)
        self._read_bytes += rows.size_bytes
        return rows

    def _take_one_by_one(self, number: int) -> tuple[Any, ...]:
        """Return the next items as `take` does, up to the next block."""
        in_flight, make, with_index = self._in_flight, PendingItem._make, self._with_index
        taken = self.taken
        items: list[Any] = []
        left_bytes = MAX_TAKEN_BYTES
        try:
            for pending in self._left:
                if pending is None:
                    if items:
                        break
                    continue
                if isinstance(pending, RowBlock):
                    self._block = pending
                    break
                found, size = pending
                item = found[2]
                if type(item) in MUTABLE:
                    found = (found[0], found[1], Frozen(item), found[3])
                in_flight[taken] = make(found)
                taken += 1
                items.append((found[0], item) if with_index else item)
                left_bytes -= size
                if len(items) == number or left_bytes < 0:
                    break
        except BatchmapError as error:
            self.error = error.with_traceback(None)  # whose frames would keep the input open
        self.taken = taken
        self._read_bytes += MAX_TAKEN_BYTES - left_bytes + len(items)
        return tuple(items)

    def settle(self, record: BatchRecord) -> list[PendingItem] | SettledRows:
        """Return what is known of the items of a batch record; they are in flight no more."""
        if rows := self._rows.settled(record.first_item, len(record.results)):
            return rows
        pop, first = self._in_flight.pop, record.first_item
        return [pop(number) for number in range(first, first + len(record.results))]

    def _iterate(self) -> Generator[_Taken | RowBlock | None, None, None]:
        """Yield what `PendingItem` holds of items to be done, with their sizes in bytes, or blocks.

        `None` stands for a pause.
        """
        entry_of, size = self._identity.entry, self._identity.entry_bytes
        first, number, entries = self._next_range()
        source = self._source
        self._are_all_new = first == NO_MORE
        may_wait = not source.repeatable
        can_be_in_blocks = self._in_blocks and self._identity.is_digest
        in_blocks = reader_of_blocks(source) if can_be_in_blocks else None
        records: Iterator[InputRecord | RowBlock | None]
        if in_blocks is not None:
            records = in_blocks(lambda: self._are_all_new)
        else:
            records = source.records_and_pauses() if may_wait else source.records()
        for record in records:
            if record is None:
                yield None
                continue
            index = self._index
            if isinstance(record, RowBlock):
                record = record.part(0, min(len(record), (self._limit or NO_MORE) - index))
                record.first_index = index
                self._index += len(record)
                yield record
                if self._index == self._limit:
                    self.exhausted = True
                    return
                continue
            item, raw, where = record
            if index < first:
                entry = entry_of(item, raw, where)
                if type(item) is UnreadableRecord:
                    self.on_unreadable(PendingItem(index, entry, item, where))
                    if self._stop.requested:
                        return
                else:
                    yield (index, entry, item, where), len(raw)
            else:
                # Where none has to be waited for, those that are done are compared all at once.
                left = 1 if may_wait else first + number - index
                if self._limit is not None:
                    left = min(left, self._limit - index)
                found = islice(records, left - 1)  # which are no blocks, as they are not all new
                some = [record, *cast(Iterator[InputRecord], filter(None, found))]
                self._compare(some, entries[(index - first) * size :])
                self._index += len(some) - 1
                if self._index + 1 == first + number:
                    first, number, entries = self._next_range()
                    self._are_all_new = first == NO_MORE
            self._index += 1
            if self._index == self._limit:  # what comes after is not even looked at
                self.exhausted = True
                return
        if self._stop.requested:
            return
        if first < NO_MORE:
            raise self._changed(f"{self._source.name} ends after {self._index} items and had more")
        self.exhausted = True

    def _compare(self, records: list[InputRecord], known: bytes) -> None:
        """Raise an error for the first record that is not what the journal knows."""
        if (same := self._identity.same(records, known)) < len(records):
            place = self._source.place(records[same][2])
            raise self._changed(f"{place} is not what it was")

    def _changed(self, what: str) -> InputError:
        """Return the error for a change of the input since the run began."""
        advice = "{overwrite} begins anew"
        if self._can_sync:
            advice = f"{{sync}} does what is new or changed, {advice}"
        return InputError(f"{what} when the run began{self._note}", advice=advice)

    def first_change(self, done: Iterator[ItemRange] | None) -> BatchmapError | None:
        """Return an error for the first of the items `done` that changed while the run went on.

        Where `done` is `None`, only the source as a whole is compared. `None` for no change.
        """
        meanwhile = " (it changed while the run went on)"
        if self._source.state() == self._state:
            return None
        if done is None:
            return InputError(f"{self.name} is not what it was when the run began{meanwhile}")
        again = PendingItems(
            self._source,
            self._identity,
            done=done,
            limit=self._limit,
            stop=StopRequest(),
            can_sync=self._can_sync,
        )
        again.on_unreadable = lambda pending: None
        again._note = meanwhile
        if again.take(1):  # all others are done
            place = self.place(again._first_where())
            return InputError(f"{place} is new since the run began{meanwhile}")
        if again.error is None or again.error.advice:  # a change, which says so itself
            return again.error
        return InputError(f"{again.error}{meanwhile}")

    def _first_where(self) -> int:
        """Return where the first record stands that was taken."""
        rows = self._rows.settled(0, 1)
        return self._in_flight[0].where if rows is None else rows[0].where

    def _next_range(self) -> ItemRange:
        return next(self._done, (NO_MORE, 0, b""))
