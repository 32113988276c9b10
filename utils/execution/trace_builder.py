"""The records of one run, folded into a trace: when each worker was at what."""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from batchmap.records import BatchRecord

from .trace import Environment, Span, Trace

__all__ = ["TraceBuilder"]

MOST_SPANS = 2000
"""With more, those that follow each other at one worker are told as one."""

MOST_COROUTINES = 10_000
"""The most workers that can be asked for."""

MOST_TIMES = 50_000
"""With more items, the times of every second, fourth, ... are kept."""


@dataclass(slots=True)
class _Lane:
    """What one worker, by its name, was at."""

    started_s: float
    ended_s: float
    spans: list[Span]


class TraceBuilder:
    """Fold batch records into a trace; memory does not grow with their number.

    `began_s` is when the run began, on the clock of the records. `coroutines` tells whether items
    overlap in one worker, as coroutines do.
    """

    def __init__(self, *, began_s: float, coroutines: Callable[[], bool] = lambda: False) -> None:
        self._began_s = began_s
        self._coroutines = coroutines
        self._overlap = _Overlap()
        self._here = f"{os.getpid()}:{threading.get_ident()}"
        self._lanes: dict[str, _Lane] = {}
        self._spans = 0
        self._times = array("d")
        self._every = 1
        self._longest_s = -1.0
        self._longest_item = 0
        self._longest_batch = 0.0, 0

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Fold each record in and yield it on."""
        for record in records:
            self.add(record)
            yield record

    def add(self, record: BatchRecord) -> None:
        """Fold one record in."""
        times = record.durations_s
        if not times:
            return
        longest_s = max(times)
        if longest_s > self._longest_s:
            self._longest_s = longest_s
            self._longest_item = record.first_item + times.index(longest_s)
        busy_s = sum(times)
        if self._coroutines():
            self._overlap.add(record, longest_s)
        elif record.worker:  # an item that its worker did not survive has none
            self._add_span(record, busy_s)
        self._longest_batch = max(self._longest_batch, (busy_s, len(times)))
        self._times.extend(times[-record.first_item % self._every :: self._every])
        while len(self._times) > MOST_TIMES:
            self._times = self._times[::2]
            self._every *= 2

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
            in_place=record.worker == self._here,
        )
        lane = self._lanes.get(record.worker)
        if lane is None:
            lane = self._lanes[record.worker] = _Lane(span.started_s, span.ended_s, [])
        lane.started_s = min(lane.started_s, span.started_s)
        lane.ended_s = max(lane.ended_s, span.ended_s)
        lane.spans.append(span)
        self._spans += 1
        if self._spans > 2 * MOST_SPANS:
            self._thin_out()

    def _thin_out(self) -> None:
        for lane in self._lanes.values():
            lane.spans = [
                _joined(lane.spans[place : place + 2]) for place in range(0, len(lane.spans), 2)
            ]
        self._spans = sum(len(lane.spans) for lane in self._lanes.values())

    def trace(
        self, *, wall_s: float, busy_s: float, workers: int, surroundings: Environment
    ) -> Trace:
        """Return the trace of a run that took `wall_s` on so many workers.

        Workers that took another's place, as after a crash, share a row with it. What is not
        spent on items, nor before a worker's first batch, nor after its last, is hand-over.
        """
        seats = _seated(list(self._lanes.values()), workers)
        idle_s = workers * wall_s - busy_s
        begun_s, ended_s = self._overlap.of(workers) if self._coroutines() else _of_seats(seats)
        begun_s = [since_s - self._began_s for since_s in begun_s]
        ended_s = [since_s - self._began_s for since_s in ended_s]
        start_s = sum(max(0.0, since_s) for since_s in begun_s)
        tail_s = sum(max(0.0, wall_s - since_s) for since_s in ended_s)
        # A worker that overlaps with the one whose place it took leaves less idle time than this.
        fits = min(1.0, max(0.0, idle_s) / (start_s + tail_s)) if start_s + tail_s else 1.0
        start_s, tail_s = start_s * fits, tail_s * fits
        all_here = all(span.in_place for lane in self._lanes.values() for span in lane.spans)
        spans = [
            replace(
                span,
                worker=row,
                started_s=span.started_s - self._began_s,
                ended_s=span.ended_s - self._began_s,
                in_place=span.in_place and not all_here,
            )
            for row, seat in enumerate(seats)
            for lane in seat
            for span in lane.spans
        ]
        longest_batch_s, longest_batch_items = self._longest_batch
        return Trace(
            workers=workers,
            wall_s=wall_s,
            spans=tuple(sorted(spans, key=lambda span: span.started_s)),
            start_s=start_s,
            hand_over_s=idle_s - start_s - tail_s,
            tail_s=tail_s,
            longest_batch_s=longest_batch_s,
            longest_batch_items=longest_batch_items,
            longest_item=self._longest_item,
            item_times_s=self._times,
            items_a_time=self._every,
            surroundings=surroundings,
        )


class _Overlap:
    """When items began and ended that overlap in one worker."""

    def __init__(self) -> None:
        self._begun_s: list[float] = []
        self._ended_s: list[float] = []

    def add(self, record: BatchRecord, longest_s: float) -> None:
        """Take note of a record whose items ran side by side, all from the same time on."""
        since_s = record.ended_s - longest_s
        self._begun_s += [since_s] * len(record.durations_s)
        self._ended_s += [since_s + duration_s for duration_s in record.durations_s]
        if len(self._begun_s) > 4 * MOST_COROUTINES:
            self._begun_s, self._ended_s = self.of(MOST_COROUTINES)

    def of(self, workers: int) -> tuple[list[float], list[float]]:
        """Return when the first so many items began, and when the last so many ended."""
        return sorted(self._begun_s)[:workers], sorted(self._ended_s)[-workers:]


def _of_seats(seats: Sequence[Sequence[_Lane]]) -> tuple[list[float], list[float]]:
    return (
        [seat[0].started_s for seat in seats],
        [max(lane.ended_s for lane in seat) for seat in seats],
    )


def _seated(lanes: Sequence[_Lane], workers: int) -> list[list[_Lane]]:
    """Return the lanes by the seat that they had, one after another; at most so many seats."""
    seats: list[list[_Lane]] = []
    for lane in sorted(lanes, key=lambda lane: lane.started_s):
        if len(seats) < workers:
            seats.append([lane])
        else:
            min(seats, key=lambda seat: max(one.ended_s for one in seat)).append(lane)
    return seats


def _joined(spans: Sequence[Span]) -> Span:
    """Return spans that follow each other at one worker as one."""
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
