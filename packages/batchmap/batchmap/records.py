"""The records that modules hand to each other: batches, what came of them, plans, progress."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchmap.concurrency import Concurrency
from batchmap.exception_pickling import pickled_exception, unpickled_exception

__all__ = [
    "Batch",
    "BatchRecord",
    "ItemFailure",
    "ItemList",
    "ItemRecord",
    "Plan",
    "Progress",
    "RetryDecision",
    "UnreadableRecord",
]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some items that are sent to a worker together."""

    index: int
    """Number of the batch in the run, from 0."""
    first_item: int
    """Index of its first item in the input, from 0."""
    items: Sequence[Any]
    attempt: int = 1
    """Number of this attempt at its items, from 1."""
    spent_s: float = 0.0
    """Seconds that earlier attempts at its one item took."""
    crashes: int = 0
    """How many workers have crashed at its one item."""
    retry_until_s: float = math.inf
    """Until when its one item may be tried again, on the scheduler's clock."""
    begin_by_s: float = math.inf
    """Until when it may begin, on the clock that all processes of the machine share: a rate counts
    it as begun by then. Later, it comes back as it is."""

    @property
    def num_items(self) -> int:
        """How many items it has, those of lists of items counted one by one."""
        if self.items and type(self.items[0]) is ItemList:
            return sum(map(len, self.items))
        return len(self.items)

    def part(self, start: int, end: int) -> Batch:
        """Return the items at the offsets from `start` up to `end` as a batch of their own."""
        return Batch(
            self.index,
            self.first_item + start,
            self.items[start:end],
            self.attempt,
            retry_until_s=self.retry_until_s,
        )


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What the failure of an attempt says of the next one."""

    is_final: bool = False
    """Whether none can succeed, so that none is made."""
    after_s: float | None = None
    """How many seconds to wait, where the function or `retry_if` said so; `None`: as usual."""
    at_least_s: float = 0.0
    """How many seconds to wait at least, as a server asks for."""
    is_requested: bool = False
    """Whether the function itself said what follows, and not what failed."""
    pause_s: float | None = None
    """For how many seconds no item is to be started; then this one is, as if nothing had been."""
    stops: bool = False
    """Whether no further items are to be started, and this one is not done."""
    http_status: int | None = None
    """The status code, where an error of HTTP failed the attempt, or was the cause of what did."""
    problem: str = ""
    """Why nothing could be decided; empty where it was."""

    @property
    def is_for_all(self) -> bool:
        """Whether it is about all items, so that this one is neither done nor has failed."""
        return self.stops or self.pause_s is not None


class ItemList(list[Any]):
    """Items that the function gets together, as the list that they are; the engine's one item."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ItemFailure:
    """Why an item failed: as text, and the exception itself where it can be sent from a worker."""

    error_type: str
    """Name of the exception's class."""
    error: str
    """Its message, at most 8 KB."""
    traceback: str
    """As `traceback.format_exception` gives it, with causes, contexts, groups and notes; at most
    8 KB, its middle left out; empty when nothing was raised."""
    exception: BaseException | None = field(default=None, compare=False, repr=False)
    """What was raised, without its frames, as those would keep the function's variables alive;
    `None` when nothing was, or when it cannot be pickled on its way from another process."""
    retry: RetryDecision | None = field(default=None, compare=False, repr=False)
    """What it says of another attempt; `None` where nothing was raised that says so."""

    def __reduce__(self) -> tuple[Any, ...]:
        texts = self.error_type, self.error, self.traceback
        sent = None if self.exception is None else pickled_exception(self.exception)
        return _sent_failure, (*texts, sent, self.retry)

    @property
    def http_status(self) -> int | None:
        """The status code, where an error of HTTP is the failure, or the cause of it."""
        return None if self.retry is None else self.retry.http_status

    @property
    def is_for_all(self) -> bool:
        """Whether it is about all items, so that its own is neither done nor has failed."""
        return self.retry is not None and self.retry.is_for_all

    @property
    def is_requested(self) -> bool:
        """Whether the function itself said what follows, and not what failed."""
        return self.retry is not None and self.retry.is_requested


def _sent_failure(
    error_type: str, error: str, traceback: str, sent: bytes | None, retry: RetryDecision | None
) -> ItemFailure:
    exception = None if sent is None else unpickled_exception(sent)
    return ItemFailure(error_type, error, traceback, exception, retry)


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """In place of an item whose record in the input cannot be read; the function never gets it."""

    failure: ItemFailure
    text: str
    """The record as it stands in the input; of one that is too long, its first 8 KB."""


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """What became of one item."""

    index: int
    """Index of the item in the input, from 0."""
    result: Any
    """What the function returned; `None` when it failed."""
    failure: ItemFailure | None
    """`None` when it succeeded."""
    attempts: int
    """Attempts in all; 0 when it was never begun, as `on_error="stop"` ended the call before."""
    duration_s: float
    """Seconds that it occupied its worker, all attempts together."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """What became of one batch, in columns, so that it is sent from a worker quickly."""

    batch_index: int
    first_item: int
    results: Sequence[Any]
    """One per item, `None` for a failed one; fewer than the batch has when it was cut short."""
    durations_s: array[float]
    """Seconds, one per item; items that take less than reading the clock share their time."""
    failures: Mapping[int, ItemFailure]
    """By offset in the batch."""
    attempts: Mapping[int, int]
    """By offset in the batch; an item that is missing took one."""
    worker: str
    """The process and thread that ran it; empty where none did."""
    started_s: float
    """Seconds, on the clock that all processes of the machine share."""
    ended_s: float
    cpu_s: float
    """CPU seconds that the worker's thread used."""
    spent: float | None = None
    """What its items have told to have cost, together, by `spent`; `None` where none has."""

    def part(self, start: int, end: int) -> BatchRecord:
        """Return the record of the items at the offsets from `start` up to `end`.

        Each item gets an equal share of the worker's CPU time.
        """
        return BatchRecord(
            self.batch_index,
            self.first_item + start,
            self.results[start:end],
            self.durations_s[start:end],
            {at - start: one for at, one in self.failures.items() if start <= at < end},
            {at - start: one for at, one in self.attempts.items() if start <= at < end},
            self.worker,
            self.started_s,
            self.ended_s,
            self.cpu_s * (end - start) / len(self.results),
        )

    def item_records(self) -> Iterator[ItemRecord]:
        """Unpack the record of each item, in order."""
        for offset, result in enumerate(self.results):
            yield ItemRecord(
                index=self.first_item + offset,
                result=result,
                failure=self.failures.get(offset),
                attempts=self.attempts.get(offset, 1),
                duration_s=self.durations_s[offset],
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is done: its backend, workers and batch size, with the reasons."""

    backend: str
    workers: int
    batch_size: int
    """Items in a batch; the last batches may have fewer, so that all workers end together. Where
    sizes followed what was measured, reports have their mean here, as a whole number."""
    num_batches: int | None
    """`None` while the number of items is unknown."""
    why: tuple[str, ...]
    """The reasons, a sentence each."""
    predicted_s: float | None = None
    """Seconds that the whole run will take, measuring included; `None` when not measured."""
    predicted_range_s: tuple[float, float] | None = None
    """Holds that time with 95 % confidence, as far as a sample of the items tells; else `None`."""
    is_open: bool = False
    """Whether what the caller left open is chosen while the first items run."""
    concurrency: Concurrency | None = None
    """Where the run finds how many items run at once: its bounds, and what it found; else `None`.
    `workers` are the most then, and at the end of the run the most that were allowed at once."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call is."""

    done: int
    """Items that have ended, failed ones included."""
    failed: int
    total: int | None
    """How many items there are; `None` when unknown."""
    elapsed_s: float
    """Seconds since the call began."""
    rate: float | None
    """Items a second of late; `None` before any has ended."""

    @property
    def left_s(self) -> float | None:
        """In how many seconds all is done if it goes on like this, `None` when unknown."""
        if self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate
