"""What the scheduler asks how many batches may be in flight, and tells what came of them."""

from __future__ import annotations

from typing import Protocol

from batchmap.records import Batch, BatchRecord

__all__ = ["ConcurrencyControl"]


class ConcurrencyControl(Protocol):
    """Finds how many batches should be in flight."""

    @property
    def limit(self) -> int:
        """How many items may run at once now."""

    @property
    def may_be_connected(self) -> bool:
        """Whether there may be another side, so that the number follows what it bears."""

    @property
    def is_connected(self) -> bool:
        """Whether it is known that there is, or the bounds were asked for."""

    def most_in_flight(self, planned: int) -> int:
        """Return how many may be in flight now, where `planned` ones are by default."""

    def learn(self, batch: Batch, record: BatchRecord, *, in_flight: int) -> None:
        """Take in what came of an attempt at a batch, which was one of those `in_flight`."""
