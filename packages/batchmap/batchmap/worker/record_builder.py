"""Collects what comes of the items of a batch, and makes the batch record of it."""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from operator import sub
from typing import Any, TypeVar

from batchmap.clock import Clock
from batchmap.records import Batch, BatchRecord, ItemFailure
from batchmap.row_blocks import OpenedBlock, RowBlock, RowResults
from batchmap.worker.forked_child import forks
from batchmap.worker.spending import Spending

__all__ = ["BatchRecordBuilder", "joined_record", "worker_name"]

T = TypeVar("T")


class BatchRecordBuilder:
    """What has come of the items of `batch` so far.

    With `with_index`, rows of a block become pairs of their index in the input and the item.

    The processor appends to `results`, `durations_s` and `began_s` itself: it does so for each
    item, and a method call would cost too much.
    """

    def __init__(self, batch: Batch, clock: Clock, *, with_index: bool = False) -> None:
        self.batch = batch
        self._clock = clock
        self._started_s = clock.now()
        self._cpu_at_start_s = clock.cpu()
        self.block: OpenedBlock | None = None
        """The items, decoded, where the batch is a block of rows."""
        self.items: Sequence[Any] = batch.items
        if isinstance(batch.items, RowBlock):
            self.block = batch.items.opened()
            self.items = self.block.numbered() if with_index else self.block.items
        self.results: list[Any] = []
        """One an item, in order; `None` for a failed one."""
        self.durations_s = array("d")
        self.began_s = array("d")
        """When the items began that have no entry in `durations_s` yet."""
        self.ended = False
        """Whether no more items of the batch should run."""
        self.forks = forks.count
        """Where `forks.count` is another one, this is a process that an item has forked."""
        self._failures: dict[int, ItemFailure] = {}
        self._attempts: dict[int, int] = {}
        self._num_taken = 0
        self.spending = Spending()
        """What the items tell to have cost."""

    def succeed(self, offset: int, result: Any, attempts: int) -> None:
        """Add a result that took several attempts."""
        self.results.append(result)
        self._attempts[offset] = attempts

    def fail(self, offset: int, failure: ItemFailure, attempts: int) -> None:
        """Add a failure."""
        self.results.append(None)
        self._failures[offset] = failure
        if attempts > 1:
            self._attempts[offset] = attempts

    def take_finished(self, end: int) -> BatchRecord:
        """Return the record of the items before offset `end`, without those taken earlier.

        What is added later, perhaps by a thread that was abandoned, does not change it.
        """
        first, self._num_taken = self._num_taken, end
        self._add_durations(end)
        return self._record(self.results[first:end], self.durations_s[first:end], first)

    def take(self) -> BatchRecord:
        """Return the record of all items, without those taken earlier; it is the last one."""
        first, self._num_taken = self._num_taken, len(self.results)
        self._add_durations(self._num_taken)
        if not first:
            return self._record(self.results, self.durations_s, 0)
        return self._record(self.results[first:], self.durations_s[first:], first)

    def _add_durations(self, end: int) -> None:
        """Complete `durations_s` up to offset `end`: an item ends when the next one begins."""
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
        failures = _between(first, end, self._failures)
        given: Sequence[Any] = results
        if self.block is not None:
            given = self.block.results(first, results, failures)
        started_s, self._started_s = self._started_s, self._clock.now()
        cpu_at_start_s, self._cpu_at_start_s = self._cpu_at_start_s, self._clock.cpu()
        return BatchRecord(
            batch_index=self.batch.index,
            first_item=self.batch.first_item + first,
            results=given,
            durations_s=durations_s,
            failures=failures,
            attempts=attempts,
            worker=worker_name(),
            started_s=started_s,
            ended_s=self._started_s,
            cpu_s=self._cpu_at_start_s - cpu_at_start_s,
            spent=self.spending.amount,
        )


def joined_record(parts: Sequence[BatchRecord]) -> BatchRecord:
    """Return the record of a batch that came in parts, in their order."""
    first, last = parts[0], parts[-1]
    durations_s = array("d")
    failures: dict[int, ItemFailure] = {}
    attempts: dict[int, int] = {}
    for part in parts:
        done = len(durations_s)
        failures.update({offset + done: one for offset, one in part.failures.items()})
        attempts.update({offset + done: one for offset, one in part.attempts.items()})
        durations_s.extend(part.durations_s)
    rows = [part.results for part in parts if isinstance(part.results, RowResults)]
    return replace(
        last,
        first_item=first.first_item,
        results=(
            RowResults.joined(rows)
            if len(rows) == len(parts)
            else list(chain.from_iterable(part.results for part in parts))
        ),
        durations_s=durations_s,
        failures=failures,
        attempts=attempts,
        started_s=first.started_s,
        cpu_s=sum(part.cpu_s for part in parts),
    )


def worker_name() -> str:
    """Return a name that no other thread has, in this or any other process of the machine."""
    return f"{os.getpid()}:{threading.get_ident()}"


def _between(first: int, end: int, by_offset: dict[int, T]) -> dict[int, T]:
    """Return the entries of offsets from `first` up to `end`, counted from `first`."""
    return {
        offset - first: value for offset, value in dict(by_offset).items() if first <= offset < end
    }
