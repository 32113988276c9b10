"""What was seen of runs: when each worker was at what, and what else went on."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from batchmap.metrics import RunSummary

__all__ = ["Environment", "Round", "Span", "Trace"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which a worker was at batches: a bar of the timeline."""

    worker: int
    """Which of the workers, from 0."""
    started_s: float
    """Since the run began."""
    ended_s: float
    batches: int
    """One, or several that lie close together where there are too many to keep apart."""
    first_item: int
    """Place of the first item in the input, from 0."""
    items: int
    busy_s: float
    """Sum of the items' own times."""
    failed: int
    retried: int
    in_place: bool
    """Whether the command itself was at it, as while it measures."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What else was seen while a run went on."""

    command_cpu_s: float = 0.0
    """CPU time of the command's own process, its threads that were at items included."""
    command_waits: float = 0.0
    """How often a thread of the command gave up its core to wait; infinite where not known."""
    carried_bytes: int = 0
    """What was sent to worker processes and came back."""
    other_load: float | None = None
    """Cores that other programs of this machine used on average; `None` where not known."""
    probe_s: float | None = None
    """What a fixed piece of work took just before; `None` where it was not tried."""


@dataclass(frozen=True, slots=True)
class Trace:
    """When each worker of a run was at what."""

    workers: int
    """Workers that were really used; coroutines at once, for those."""
    wall_s: float
    spans: tuple[Span, ...]
    """In the order of their start; empty for coroutines, which take turns in one worker."""
    start_s: float
    """Worker-seconds from the run's start to each worker's first batch."""
    hand_over_s: float
    """Worker-seconds between a worker's batches, and between the items of a batch."""
    tail_s: float
    """Worker-seconds from each worker's last batch to the end."""
    longest_batch_s: float
    longest_batch_items: int
    longest_item: int
    """Place in the input of the item that took longest."""
    item_times_s: array[float]
    """The time of every item, or of every so many, in input order as far as is known."""
    items_a_time: int
    """1, or how many items each of those times stands for."""
    surroundings: Environment


@dataclass(frozen=True, slots=True)
class Round:
    """One sequential and one parallel run over the same items."""

    sequential: RunSummary
    parallel: RunSummary
    sequential_trace: Trace
    parallel_trace: Trace
