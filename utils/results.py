"""What each item of a run came to, in input order, kept within a budget of memory."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from utils.records import BatchRecord, ItemRecord

__all__ = ["ItemDigest", "ResultLog", "digest_of", "results_match"]

BUDGET_BYTES = 64 * 2**20
SMALLEST_RECORD_BYTES = 200
MISSING = 0


@dataclass(frozen=True, slots=True)
class ItemDigest:
    """Stands for an `ItemRecord` that the budget had no room for."""

    index: int
    digest: int
    """64 bits of its result, or of its error; 0 for an item that did not run."""


class ResultLog:
    """One entry an item, in input order: `ItemRecord`s while they fit, `ItemDigest`s beyond.

    Costs eight bytes an item besides the budget.
    """

    def __init__(self, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._left_bytes = budget_bytes
        self._records: dict[int, ItemRecord] = {}
        self._digests = array("Q")

    def watch(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Keep the items of each record and yield it on."""
        for record in records:
            self.add(record)
            yield record

    def add(self, record: BatchRecord) -> None:
        """Keep the items of one record."""
        end = record.first_item + len(record.results)
        if end > len(self._digests):
            self._digests.frombytes(bytes(8 * (end - len(self._digests))))
        for item in record.item_records():
            if self._left_bytes > 0:
                self._left_bytes -= SMALLEST_RECORD_BYTES + _size_bytes(item.result)
                self._records[item.index] = item
            else:
                self._digests[item.index] = _digest(item)

    def __len__(self) -> int:
        return len(self._digests)

    def __getitem__(self, index: int) -> ItemRecord | ItemDigest:
        place = range(len(self._digests))[index]
        return self._records.get(place) or ItemDigest(place, self._digests[place])

    def __iter__(self) -> Iterator[ItemRecord | ItemDigest]:
        return (self[index] for index in range(len(self)))


def results_match(one: ResultLog, other: ResultLog) -> bool:
    """Tell whether both runs gave the same result, or the same error, for every item.

    Values are compared by value, NaN equal to NaN; where the budget left a digest, by digest.
    """
    return len(one) == len(other) and all(map(_same, one, other))


def _same(one: ItemRecord | ItemDigest, other: ItemRecord | ItemDigest) -> bool:
    if isinstance(one, ItemRecord) and isinstance(other, ItemRecord):
        if one.failure or other.failure:
            return _error_of(one) == _error_of(other)
        if _plainly_equal(one.result, other.result):
            return True
    return MISSING != _digest(one) == _digest(other)


def _plainly_equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except KeyboardInterrupt:
        raise
    except BaseException:  # arrays have no single truth value, and __eq__ is anybody's code
        return False


def _error_of(item: ItemRecord) -> tuple[str, str] | None:
    return (item.failure.error_type, item.failure.error) if item.failure else None


def _digest(item: ItemRecord | ItemDigest) -> int:
    if isinstance(item, ItemDigest):
        return item.digest
    return digest_of(item.result if item.failure is None else _error_of(item))


def digest_of(value: Any) -> int:
    """Return 64 bits that are the same for equal values, whatever process made them; never 0.

    Objects of other than the plain types count by their attributes, or else by their `repr`.
    """
    try:
        parts = _parts(value)
    except RecursionError:
        parts = b"too deep"
    return int.from_bytes(blake2b(parts, digest_size=8).digest(), "big") or 1


def _parts(value: Any) -> bytes:
    name = type(value).__qualname__.encode()
    if isinstance(value, int) and not isinstance(value, bool):
        return name + hex(value).encode()
    if isinstance(value, str):
        return name + value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray):
        return name + bytes(value)
    if isinstance(value, dict):
        return name + _hashed(sorted(_parts(key) + _parts(part) for key, part in value.items()))
    if isinstance(value, set | frozenset):
        return name + _hashed(sorted(map(_parts, value)))
    if isinstance(value, list | tuple):
        return name + _hashed(map(_parts, value))
    if hasattr(value, "tolist"):
        return name + _parts(value.tolist())
    if not callable(value) and hasattr(value, "__dict__"):
        return name + _parts(vars(value))
    try:
        return name + repr(value).encode("utf-8", "surrogatepass")
    except Exception:  # it is anybody's code
        return name


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
