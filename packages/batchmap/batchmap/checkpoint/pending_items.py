"""Takes the records of a source in: which are to be done, and what is known of those in flight."""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from batchmap.checkpoint.journal import DIGEST_BYTES, ItemRange
from batchmap.errors import BatchmapError, InputError
from batchmap.records import BatchRecord, UnreadableRecord
from batchmap.sources import Source
from batchmap.stopping import StopRequest

__all__ = ["PendingItem", "PendingItems", "digest_of"]

_MUTABLE = (dict, list)
"""The types of items that a function may change."""

NEVER = 2**63

MOST_TOGETHER_BYTES = 4 * 2**20
"""Bytes of the input that are taken together, at most: large records must not add up."""

ENOUGH_BYTES = 2**21
"""What was read tells how many records there are from so many bytes on; it is read in blocks."""

SAMPLED = 200
SAMPLED_BYTES = 2**20
"""How many records, and bytes of them, are looked at to guess how many there are."""


class PendingItem(NamedTuple):
    """A record of the input that is in flight."""

    item_index: int
    """Its place in the input, from 0."""
    raw: bytes
    kept: Any
    """The item, or what it is made from again where the function may have changed it."""
    where: int
    """Where the source says that it stands."""

    @property
    def item(self) -> Any:
        """The item as it was read."""
        return self.kept.thaw() if type(self.kept) is _Frozen else self.kept


class PendingItems:
    """The items of a source that are still to be done, in their order, to be walked once.

    Records that cannot be read go to `on_unreadable`, which whoever walks must set. Those of `done` are
    passed over; one that is not what it was ends the walk with an error, unless `accepts_changes`.
    """

    def __init__(
        self,
        source: Source,
        *,
        done: Iterator[ItemRange],
        limit: int | None,
        accepts_changes: bool,
        stop: StopRequest,
    ) -> None:
        self._source = source
        self._done = done
        self._limit = limit
        self._accepts_changes = accepts_changes
        self._stop = stop
        self._in_flight: dict[int, PendingItem] = {}
        self._index = 0
        self._entries = self._left()
        self.on_unreadable: Callable[[PendingItem], None]
        self.name = source.name
        self.total: int | None = None
        """How many items will come is not known before they have."""
        self.done_before = 0
        """How many items are passed over."""
        self._guessed = self._guess()
        self.taken = 0
        """How many items have come."""
        self._state = source.state()
        self.exhausted = False
        """Whether all records have been taken."""
        self.error: BatchmapError | None = None
        """What ended the walk before its end; those in flight may finish all the same."""

    def expected(self) -> int | None:
        """Return how many items will come, by what was read so far; `None` for no idea."""
        source = self._source
        share = source.fraction() if source.size_bytes is not None else None
        guess = self._guessed
        if share and source.size_bytes and share * source.size_bytes >= ENOUGH_BYTES:
            guess = round(self._index / share)
        if guess is None:
            return None
        if self._limit is not None:
            guess = min(guess, self._limit)
        return max(0, guess - self.done_before)

    def _guess(self) -> int | None:
        """Return how many records there are, by the size of the first ones."""
        source = self._source
        guess = source.total
        is_remote = "://" in source.name
        if guess is None and source.repeatable and (source.size_bytes or not is_remote):
            number = size = 0
            for _, raw, _ in source.records():
                if number == SAMPLED or size > SAMPLED_BYTES:
                    whole = source.size_bytes
                    return None if whole is None else whole * number // size
                number += 1
                size += len(raw) + 1
            guess = number
        return guess

    def place(self, where: int) -> str:
        """Name a place in the source."""
        return self._source.place(where)

    def take(self, number: int) -> tuple[Any, ...]:
        """Return the next items, at most `number`: fewer when the rest would have to be waited for,
        or when they are large.

        There are none at the end.
        """
        in_flight, make = self._in_flight, PendingItem._make
        taken = self.taken
        items: list[Any] = []
        left_bytes = MOST_TOGETHER_BYTES
        try:
            for entry in self._entries:
                if entry is None:
                    if items:
                        break
                    continue
                item = entry[2]
                if type(item) in _MUTABLE:
                    entry = (entry[0], entry[1], _Frozen(item), entry[3])
                in_flight[taken] = make(entry)
                taken += 1
                items.append(item)
                left_bytes -= len(entry[1])
                if len(items) == number or left_bytes < 0:
                    break
        except BatchmapError as error:
            self.error = error
        self.taken = taken
        return tuple(items)

    def __iter__(self) -> Iterator[Any]:
        while some := self.take(1):
            yield from some

    def settle(self, record: BatchRecord) -> list[PendingItem]:
        """Return the entries of a record's items; they are in flight no more."""
        pop, first = self._in_flight.pop, record.first_item
        return [pop(number) for number in range(first, first + len(record.results))]

    def _left(self) -> Iterator[tuple[int, bytes, Any, int] | None]:
        """Yield what is to be done, past what is done already, and `None` for pauses."""
        first, digests = self._next_range()
        end = first + len(digests) // DIGEST_BYTES
        for record in self._source.records_and_pauses():
            if record is None:
                yield None
                continue
            index = self._index
            if index == self._limit:
                self.exhausted = True
                return
            item, raw, where = record
            if index < first:
                if type(item) is UnreadableRecord:
                    self.on_unreadable(PendingItem(index, raw, item, where))
                    if self._stop.requested:
                        return
                else:
                    yield index, raw, item, where
            else:
                at = (index - first) * DIGEST_BYTES
                if digest_of(raw) != digests[at : at + DIGEST_BYTES]:
                    self._tell_change(f"{self._source.place(where)} is not what it was")
                if index + 1 == end:
                    first, digests = self._next_range()
                    end = first + len(digests) // DIGEST_BYTES
            self._index += 1
        if self._stop.requested:
            return
        if first < NEVER:
            self._tell_change(f"{self._source.name} ends after {self._index} items and had more")
        self.exhausted = True

    def _tell_change(self, what: str) -> None:
        if not self._accepts_changes:
            raise InputError(
                f"{what} when the run began; --accept-changes goes on all the same, "
                "--overwrite begins anew"
            )

    def first_change(self, done: Iterator[ItemRange] | None) -> str | None:
        """Return which of the items that are `done` has changed while the run went on, if any.

        With `None`, it is only seen whether the file is as it was.
        """
        if self._source.state() == self._state:
            return None
        if done is None:
            return f"{self.name} is not what it was when the run began"
        again = PendingItems(
            self._source,
            done=done,
            limit=self._limit,
            accepts_changes=False,
            stop=StopRequest(),
        )
        again.on_unreadable = lambda entry: None
        if again.take(1):  # all others are done
            return f"{self.place(again._in_flight[0].where)} is new since the run began"
        return None if again.error is None else str(again.error)

    def _next_range(self) -> tuple[int, bytes]:
        first, _, digests = next(self._done, (NEVER, 0, b""))
        return first, digests


class _Frozen:
    """An item as it was before the function got it."""

    __slots__ = ("_data", "_load")

    def __init__(self, item: Any) -> None:
        try:
            self._data, self._load = marshal.dumps(item), marshal.loads
        except ValueError:  # not only what JSON knows
            self._data, self._load = pickle.dumps(item), pickle.loads

    def thaw(self) -> Any:
        return self._load(self._data)


def digest_of(raw: bytes) -> bytes:
    """Return 8 bytes that stand for a record of the input."""
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()
