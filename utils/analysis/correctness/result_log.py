"""What each item of a run came to, in input order, kept within a budget of memory."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from batchmap.records import BatchRecord, ItemRecord

from .equality import plainly_equal, unfolded, without_addresses

__all__ = [
    "Entry",
    "ItemDigest",
    "ItemNumber",
    "ResultLog",
    "digest_of",
    "entry_digest",
]

BUDGET_BYTES = 64 * 2**20
SMALLEST_RECORD_BYTES = 200

STRETCH = 4096
"""So many items are compared at once where both logs keep numbers and digests alone."""

_WORD = struct.Struct("=Q")
_INTEGER = struct.Struct("=q")
_FLOAT = struct.Struct("=d")

_NOT_RUN, _RECORD, _DIGEST, _AS_INTEGER, _AS_FLOAT = range(5)
"""What the eight bytes of an item are; of a record, they are not used."""


@dataclass(frozen=True, slots=True)
class ItemNumber:
    """Stands for an `ItemRecord` of a plain number that the budget had no room for."""

    index: int
    number: int | float
    """Its result."""


@dataclass(frozen=True, slots=True)
class ItemDigest:
    """Stands for any other `ItemRecord` that the budget had no room for."""

    index: int
    digest: int
    """64 bits of its result, or of its error; 0 for an item that did not run."""


Entry = ItemRecord | ItemNumber | ItemDigest


class ResultLog:
    """One entry an item, in input order: `ItemRecord`s while they fit.

    Beyond that, `ItemNumber`s for numbers of at most 64 bits, and `ItemDigest`s for all else.
    Costs nine bytes an item besides the budget.
    """

    def __init__(self, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._left_bytes = budget_bytes
        self._records: dict[int, ItemRecord] = {}
        self._kinds = bytearray()
        self._words = array("Q")

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Keep the items of each record and yield it on."""
        for record in records:
            self.add(record)
            yield record

    def add(self, record: BatchRecord) -> None:
        """Keep the items of one record."""
        more = record.first_item + len(record.results) - len(self._kinds)
        if more > 0:
            self._kinds.extend(bytes(more))
            self._words.frombytes(bytes(8 * more))
        for item in record.item_records():
            if self._left_bytes > 0:
                self._left_bytes -= SMALLEST_RECORD_BYTES + _size_bytes(item.result)
                self._records[item.index] = item
                self._kinds[item.index] = _RECORD
            else:
                self._kinds[item.index], self._words[item.index] = _packed(item)

    def __len__(self) -> int:
        return len(self._kinds)

    def __getitem__(self, index: int) -> Entry:
        place = range(len(self._kinds))[index]
        kind, word = self._kinds[place], self._words[place]
        if kind == _RECORD:
            return self._records[place]
        if kind == _AS_FLOAT:
            return ItemNumber(place, _FLOAT.unpack(_WORD.pack(word))[0])
        if kind == _AS_INTEGER:
            return ItemNumber(place, _INTEGER.unpack(_WORD.pack(word))[0])
        return ItemDigest(place, word)

    def __iter__(self) -> Iterator[Entry]:
        return (self[index] for index in range(len(self)))

    def entry(self, index: int) -> Entry:
        """Return what is known of the item at place `index`, however far out that is."""
        return self[index] if index < len(self) else ItemDigest(index, 0)

    def possibly_different(self, other: ResultLog) -> Iterator[int]:
        """Yield the places where a quick look does not find the same in both; a closer one may."""
        kinds, words = memoryview(self._kinds), memoryview(self._words)
        other_kinds, other_words = memoryview(other._kinds), memoryview(other._words)
        end = min(len(self), len(other))
        for start in range(0, end, STRETCH):
            stretch = slice(start, min(start + STRETCH, end))
            told = bytes(kinds[stretch])
            if (
                _NOT_RUN not in told
                and _RECORD not in told
                and told == other_kinds[stretch]
                and words[stretch].tobytes() == other_words[stretch].tobytes()
            ):
                continue
            for place in range(stretch.start, stretch.stop):
                if not self._surely_same(place, other):
                    yield place
        yield from range(end, max(len(self), len(other)))

    def _surely_same(self, place: int, other: ResultLog) -> bool:
        kind = self._kinds[place]
        if kind == _NOT_RUN or kind != other._kinds[place]:
            return False
        if kind != _RECORD:
            return self._words[place] == other._words[place]
        one, two = self._records[place], other._records[place]
        return one.failure is two.failure is None and plainly_equal(one.result, two.result)


def _packed(item: ItemRecord) -> tuple[int, int]:
    """Return what an item's eight bytes are, and those bytes."""
    number = item.result
    if item.failure is None:
        if isinstance(number, float):
            return _AS_FLOAT, _WORD.unpack(_FLOAT.pack(number))[0]
        if type(number) is int and -(2**63) <= number < 2**63:
            return _AS_INTEGER, _WORD.unpack(_INTEGER.pack(number))[0]
    return _DIGEST, entry_digest(item)


def entry_digest(entry: Entry) -> int:
    """Return 64 bits that are the same for entries of the same result, or the same error."""
    if isinstance(entry, ItemDigest):
        return entry.digest
    if isinstance(entry, ItemNumber):
        return digest_of(entry.number)
    if entry.failure is None:
        return digest_of(entry.result)
    return digest_of((entry.failure.error_type, without_addresses(entry.failure.error)))


def digest_of(value: Any) -> int:
    """Return 64 bits that are the same for equal values, whatever process made them; never 0.

    Objects of other than the plain types count by what makes them up.
    """
    try:
        parts = _parts(value)
    except RecursionError:
        parts = b"too deep"
    return int.from_bytes(blake2b(parts, digest_size=8).digest(), "big") or 1


def _parts(value: Any) -> bytes:
    if isinstance(value, int | float | complex):
        return _parts_of_number(value)
    name = type(value).__qualname__.encode()
    if isinstance(value, str):
        return name + value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray):
        return name + bytes(value)
    if isinstance(value, dict):
        return name + _hashed(
            sorted(_hashed((_parts(key), _parts(part))) for key, part in value.items())
        )
    if isinstance(value, set | frozenset):
        return name + _hashed(sorted(map(_parts, value)))
    if isinstance(value, list | tuple):
        return name + _hashed(map(_parts, value))
    if value is None:
        return name
    try:
        return name + _parts(unfolded(value))
    except (KeyboardInterrupt, RecursionError):
        raise
    except BaseException:  # it is anybody's code
        return name


def _parts_of_number(value: complex) -> bytes:
    """Return the same for all numbers that are equal, of whatever type."""
    if isinstance(value, complex):
        if value.imag:
            return b"number" + _parts_of_number(value.real) + b"j" + _parts_of_number(value.imag)
        value = value.real
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return b"number" + (hex(value) if isinstance(value, int) else repr(float(value))).encode()


def _hashed(parts: Iterable[bytes]) -> bytes:
    """Return a digest of the parts, each told apart from the next by its length."""
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


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
