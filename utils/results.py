"""What each item of a run came to, in input order, kept within a budget of memory."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from utils.records import BatchRecord, ItemRecord

__all__ = ["ItemDigest", "ResultLog", "results_match"]

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
    except Exception:  # arrays have no single truth value, and __eq__ is anybody's code
        return False


def _error_of(item: ItemRecord) -> tuple[str, str] | None:
    return (item.failure.error_type, item.failure.error) if item.failure else None


def _digest(item: ItemRecord | ItemDigest) -> int:
    if isinstance(item, ItemDigest):
        return item.digest
    text = _canonical_text(item.result if item.failure is None else _error_of(item))
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") or 1


def _canonical_text(value: Any) -> str:
    """Return the same text for equal values of the plain types, whatever process made them."""
    try:
        return json.dumps(value, sort_keys=True, default=_plainer)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def _plainer(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(map(_canonical_text, value))
    if hasattr(value, "tolist"):
        return value.tolist()
    if callable(value) or not hasattr(value, "__dict__"):
        return repr(value)
    return [type(value).__qualname__, vars(value)]


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
