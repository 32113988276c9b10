"""What other workers or batches would bring: the measured item times, scheduled again."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from batchmap.scheduling.batching import BatchSizing

from .records import Prediction

__all__ = ["ScheduleModel", "best_batch_size", "predictions", "stops_paying_at"]

MOST_REPLAYED = 5_000
"""With more items, every so many are replayed."""

MOST_WORKERS = 256

STILL_PAYS = 0.05
"""More workers pay while they save more than this share of the time."""

CLOSE = 1.2
"""Worker counts within this ratio are close together."""

PAYS_TO_CHANGE = 0.05
"""Another batch size is worth a word when it saves more than this share of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleModel:
    """What a schedule depends on, as it was measured."""

    item_times_s: array[float]
    """Of the sequential run, in input order."""
    items_a_time: int
    sequential_s: float
    workers: int
    """For how many workers the rest was measured."""
    batch_size: int
    shrinks: bool
    """Whether the last batches are smaller."""
    start_s: float
    """Until the first worker has its first batch."""
    start_step_s: float
    """From there until the next worker has its first batch, and so on."""
    end_s: float
    """From the end of the last batch to the end of the run."""
    hand_over_s: float
    """Of a batch, whatever it holds."""
    carrying_s: float
    """Of each item in a batch."""
    slowdown: float
    """What an item took in parallel over what it took in the sequential run."""
    parallel_s: float
    """The wall time that was measured."""
    cpu_s: float
    """CPU time of all items."""
    capacity: float
    """How many cores' work can be done at once."""

    def predicted_s(self, workers: int, batch_size: int | None = None) -> float:
        """Return the wall time on so many workers.

        Items go to the worker that is free first. What they share, cores or else, bounds it from
        below: where items took longer in parallel, whatever held them up is taken to be full, as
        the cores are (asymptotic bounds; Lazowska and others 1984, chapter 5); a slight slowdown
        is taken to grow with the workers.
        """
        work_s = self._makespan_s(workers, batch_size or self.batch_size)
        bound_s = self.cpu_s / min(workers, self.capacity)
        if self.slowdown > SATURATED_FROM and self.workers > 1:
            bound_s = max(bound_s, self.parallel_s - self.start_s - self.end_s)
        elif self.workers > 1:
            work_s *= 1 + max(0.0, self.slowdown - 1) * (workers - 1) / (self.workers - 1)
        time_s = self.start_s + max(work_s, bound_s) + self.end_s
        return max(time_s, self.sequential_s / workers)

    def prediction(self, workers: int, batch_size: int | None = None) -> Prediction:
        """Return what a run on so many workers would come to."""
        time_s = self.predicted_s(workers, batch_size)
        speedup = self.sequential_s / time_s if time_s else 0.0
        return Prediction(workers, batch_size or self.batch_size, time_s, speedup)

    def makespan_s(self, workers: int) -> float:
        """Return what the items take on so many ideal workers, in their order."""
        times, each = self._thinned()
        free_at_s = [0.0] * workers
        for time_s in times:
            heapq.heapreplace(free_at_s, free_at_s[0] + time_s * each)
        return max(free_at_s)

    def _makespan_s(self, workers: int, batch_size: int) -> float:
        times, each = self._thinned()
        sizing = BatchSizing(max(1, round(batch_size / each)), workers, self.shrinks)
        hand_over_s = self.hand_over_s * max(1.0, each / batch_size)
        free_at_s = [worker * self.start_step_s for worker in range(workers)]
        place = 0
        while place < len(times):
            end = place + sizing.next_size(len(times) - place)
            cost_s = sum(times[place:end]) * each + hand_over_s
            cost_s += (end - place) * each * self.carrying_s
            heapq.heapreplace(free_at_s, free_at_s[0] + cost_s)
            place = end
        return max(free_at_s)

    def _thinned(self) -> tuple[Sequence[float], int]:
        every = -(-len(self.item_times_s) // MOST_REPLAYED) or 1
        return self.item_times_s[::every], every * self.items_a_time


SATURATED_FROM = 1.1
"""From this slowdown on, what the items share is taken to be full."""


def predictions(replay: ScheduleModel) -> tuple[Prediction, ...]:
    """Return what half, twice and four times the workers would bring, and where it stops paying.

    Of counts that lie close together, or beyond the first that brings no more, one is enough.
    """
    enough = stops_paying_at(replay)
    told: list[Prediction] = []
    for count in sorted({replay.workers // 2, 2 * replay.workers, 4 * replay.workers, enough}):
        if not 1 <= count <= _most_workers(replay) or count == replay.workers:
            continue
        one = replay.prediction(count)
        before = told[-1] if told else None
        if before and (
            count < CLOSE * before.workers or before.workers > max(enough, replay.workers)
        ):
            continue
        told.append(one)
    return tuple(told)


def stops_paying_at(replay: ScheduleModel) -> int:
    """Return the least worker count that comes close to the best time of any."""
    most = _most_workers(replay)
    counts = [1]
    while counts[-1] < most:
        counts.append(min(most, 2 * counts[-1]))
    enough_s = min(map(replay.predicted_s, counts)) / (1 - STILL_PAYS)
    for too_few, enough in pairwise([0, *counts]):
        if replay.predicted_s(enough) <= enough_s:
            return _first(lambda count: replay.predicted_s(count) <= enough_s, too_few, enough)
    return counts[-1]


def _most_workers(replay: ScheduleModel) -> int:
    return max(1, min(MOST_WORKERS, len(replay.item_times_s)))


def _first(holds: Callable[[int], bool], below: int, above: int) -> int:
    """Return the least number above `below` that holds; `above` does."""
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above


def best_batch_size(replay: ScheduleModel) -> Prediction | None:
    """Return what a better batch size would bring with the same workers, `None` without one."""
    items = len(replay.item_times_s) * replay.items_a_time
    sizes = {1}
    while max(sizes) * 2 * replay.workers <= items:
        sizes.add(2 * max(sizes))
    best = min((replay.prediction(replay.workers, size) for size in sorted(sizes)),
               key=lambda one: one.time_s, default=None)  # fmt: skip
    now_s = replay.predicted_s(replay.workers)
    if best is None or best.time_s > (1 - PAYS_TO_CHANGE) * now_s:
        return None
    return best
