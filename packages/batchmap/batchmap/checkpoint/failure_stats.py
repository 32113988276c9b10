"""Counts the failures of a run by kind, and says when there are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from batchmap.error_kinds import ErrorKinds
from batchmap.records import Batch, BatchRecord, ItemFailure, ItemRecord
from batchmap.run_outcome import ErrorExample, FailedItem
from batchmap.stopping import StopRequest, Urgency
from batchmap.worker.failures import failed_record

__all__ = ["FailureLimit", "FailureStats", "HaltWatch"]

MIN_ITEMS_FOR_SHARE = 20
"""A share of failed items stops no run before so many items are done."""

FIRST_KEPT = 5
"""How many of the first failures are kept."""

MAX_RECORD_ITEMS = 50_000
"""Items of one batch record of unreadable records, at most: it is in memory at once."""


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """How many failures stop a run: a number, or a share of the items done."""

    number: int | None = None
    """`None`: any."""
    share: float | None = None
    """From 0 to 1; `None`: any."""
    urgency: Urgency = Urgency.DRAIN
    """What becomes of the items that run then."""

    @classmethod
    def of(cls, halt: int | float | None, *, now: bool = False) -> Self:
        """Return the limit that the option `halt` asks for: a share where it is no whole number.

        With `now`, items that run when it is reached are given up.
        """
        urgency = Urgency.KILL if now else Urgency.DRAIN
        if isinstance(halt, float):
            return cls(share=halt, urgency=urgency)
        return cls(number=halt, urgency=urgency)

    def is_reached(self, failed: int, done: int) -> bool:
        """Tell whether `failed` of `done` items are too many."""
        if self.number is not None and failed >= self.number:
            return True
        return (
            self.share is not None and done >= MIN_ITEMS_FOR_SHARE and failed >= self.share * done
        )


class HaltWatch:
    """Requests `stop` once as many items have failed as `limit` says; `None`: never.

    Items count as they come, whether or not it is their turn to be written.
    """

    def __init__(self, limit: FailureLimit | None, stop: StopRequest) -> None:
        self.halted = False
        """Whether there were so many failures that the run was stopped."""
        self._limit = limit
        self._stop = stop
        self._items = self._failed = 0

    def count(self, items: int, failed: int) -> None:
        """Count items that have come, and how many more have failed."""
        self._items += items
        self._failed += failed
        if self._limit is not None and self._limit.is_reached(self._failed, self._items):
            self.halt(self._limit.urgency)

    def halt(self, urgency: Urgency = Urgency.DRAIN) -> None:
        """Request `stop`, whatever the limit is."""
        self.halted = True
        self._stop.request(urgency)


class FailureStats:
    """The failures of a run so far: how many there are of each kind, and the first ones."""

    def __init__(self) -> None:
        self.number = 0
        """How many items failed, unreadable records included."""
        self.first: list[FailedItem] = []
        """The first failures, in the order in which they came."""
        self._kinds = ErrorKinds()
        self._unreadable: Counter[str] = Counter()
        self._unreadable_examples: dict[str, ItemFailure] = {}

    def add(self, record: ItemRecord, place: str) -> None:
        """Count a failed item: its index is that in the input, `place` says where it stands."""
        assert record.failure is not None
        self.number += 1
        self._kinds.add(record.failure, record.index, place)
        if len(self.first) < FIRST_KEPT:  # kept to the end, so without its exception
            failure = replace(record.failure, exception=None)
            self.first.append(FailedItem(place, replace(record, failure=failure)))

    def add_unreadable(self, record: ItemRecord, place: str) -> None:
        """Count an unreadable record, which no batch and so no batch record holds."""
        assert record.failure is not None
        self.add(record, place)
        self._unreadable[record.failure.error_type] += 1
        self._unreadable_examples.setdefault(record.failure.error_type, record.failure)

    @property
    def untaken(self) -> int:
        """Return how many unreadable records `take_unreadable` has not yielded yet."""
        return self._unreadable.total()

    def take_unreadable(self) -> Iterator[BatchRecord]:
        """Yield batch records of the unreadable records, for observers that count the items.

        Those of one type of failure share a record, whose item indexes mean nothing.
        """
        while self._unreadable:
            error_type, number = self._unreadable.popitem()
            some = min(number, MAX_RECORD_ITEMS)
            if some < number:
                self._unreadable[error_type] = number - some
            yield failed_record(Batch(0, 0, range(some)), self._unreadable_examples[error_type])

    def most_frequent(self, number: int) -> tuple[ErrorExample, ...]:
        """Return at most `number` kinds of errors, the most frequent first."""
        return self._kinds.most_frequent(number)
