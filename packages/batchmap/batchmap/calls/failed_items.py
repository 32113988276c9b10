"""The records of failed items among the results of a call, whose places they take."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any

from batchmap.records import BatchRecord, ItemFailure, ItemRecord

__all__ = ["NOT_BEGUN", "add_failures", "put_in_place"]

_INDEX = attrgetter("index")

NOT_BEGUN = object()
"""In place of the result of an item whose batch has not ended yet."""

MOST_EXCEPTIONS = 1000
"""So many exceptions are kept as objects, and the first one: they may hold anything. All are kept
as text."""


def add_failures(failed: list[ItemRecord], record: BatchRecord) -> None:
    """Add the records of the items that failed, the first one in the input first of all."""
    for item in record.item_records():
        if item.failure is None:
            continue
        if len(failed) >= MOST_EXCEPTIONS and item.index > failed[0].index:
            item = replace(item, failure=replace(item.failure, exception=None))
        failed.append(item)
        if item.index < failed[0].index:  # the first in the input comes first
            failed[0], failed[-1] = failed[-1], failed[0]


def put_in_place(failed: list[ItemRecord], results: list[Any], why_not: str) -> None:
    """Put the records of items that failed, or were never begun, in the places of their results."""
    failed.sort(key=_INDEX)
    for item in failed:
        results[item.index] = item
    why = ItemFailure("NotBegun", why_not, "")
    for index, result in enumerate(results):
        if result is NOT_BEGUN:
            results[index] = ItemRecord(index, None, why, 0, 0.0)
