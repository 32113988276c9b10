"""The trace of a run: when each worker ran which items, and what else the machine did."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from batchmap.metrics import RunSummary

__all__ = ["Environment", "Round", "RoundsEnvironment", "Span", "Trace"]


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a worker ran a batch, or several in a row: a bar of the timeline."""

    worker: int
    """The worker's number, from 0."""
    started_s: float
    """Since the run began."""
    ended_s: float
    """Since the run began."""
    batches: int
    """One; several in a row where there are too many to keep apart."""
    first_item: int
    """Index of the first item in the input, from 0."""
    items: int
    """How many items it holds."""
    busy_s: float
    """Sum of the items' own times."""
    failed: int
    """Items that failed."""
    retried: int
    """Items that were tried again."""
    in_place: bool
    """Whether it ran in the calling thread, as while items are measured, and not in a worker."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What this process and the machine did during a run."""

    command_cpu_s: float = 0.0
    """CPU time of this process, in seconds; that of worker threads is part of it."""
    command_waits: float = 0.0
    """Voluntary context switches of this process's threads; infinite where not known."""
    carried_bytes: int = 0
    """What was sent to worker processes and came back, pickled."""
    other_load: float | None = None
    """Cores that other programs of this machine used on average; `None` where not known."""
    probe_s: float | None = None
    """Seconds that a fixed piece of work took just before; `None` where it was not measured."""


@dataclass(frozen=True, slots=True)
class Trace:
    """When each worker of a run ran which items, and how long items took."""

    workers: int
    """Workers that were really used; for coroutines, how many ran at once."""
    wall_s: float
    """Wall time of the run, start and end of the workers included."""
    spans: tuple[Span, ...]
    """In the order of their start; empty for coroutines, which overlap in one worker."""
    start_s: float
    """Worker-seconds from the run's start to each worker's first batch."""
    hand_over_s: float
    """Worker-seconds between a worker's batches, and between the items of a batch."""
    tail_s: float
    """Worker-seconds from each worker's last batch to the end."""
    longest_batch_s: float
    """Time of the items of the longest batch; for coroutines, from its start to its end."""
    longest_batch_items: int
    """How many items the longest batch holds."""
    longest_item: int
    """Index in the input of the item that took longest."""
    item_times_s: array[float]
    """The time of every item, or of every second, fourth, ..., in the order of their ends."""
    items_a_time: int
    """The sampling step: `item_times_s` has one time for this many items."""
    surroundings: Environment
    """What this process and the machine did meanwhile."""
    in_flight: array[float] = field(default_factory=lambda: array("d"))
    """For coroutines, how many items were in flight on average in each interval; else empty."""
    in_flight_interval_s: float = 0.0
    """The length of those intervals, the first of which begins with the run."""

    @property
    def last_end_s(self) -> float:
        """When the last item ended, since the run began; for coroutines, that interval's end."""
        coroutines_s = len(self.in_flight) * self.in_flight_interval_s
        return max((span.ended_s for span in self.spans), default=coroutines_s)


@dataclass(frozen=True, slots=True)
class Round:
    """One sequential and one parallel run over the same items."""

    sequential: RunSummary
    parallel: RunSummary
    sequential_trace: Trace
    parallel_trace: Trace


@dataclass(frozen=True, slots=True)
class RoundsEnvironment:
    """What else the machine did during the rounds of a comparison, `None` where not known."""

    sequential_load: float | None
    """Cores that other programs used on average during the sequential runs."""
    parallel_load: float | None
    """Cores that other programs used on average during the parallel runs."""
    probe_s: float | None
    """Seconds that a fixed piece of work took before a run; the median."""
