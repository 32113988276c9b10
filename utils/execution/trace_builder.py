"""Builds the trace of a run from its batch records, in bounded memory.

The idle time of workers is divided into three: before a worker's first batch (start), after its
last (tail), and all the rest (hand-over). So the three and the items' own times add up to the
workers' time exactly.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from batchmap.records import BatchRecord

from .in_flight import InFlight
from .trace import Environment, Span, Trace

__all__ = ["TraceBuilder"]

MAX_SPANS = 2000
"""With more than twice as many, each two of a worker that follow each other are joined."""

MAX_COROUTINES = 10_000
"""The highest worker count that can be asked for."""

MAX_TIMES = 50_000
"""With more items, the times of every second, fourth, ... are kept."""


@dataclass(slots=True)
class _Worker:
    """What one worker ran."""

    started_s: float
    """Start of its first batch."""
    ended_s: float
    """End of its last batch."""
    spans: list[Span]


class TraceBuilder:
    """The growing trace of a run; its memory does not grow with the number of records.

    `began_s` is when the run began, on the clock of the records. `coroutines` returns whether the
    items overlap in one worker, as coroutines do; that may change until the plan is made.
    """

    def __init__(self, *, began_s: float, coroutines: Callable[[], bool] = lambda: False) -> None:
        self._began_s = began_s
        self._coroutines = coroutines
        self._overlapping = _OverlappingItems()
        self._in_flight = InFlight(began_s=began_s)
        self._calling_thread = f"{os.getpid()}:{threading.get_ident()}"
        self._workers: dict[str, _Worker] = {}
        self._spans = 0
        self._times_s = array("d")
        self._items_a_time = 1
        self._longest_s = -1.0
        self._longest_item = 0
        self._longest_batch = 0.0, 0

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Add each record and yield it on."""
        for record in records:
            self.add(record)
            yield record

    def add(self, record: BatchRecord) -> None:
        """Add one record."""
        times_s = record.durations_s
        if not times_s:
            return
        longest_s = max(times_s)
        if longest_s > self._longest_s:
            self._longest_s = longest_s
            self._longest_item = record.first_item + times_s.index(longest_s)
        batch_s = busy_s = sum(times_s)
        if self._coroutines():
            self._overlapping.add(record, longest_s)
            self._add_in_flight(record, longest_s)
            batch_s = record.ended_s - record.started_s
        elif record.worker:  # the record of an item whose worker crashed names none
            self._add_span(record, busy_s)
        self._longest_batch = max(self._longest_batch, (batch_s, len(times_s)))
        self._times_s.extend(times_s[-record.first_item % self._items_a_time :: self._items_a_time])
        while len(self._times_s) > MAX_TIMES:
            self._times_s = self._times_s[::2]
            self._items_a_time *= 2

    def _add_in_flight(self, record: BatchRecord, longest_s: float) -> None:
        started_s = record.ended_s - longest_s
        for duration_s in record.durations_s:
            self._in_flight.add(started_s, started_s + duration_s)

    def _add_span(self, record: BatchRecord, busy_s: float) -> None:
        span = Span(
            worker=0,
            started_s=record.started_s,
            ended_s=record.ended_s,
            batches=1,
            first_item=record.first_item,
            items=len(record.durations_s),
            busy_s=busy_s,
            failed=len(record.failures),
            retried=len(record.attempts),
            in_place=record.worker == self._calling_thread,
        )
        worker = self._workers.get(record.worker)
        if worker is None:
            worker = self._workers[record.worker] = _Worker(span.started_s, span.ended_s, [])
        worker.started_s = min(worker.started_s, span.started_s)
        worker.ended_s = max(worker.ended_s, span.ended_s)
        worker.spans.append(span)
        self._spans += 1
        if self._spans > 2 * MAX_SPANS:
            self._join_pairs()

    def _join_pairs(self) -> None:
        for worker in self._workers.values():
            spans = worker.spans
            worker.spans = [_joined(spans[first : first + 2]) for first in range(0, len(spans), 2)]
        self._spans = sum(len(worker.spans) for worker in self._workers.values())

    def trace(
        self, *, wall_s: float, busy_s: float, workers: int, surroundings: Environment
    ) -> Trace:
        """Return the trace of a run that took `wall_s`; `workers` spent `busy_s` of it on items.

        A worker that replaced another, as after a crash, shares the number of that one.
        """
        rows = _rows(list(self._workers.values()), workers)
        idle_s = workers * wall_s - busy_s
        starts_s, ends_s = (
            self._overlapping.starts_and_ends(workers)
            if self._coroutines()
            else _starts_and_ends(rows)
        )
        start_s = sum(max(0.0, start_s - self._began_s) for start_s in starts_s)
        tail_s = sum(max(0.0, wall_s - (end_s - self._began_s)) for end_s in ends_s)
        # Where a worker overlapped with the one that it replaced, less time than this was idle.
        share = min(1.0, max(0.0, idle_s) / (start_s + tail_s)) if start_s + tail_s else 1.0
        start_s, tail_s = start_s * share, tail_s * share
        longest_batch_s, longest_batch_items = self._longest_batch
        return Trace(
            workers=workers,
            wall_s=wall_s,
            spans=self._spans_of(rows),
            start_s=start_s,
            hand_over_s=idle_s - start_s - tail_s,
            tail_s=tail_s,
            longest_batch_s=longest_batch_s,
            longest_batch_items=longest_batch_items,
            longest_item=self._longest_item,
            item_times_s=self._times_s,
            items_a_time=self._items_a_time,
            surroundings=surroundings,
            in_flight=self._in_flight.means(),
            in_flight_interval_s=self._in_flight.interval_s if self._coroutines() else 0.0,
        )

    def _spans_of(self, rows: Sequence[Sequence[_Worker]]) -> tuple[Span, ...]:
        """Return all spans in the order of their start, since the run began."""
        all_in_place = all(
            span.in_place for worker in self._workers.values() for span in worker.spans
        )
        spans = (
            replace(
                span,
                worker=number,
                started_s=span.started_s - self._began_s,
                ended_s=span.ended_s - self._began_s,
                in_place=span.in_place and not all_in_place,
            )
            for number, row in enumerate(rows)
            for worker in row
            for span in worker.spans
        )
        return tuple(sorted(spans, key=lambda span: span.started_s))


class _OverlappingItems:
    """When items started and ended that overlap in one worker."""

    def __init__(self) -> None:
        self._starts_s: list[float] = []
        self._ends_s: list[float] = []

    def add(self, record: BatchRecord, longest_s: float) -> None:
        """Add the items of a record, which all started at the same time."""
        start_s = record.ended_s - longest_s
        self._starts_s += [start_s] * len(record.durations_s)
        self._ends_s += [start_s + duration_s for duration_s in record.durations_s]
        if len(self._starts_s) > 4 * MAX_COROUTINES:
            self._starts_s, self._ends_s = self.starts_and_ends(MAX_COROUTINES)

    def starts_and_ends(self, workers: int) -> tuple[list[float], list[float]]:
        """Return the first starts and the last ends of items, one for each worker."""
        return sorted(self._starts_s)[:workers], sorted(self._ends_s)[-workers:]


def _starts_and_ends(rows: Sequence[Sequence[_Worker]]) -> tuple[list[float], list[float]]:
    """Return when the first batch of each row started, and when its last one ended."""
    return (
        [row[0].started_s for row in rows],
        [max(worker.ended_s for worker in row) for row in rows],
    )


def _rows(workers: Sequence[_Worker], number: int) -> list[list[_Worker]]:
    """Return the workers in at most `number` rows, each with the ones that replaced it.

    The rows are in the order of `workers`, that of their first results, as slow items name them.
    """
    rows: list[list[_Worker]] = []
    for worker in sorted(workers, key=lambda worker: worker.started_s):
        if len(rows) < number:
            rows.append([worker])
        else:
            min(rows, key=lambda row: max(one.ended_s for one in row)).append(worker)
    order = {id(worker): number for number, worker in enumerate(workers)}
    return sorted(rows, key=lambda row: order[id(row[0])])


def _joined(spans: Sequence[Span]) -> Span:
    """Return spans of one worker that follow each other as one."""
    first = spans[0]
    return replace(
        first,
        ended_s=max(span.ended_s for span in spans),
        batches=sum(span.batches for span in spans),
        items=sum(span.items for span in spans),
        busy_s=sum(span.busy_s for span in spans),
        failed=sum(span.failed for span in spans),
        retried=sum(span.retried for span in spans),
    )
