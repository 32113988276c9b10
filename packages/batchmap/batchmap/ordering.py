"""Puts batch records, which come as batches finish, back into input order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from batchmap.records import BatchRecord

__all__ = ["ReorderBuffer", "in_order"]


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

    def push(self, record: BatchRecord) -> Iterator[BatchRecord]:
        """Add a record and yield those whose turn has come, in order.

        To be exhausted before the next record is added.
        """
        size_bytes = 0 if self._size_of is None else self._size_of(record)
        self._held[record.first_item] = record, size_bytes
        self.held_bytes += size_bytes
        while (found := self._held.pop(self.next_item, None)) is not None:
            record, size_bytes = found
            self.held_bytes -= size_bytes
            self.next_item += len(record.results)
            yield record


def in_order(records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
    """Yield the records in input order; those that came early wait."""
    buffer = ReorderBuffer()
    for record in records:
        yield from buffer.push(record)
