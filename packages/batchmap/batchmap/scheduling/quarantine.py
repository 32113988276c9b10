"""Batches whose workers crashed, nobody knows at which of their items."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from batchmap.records import Batch, BatchRecord, ItemFailure
from batchmap.scheduling.retry_queue import RetryQueue
from batchmap.worker.failures import failed_record

__all__ = ["MAX_CRASHES", "Quarantine"]

MAX_CRASHES = 2
"""An item at which so many workers crashed has failed."""


class Quarantine:
    """Items at which workers seem to have crashed, to be run with nothing beside them.

    What is to run again otherwise goes to the queue `again`.
    """

    def __init__(self, again: RetryQueue) -> None:
        self._again = again
        self._waiting: deque[Batch] = deque()
        self._alone: Batch | None = None
        """The item that runs now."""

    def __bool__(self) -> bool:
        """Tell whether there is an item that waits or runs."""
        return self._alone is not None or bool(self._waiting)

    @property
    def next(self) -> Batch:
        """The item that waits first."""
        return self._waiting[0]

    def begin(self) -> None:
        """Take note that the item that waits first runs now."""
        self._alone = self._waiting.popleft()

    def end(self, batch: Batch) -> bool:
        """Take note that a batch runs no more; tell whether it was an item of these."""
        if batch is not self._alone:
            return False
        self._alone = None
        return True

    def put_back(self, item: Batch) -> None:
        """Have an item wait again that no worker has begun."""
        self._waiting.appendleft(item)

    def settle(
        self, left: Batch, crashes: int, failure: ItemFailure, *, was_alone: bool
    ) -> list[BatchRecord]:
        """Run what is left of a batch again after so many `crashes`; return what has failed.

        It runs once more as it is, then in batches of one item, and an item whose worker crashes
        again comes here, where no other item can be the cause.
        """
        if was_alone:
            return [failed_record(left, failure)]
        if crashes < MAX_CRASHES:
            self._again.add(replace(left, crashes=crashes))
        elif len(left.items) == 1:
            self._waiting.append(replace(left, crashes=crashes - 1))
        else:
            for offset in range(len(left.items)):
                self._again.add(replace(left.part(offset, offset + 1), crashes=crashes - 1))
        return []
