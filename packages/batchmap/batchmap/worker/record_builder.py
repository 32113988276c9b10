"""What has come of the items of a batch so far, and its record."""

from __future__ import annotations

import os
import threading
from array import array
from operator import sub
from typing import Any, TypeVar

from batchmap.clock import Clock
from batchmap.records import Batch, BatchRecord, ItemFailure

__all__ = ["BatchRecordBuilder", "worker_name"]

T = TypeVar("T")


class BatchRecordBuilder:
    """What has come of the items of a batch so far."""

    def __init__(self, batch: Batch, clock: Clock) -> None:
        self.batch = batch
        self.results: list[Any] = []
        self.durations_s = array("d")
        self.began_s = array("d")
        """When the items began whose durations are not put down yet."""
        self._failures: dict[int, ItemFailure] = {}
        self._attempts: dict[int, int] = {}
        self._taken = 0
        self._clock = clock
        self._started_s = clock.now()
        self._cpu_at_start_s = clock.cpu()

    def succeed(self, place: int, result: Any, attempts: int) -> None:
        """Put down a result that took several attempts."""
        self.results.append(result)
        self._attempts[place] = attempts

    def fail(self, place: int, failure: ItemFailure, attempts: int) -> None:
        """Put down a failure."""
        self.results.append(None)
        self._failures[place] = failure
        if attempts > 1:
            self._attempts[place] = attempts

    def take_finished(self, end: int) -> BatchRecord:
        """Return the record of the items before place `end` that were not handed over before.

        What is put down later, perhaps by a thread that was given up, does not change it.
        """
        first, self._taken = self._taken, end
        self._put_down_durations(end)
        return self._record(self.results[first:end], self.durations_s[first:end], first)

    def take(self) -> BatchRecord:
        """Return the record of all items that were not handed over before; it is the last."""
        first, self._taken = self._taken, len(self.results)
        self._put_down_durations(self._taken)
        if not first:
            return self._record(self.results, self.durations_s, 0)
        return self._record(self.results[first:], self.durations_s[first:], first)

    def _put_down_durations(self, end: int) -> None:
        number = end - len(self.durations_s)
        ended_s = self.began_s[1 : number + 1]
        if len(ended_s) < number:
            ended_s.append(self._clock.now())
        self.durations_s.extend(map(sub, ended_s, self.began_s))
        del self.began_s[:number]

    def _record(self, results: list[Any], durations_s: array[float], first: int) -> BatchRecord:
        end = first + len(results)
        attempts = _between(first, end, self._attempts)
        if self.batch.attempt > 1:
            attempts = dict.fromkeys(range(len(results)), self.batch.attempt) | attempts
        if durations_s and not first:
            durations_s[0] += self.batch.spent_s
        started_s, self._started_s = self._started_s, self._clock.now()
        cpu_at_start_s, self._cpu_at_start_s = self._cpu_at_start_s, self._clock.cpu()
        return BatchRecord(
            batch_index=self.batch.index,
            first_item=self.batch.first_item + first,
            results=results,
            durations_s=durations_s,
            failures=_between(first, end, self._failures),
            attempts=attempts,
            worker=worker_name(),
            started_s=started_s,
            ended_s=self._started_s,
            cpu_s=self._cpu_at_start_s - cpu_at_start_s,
        )


def worker_name() -> str:
    """Return what tells this thread from all others, in other processes, too."""
    return f"{os.getpid()}:{threading.get_ident()}"


def _between(first: int, end: int, by_place: dict[int, T]) -> dict[int, T]:
    return {place - first: told for place, told in dict(by_place).items() if first <= place < end}
