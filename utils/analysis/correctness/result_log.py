"""The result of each item of a run, in input order, within a budget of memory."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from batchmap.records import BatchRecord, ItemRecord

from .equality import plainly_equal, without_addresses
from .value_digest import value_digest

__all__ = ["ItemDigest", "ItemNumber", "LogEntry", "ResultLog", "did_run", "entry_digest"]

BUDGET_BYTES = 64 * 2**20
"""Memory for the `ItemRecord`s of a run, as far as it can be estimated."""

MIN_RECORD_BYTES = 200
"""An `ItemRecord` without its result."""

COMPARED_AT_ONCE = 4096
"""Items that are compared in one step where both logs hold only numbers and digests of them."""

_WORD = struct.Struct("=Q")
_INTEGER = struct.Struct("=q")
_FLOAT = struct.Struct("=d")

_NOT_RUN, _RECORD, _DIGEST, _AS_INTEGER, _AS_FLOAT = range(5)
"""What the eight bytes of an item hold; those of a record are not used."""


@dataclass(frozen=True, slots=True)
class ItemNumber:
    """The plain number that an item gave, where the budget has no room for its `ItemRecord`."""

    index: int
    """Position in the input, from 0."""
    number: int | float
    """The result."""


@dataclass(frozen=True, slots=True)
class ItemDigest:
    """The digest of what an item gave, where the budget has no room for its `ItemRecord`."""

    index: int
    """Position in the input, from 0."""
    digest: int
    """64 bits of the result, or of the error; 0 for an item that did not run."""


LogEntry = ItemRecord | ItemNumber | ItemDigest
"""What a log holds of an item."""


class ResultLog:
    """One entry an item, in input order: `ItemRecord`s while they fit the budget of memory.

    Beyond that, `ItemNumber`s for numbers of at most 64 bits, and `ItemDigest`s for all else.
    Takes nine bytes an item besides the budget.
    """

    def __init__(self, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._left_bytes = budget_bytes
        self._records: dict[int, ItemRecord] = {}
        self._kinds = bytearray()
        self._words = array("Q")

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Log the items of each record and yield it on."""
        for record in records:
            self.add(record)
            yield record

    def add(self, record: BatchRecord) -> None:
        """Log the items of one record."""
        more = record.first_item + len(record.results) - len(self._kinds)
        if more > 0:
            self._kinds.extend(bytes(more))
            self._words.frombytes(bytes(8 * more))
        for item in record.item_records():
            if self._left_bytes > 0:
                self._left_bytes -= MIN_RECORD_BYTES + _size_bytes(item.result)
                self._records[item.index] = item
                self._kinds[item.index] = _RECORD
            else:
                self._kinds[item.index], self._words[item.index] = _packed(item)

    def __len__(self) -> int:
        return len(self._kinds)

    def __getitem__(self, index: int) -> LogEntry:
        index = range(len(self._kinds))[index]  # for negative ones, and those out of range
        kind, word = self._kinds[index], self._words[index]
        if kind == _RECORD:
            return self._records[index]
        if kind == _AS_FLOAT:
            return ItemNumber(index, _FLOAT.unpack(_WORD.pack(word))[0])
        if kind == _AS_INTEGER:
            return ItemNumber(index, _INTEGER.unpack(_WORD.pack(word))[0])
        return ItemDigest(index, word)

    def __iter__(self) -> Iterator[LogEntry]:
        return (self[index] for index in range(len(self)))

    def entry(self, index: int) -> LogEntry:
        """Return the entry of an item, that of one that did not run beyond the end of the log."""
        return self[index] if index < len(self) else ItemDigest(index, 0)

    def possibly_different(self, other: ResultLog) -> Iterator[int]:
        """Yield the indices of items whose results are not known to be equal without comparing.

        Equal numbers, equal digests and results that are `==` are left out; what is yielded may
        still turn out to be equal by value.
        """
        kinds, words = memoryview(self._kinds), memoryview(self._words)
        other_kinds, other_words = memoryview(other._kinds), memoryview(other._words)
        end = min(len(self), len(other))
        for start in range(0, end, COMPARED_AT_ONCE):
            part = slice(start, min(start + COMPARED_AT_ONCE, end))
            part_kinds = bytes(kinds[part])
            if (
                _NOT_RUN not in part_kinds
                and _RECORD not in part_kinds
                and part_kinds == other_kinds[part]
                and words[part].tobytes() == other_words[part].tobytes()
            ):
                continue
            for index in range(part.start, part.stop):
                if not self._surely_same(index, other):
                    yield index
        yield from range(end, max(len(self), len(other)))

    def _surely_same(self, index: int, other: ResultLog) -> bool:
        kind = self._kinds[index]
        if kind == _NOT_RUN or kind != other._kinds[index]:
            return False
        if kind != _RECORD:
            return self._words[index] == other._words[index]
        one, two = self._records[index], other._records[index]
        return one.failure is two.failure is None and plainly_equal(one.result, two.result)


def _packed(item: ItemRecord) -> tuple[int, int]:
    """Return what the eight bytes of an item hold, and those bytes as a number."""
    number = item.result
    if item.failure is None:
        if isinstance(number, float):
            return _AS_FLOAT, _WORD.unpack(_FLOAT.pack(number))[0]
        if type(number) is int and -(2**63) <= number < 2**63:
            return _AS_INTEGER, _WORD.unpack(_INTEGER.pack(number))[0]
    return _DIGEST, entry_digest(item)


def did_run(entry: LogEntry) -> bool:
    """Return whether the item ran, successfully or not."""
    return not (isinstance(entry, ItemDigest) and entry.digest == 0)


def entry_digest(entry: LogEntry) -> int:
    """Return 64 bits that are the same for entries of equal results, or of the same error."""
    if isinstance(entry, ItemDigest):
        return entry.digest
    if isinstance(entry, ItemNumber):
        return value_digest(entry.number)
    if entry.failure is None:
        return value_digest(entry.result)
    return value_digest((entry.failure.error_type, without_addresses(entry.failure.error)))


def _size_bytes(value: Any) -> int:
    """Estimate the memory that a result takes, in bytes, two levels deep."""
    size = sys.getsizeof(value, 0)
    if isinstance(value, dict):
        return size + sum(
            sys.getsizeof(key, 0) + _shallow_bytes(part) for key, part in value.items()
        )
    return _shallow_bytes(value)


def _shallow_bytes(value: Any) -> int:
    size = sys.getsizeof(value, 0)
    if isinstance(value, list | tuple | set | frozenset):
        size += sum(sys.getsizeof(part, 0) for part in value)
    return size
