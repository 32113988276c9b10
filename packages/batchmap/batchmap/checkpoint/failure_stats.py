"""Counts the failures of a run by type, and says when there are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from batchmap.records import Batch, BatchRecord, ErrorExample, ItemFailure
from batchmap.worker.failures import failed_record

__all__ = ["FailureLimit", "FailureStats"]

MIN_ITEMS_FOR_SHARE = 20
"""A share of failed items stops no run before so many items are done."""

MAX_RECORD_ITEMS = 50_000
"""Items of one batch record of unreadable records, at most: it is in memory at once."""


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """How many failures stop a run: a number, or a share of the items done."""

    number: int | None = None
    """`None`: any."""
    share: float | None = None
    """From 0 to 1; `None`: any."""

    @classmethod
    def of(cls, halt: int | float | None) -> Self:
        """Return the limit that the option `halt` asks for: a share where it is no whole number."""
        return cls(share=halt) if isinstance(halt, float) else cls(number=halt)

    def is_reached(self, failed: int, done: int) -> bool:
        """Tell whether `failed` of `done` items are too many."""
        if self.number is not None and failed >= self.number:
            return True
        return (
            self.share is not None and done >= MIN_ITEMS_FOR_SHARE and failed >= self.share * done
        )


class FailureStats:
    """The failures of a run so far: how many there are of each type, and the first of each."""

    def __init__(self) -> None:
        self.number = 0
        """How many items failed, unreadable records included."""
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, tuple[str, ItemFailure]] = {}
        self._unreadable: Counter[str] = Counter()

    def add(self, failure: ItemFailure, place: str) -> None:
        """Count a failure; `place` says where its item stands."""
        self.number += 1
        self._counts[failure.error_type] += 1
        if failure.error_type not in self._examples:  # kept to the end, so without its exception
            self._examples[failure.error_type] = place, replace(failure, exception=None)

    def add_unreadable(self, failure: ItemFailure, place: str) -> None:
        """Count an unreadable record, which no batch and so no batch record holds."""
        self.add(failure, place)
        self._unreadable[failure.error_type] += 1

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
            yield failed_record(Batch(0, 0, range(some)), self._examples[error_type][1])

    def most_frequent(self, number: int) -> tuple[ErrorExample, ...]:
        """Return at most `number` types of errors, the most frequent first."""
        return tuple(
            ErrorExample(name, count, self._examples[name][0], self._examples[name][1].error)
            for name, count in self._counts.most_common(number)
        )
