"""A model of a run's schedule, which predicts its time with other workers or batches."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from batchmap.backends import usual_hand_over_s
from batchmap.records import Plan
from batchmap.scheduling.batching import BatchSizing

from ..execution.trace import Round, Trace
from .given_options import GivenOptions
from .records import Prediction
from .thresholds import LARGE_BATCH_BYTES, USUAL_FACTOR

__all__ = ["MAX_ITEMS", "ScheduleModel", "model_schedule"]

MAX_ITEMS = 5_000
"""With more items, the model schedules every second, third, ... one in the place of all."""

SATURATED_FROM = 1.1
"""Above this slowdown, a resource that the items share is assumed to be saturated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleModel:
    """What the schedule of a run depends on, as it was measured."""

    item_times_s: array[float]
    """Of the sequential run, in input order."""
    items_a_time: int
    """The sampling step: `item_times_s` has one time for this many items."""
    sequential_s: float
    """Wall time of the sequential run."""
    workers: int
    """The worker count with which the rest was measured."""
    batch_size: int
    shrinks: bool
    """Whether the last batches are smaller."""
    start_s: float
    """Until the first worker has its first batch."""
    start_step_s: float
    """From one worker's first batch to the next worker's."""
    end_s: float
    """From the end of the last batch to the end of the run."""
    hand_over_s: float
    """What handing over a batch costs, whatever it holds."""
    carrying_s: float
    """What handing over costs for each item in the batch."""
    slowdown: float
    """The time of an item in parallel over its time in the sequential run."""
    parallel_s: float
    """Wall time of the parallel run."""
    cpu_s: float
    """CPU time of all items."""
    capacity: float
    """How many cores' work can be done at once."""

    def predicted_s(self, workers: int, batch_size: int | None = None) -> float:
        """Return the wall time in seconds with `workers`, and batches as measured or as given.

        Batches go to the worker that is free first (list scheduling). The time is at least what a
        shared resource, such as the cores, needs for all items (asymptotic bounds; Lazowska and
        others 1984, chapter 5). Where items were slower in parallel by more than `SATURATED_FROM`,
        the measured run is assumed to have saturated such a resource, so that more workers do not
        make it faster. A smaller slowdown is assumed to grow linearly with the workers.
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
        """Return the predicted run with `workers`, and batches as measured or as given."""
        time_s = self.predicted_s(workers, batch_size)
        speedup = self.sequential_s / time_s if time_s else 0.0
        return Prediction(workers, batch_size or self.batch_size, time_s, speedup)

    def makespan_s(self, workers: int) -> float:
        """Return the seconds that the items take on ideal workers, in their order."""
        times_s, items_a_time = self._sample()
        free_at_s = [0.0] * workers
        for time_s in times_s:
            heapq.heapreplace(free_at_s, free_at_s[0] + time_s * items_a_time)
        return max(free_at_s)

    def _makespan_s(self, workers: int, batch_size: int) -> float:
        """Return the seconds that the batches take on workers that start one after another."""
        times_s, items_a_time = self._sample()
        sizing = BatchSizing(max(1, round(batch_size / items_a_time)), workers, self.shrinks)
        hand_over_s = self.hand_over_s * max(1.0, items_a_time / batch_size)
        free_at_s = [worker * self.start_step_s for worker in range(workers)]
        start = 0
        while start < len(times_s):
            end = start + sizing.next_size(len(times_s) - start)
            cost_s = sum(times_s[start:end]) * items_a_time + hand_over_s
            cost_s += (end - start) * items_a_time * self.carrying_s
            heapq.heapreplace(free_at_s, free_at_s[0] + cost_s)
            start = end
        return max(free_at_s)

    def _sample(self) -> tuple[Sequence[float], int]:
        """Return at most `MAX_ITEMS` times, and how many items each of them stands for."""
        step = -(-len(self.item_times_s) // MAX_ITEMS) or 1
        return self.item_times_s[::step], step * self.items_a_time


def model_schedule(
    measured: Round, plan: Plan, *, capacity: float, given: GivenOptions
) -> ScheduleModel:
    """Return the model of a round's parallel run.

    Items that were measured in place, one after another, count as part of its start.
    """
    sequential, parallel, trace = measured.sequential, measured.parallel, measured.parallel_trace
    times_s, items_a_time = (
        measured.sequential_trace.item_times_s,
        measured.sequential_trace.items_a_time,
    )
    batches = max(1, parallel.batches)
    items_a_batch = max(1.0, parallel.total_processed / batches)
    in_place = sum(span.items for span in trace.spans if span.in_place)
    hand_over_s, carrying_s = _hand_over_costs(trace, plan, batches, items_a_batch)
    start_s, start_step_s = _starts(trace)
    last_end_s = max((span.ended_s for span in trace.spans), default=trace.wall_s)
    return ScheduleModel(
        item_times_s=times_s[in_place // items_a_time :],
        items_a_time=items_a_time,
        sequential_s=sequential.total_duration,
        workers=max(1, parallel.workers),
        batch_size=round(items_a_batch) if given.adaptive_batches else plan.batch_size,
        shrinks=not given.batch_size,
        start_s=start_s,
        start_step_s=start_step_s,
        end_s=max(0.0, trace.wall_s - last_end_s),
        hand_over_s=hand_over_s,
        carrying_s=carrying_s,
        slowdown=parallel.busy_s / sequential.busy_s if sequential.busy_s else 0.0,
        parallel_s=parallel.total_duration,
        cpu_s=sequential.cpu_s * (1 - _share(in_place, parallel.total_processed)),
        capacity=capacity,
    )


def _hand_over_costs(
    trace: Trace, plan: Plan, batches: int, items_a_batch: float
) -> tuple[float, float]:
    """Return the seconds that handing over costs for a batch, and for each item in it."""
    measured_s = max(0.0, trace.hand_over_s) / batches
    batch_s = min(measured_s, USUAL_FACTOR * usual_hand_over_s(plan.backend))
    if trace.surroundings.carried_bytes / batches < LARGE_BATCH_BYTES:
        return batch_s, 0.0
    return batch_s, (measured_s - batch_s) / items_a_batch


def _starts(trace: Trace) -> tuple[float, float]:
    """Return when the first worker had its first batch, and how much later each next one."""
    in_workers = [span for span in trace.spans if not span.in_place]
    starts_s = sorted({span.worker: span.started_s for span in reversed(in_workers)}.values())
    if not starts_s:
        return 0.0, 0.0
    return starts_s[0], (starts_s[-1] - starts_s[0]) / max(1, len(starts_s) - 1)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
