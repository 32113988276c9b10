"""Counts what became of a run's items: failures by type, retries, and how long items took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batchmap.command.text_layout import encodable
from batchmap.records import BatchRecord

__all__ = ["BOUNDS_S", "OTHER_TYPES", "RunTotals", "Totals"]

BOUNDS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0)
"""The upper bounds of the histogram's buckets; one without a bound follows."""

MAX_LOOKED_AT = 16
"""Of a batch with more items, so many stand for all in the histogram: there may be millions of
items a second."""

MAX_TYPES = 20
"""Types of errors that are counted by themselves: each is a series of its own where metrics go."""

MAX_TYPE_CHARACTERS = 100

OTHER_TYPES = "other"


@dataclass(frozen=True, slots=True)
class Totals:
    """What `RunTotals` has counted."""

    failed_by_type: Mapping[str, int]
    retries: int
    """Attempts beyond the first, of all items together."""
    busy_s: float
    """Sum of the times that items held their workers."""
    buckets: tuple[int, ...]
    """How many items took at most as long as each of `BOUNDS_S` and longer than the one before;
    at the end, those that took longer than all."""

    @classmethod
    def none(cls) -> Totals:
        """Return those of no items."""
        return cls({}, 0, 0.0, (0,) * (len(BOUNDS_S) + 1))


class RunTotals:
    """Count the items of a run, on top of `before`; another thread may read it."""

    def __init__(self, before: Totals) -> None:
        self._failed = Counter(before.failed_by_type)
        self._retries = before.retries
        self._busy_s = before.busy_s
        self._buckets = list(before.buckets)

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Add each record and yield it on."""
        for record in records:
            self._add(record)
            yield record

    def totals(self) -> Totals:
        """Return the counts so far."""
        return Totals(dict(self._failed), self._retries, self._busy_s, tuple(self._buckets))

    def _add(self, record: BatchRecord) -> None:
        if record.attempts:
            self._retries += sum(record.attempts.values()) - len(record.attempts)
        for failure in record.failures.values():
            name = encodable(failure.error_type[:MAX_TYPE_CHARACTERS])
            if name not in self._failed and len(self._failed) >= MAX_TYPES:
                name = OTHER_TYPES
            self._failed[name] += 1
        times_s, buckets = record.durations_s, self._buckets
        step = -(-len(times_s) // MAX_LOOKED_AT)
        if step > 1:
            self._add_many(record, step)
            return
        for time_s in times_s:
            buckets[bisect_left(BOUNDS_S, time_s)] += 1
            self._busy_s += time_s

    def _add_many(self, record: BatchRecord, step: int) -> None:
        """Add a record with every so many of its items, each for those up to the next one."""
        times_s = record.durations_s
        for at in range(0, len(times_s), step):
            number = min(step, len(times_s) - at)
            self._buckets[bisect_left(BOUNDS_S, times_s[at])] += number
            self._busy_s += number * times_s[at]
