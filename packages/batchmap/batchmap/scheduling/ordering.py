"""Puts batch records, which come as they finish, back into input order."""

from __future__ import annotations

from collections.abc import Iterator

from batchmap.records import BatchRecord

__all__ = ["in_order"]


def in_order(records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
    """Yield the records in input order; those that come early wait in memory."""
    early: dict[int, BatchRecord] = {}
    next_item = 0
    for record in records:
        early[record.first_item] = record
        while next_item in early:
            record = early.pop(next_item)
            next_item += len(record.results)
            yield record
