"""Puts batch records, which come as batches finish, back into input order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from batchmap.records import BatchRecord
from batchmap.row_blocks import RowResults

__all__ = [
    "MAX_HELD_BYTES",
    "MAX_HELD_ITEMS",
    "ReorderBuffer",
    "in_a_row",
    "in_order",
    "results_bytes",
    "size_bytes",
]

MAX_HELD_ITEMS = 50_000
MAX_HELD_BYTES = 32 * 2**20
"""How many items, and bytes of results, may wait for the record of an earlier item."""


def size_bytes(values: Sequence[Any]) -> int:
    """Estimate the memory that values take, in bytes, without the objects in them.

    Of lists, as the results of items may be, what is in them counts.
    """
    found = sum(map(sys.getsizeof, values))
    if list in map(type, values):
        found += sum(sum(map(sys.getsizeof, one)) for one in values if type(one) is list)
    return found


def results_bytes(record: BatchRecord) -> int:
    """Estimate the memory that the results of a record take, in bytes."""
    results = record.results
    return results.held_bytes() if isinstance(results, RowResults) else size_bytes(results)


class ReorderBuffer:
    """Batch records that wait until those of all earlier items have come.

    `size_of` estimates what a record takes in memory, in bytes, for `held_bytes`; it is called
    once for each record.
    """

    def __init__(self, *, size_of: Callable[[BatchRecord], int] | None = None) -> None:
        self._size_of = size_of
        self._held: dict[int, tuple[BatchRecord, int]] = {}
        self.next_item = 0
        """The index of the first item whose record has not come out, from 0."""
        self.held_bytes = 0
        """What the records that wait take in memory; 0 without `size_of`."""
        self.held_items = 0
        """How many items these records have."""

    def has_room(self) -> bool:
        """Tell whether more records may come that have to wait."""
        return self.held_items < MAX_HELD_ITEMS and self.held_bytes < MAX_HELD_BYTES

    def waiting(self) -> list[BatchRecord]:
        """Return the records that wait, and hold them no more."""
        held, self._held = self._held, {}
        self.held_bytes = self.held_items = 0
        return [record for _, (record, _) in sorted(held.items())]

    def push(self, record: BatchRecord) -> Iterator[BatchRecord]:
        """Add a record and yield those whose turn has come, in order.

        To be exhausted before the next record is added.
        """
        size_bytes = 0 if self._size_of is None else self._size_of(record)
        self._held[record.first_item] = record, size_bytes
        self.held_bytes += size_bytes
        self.held_items += len(record.results)
        while (found := self._held.pop(self.next_item, None)) is not None:
            record, size_bytes = found
            self.held_bytes -= size_bytes
            self.held_items -= len(record.results)
            self.next_item += len(record.results)
            yield record


def in_order(
    records: Iterator[BatchRecord], buffer: ReorderBuffer | None = None
) -> Iterator[BatchRecord]:
    """Yield the records in input order; those that came early wait in `buffer`."""
    buffer = buffer or ReorderBuffer()
    for record in records:
        yield from buffer.push(record)


def in_a_row(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where each range of numbers that grow by one starts and ends in a sequence."""
    if numbers and numbers[-1] - numbers[0] + 1 == len(numbers):  # they grow, as most do
        yield 0, len(numbers)
        return
    start = 0
    for end in range(1, len(numbers) + 1):
        if end == len(numbers) or numbers[end] != numbers[end - 1] + 1:
            yield start, end
            start = end
