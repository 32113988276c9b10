"""The failures of a run, counted by kind, and when there are too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from batchmap.records import Batch, BatchRecord, ErrorExample, ItemFailure
from batchmap.worker.failures import failed_record

__all__ = ["FailureLimit", "FailureStats"]

LEAST_FOR_SHARE = 20
"""A share of failed items counts from so many items on."""

LARGEST_RECORD = 50_000
"""Items in a record of what could not be read, at most."""


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """When a run is to be stopped for its failures: after so many, or at a share of all."""

    number: int | None = None
    share: float | None = None

    def is_reached(self, failed: int, done: int) -> bool:
        """Tell whether `failed` of `done` items are too many."""
        if self.number is not None and failed >= self.number:
            return True
        return self.share is not None and done >= LEAST_FOR_SHARE and failed >= self.share * done


class FailureStats:
    """Count the failures of a run and keep the first of each kind."""

    def __init__(self) -> None:
        self.number = 0
        """How many items failed."""
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, tuple[str, ItemFailure]] = {}
        self._unread: Counter[str] = Counter()

    def add(self, failure: ItemFailure, place: str) -> None:
        """Count the failure of the item that stands at `place`."""
        self.number += 1
        self._counts[failure.error_type] += 1
        self._examples.setdefault(failure.error_type, (place, failure))

    def add_unread(self, failure: ItemFailure, place: str) -> None:
        """Count a record of the input that could not be read, and so never became an item."""
        self.add(failure, place)
        self._unread[failure.error_type] += 1

    @property
    def unread(self) -> int:
        """Return how many records that could not be read were not taken yet."""
        return self._unread.total()

    def take_unread(self) -> Iterator[BatchRecord]:
        """Yield records of those that could not be read, for the sums of the run."""
        while self._unread:
            error_type, number = self._unread.popitem()
            some = min(number, LARGEST_RECORD)
            if some < number:
                self._unread[error_type] = number - some
            yield failed_record(Batch(0, 0, range(some)), self._examples[error_type][1])

    def most_frequent(self, number: int) -> tuple[ErrorExample, ...]:
        """Return so many kinds of errors, the most frequent first."""
        return tuple(
            ErrorExample(name, count, self._examples[name][0], self._examples[name][1].error)
            for name, count in self._counts.most_common(number)
        )
