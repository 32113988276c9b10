"""The findings about runs: where their time went, what they could reach, whether results match.

Lost time is in worker equivalents: 0.5 is half of one worker's time over the whole run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batchmap.mapping_record import MappingRecord
from batchmap.metrics import RunSummary
from batchmap.records import Plan
from batchmap.run_outcome import RunOutcome

from ..execution.trace import RoundsEnvironment, Trace

if TYPE_CHECKING:
    from .benchmark_records import Sweep

__all__ = [
    "Bottleneck",
    "Case",
    "Comparison",
    "FailureExample",
    "Mismatch",
    "Prediction",
    "Spread",
    "TimeBreakdown",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class TimeBreakdown:
    """Where the workers' time of a run went, in worker equivalents.

    0.5 is half of one worker's time over the whole run; the five parts add up to `workers`.
    """

    workers: int
    wall_s: float
    """Wall time of the run."""
    work: float
    """The time of the items in the sequential run; without one, in the workers themselves."""
    slower_items: float | None
    """The time of the same items beyond that in parallel, below 0 when they were faster.

    `None` without a sequential run: then it is unknown, and part of `work`.
    """
    start: float
    """From the run's start to a worker's first batch."""
    hand_over: float
    """Gaps between a worker's batches."""
    tail: float
    """From a worker's last batch to the end."""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The largest loss of a run, its cause, and what would help."""

    loss: str
    """`slower items`, `start`, `hand-over`, `tail`, or `unused workers` that never had a batch."""
    share: float
    """The time lost to it, in worker equivalents."""
    cause: str
    """A name from the closed list `CAUSES` of `utils/analysis/bottlenecks`."""
    told: str
    """One sentence, with figures."""
    advice: str
    """One sentence: what to do."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A run with other workers or batches, predicted by scheduling the measured times again."""

    workers: int
    batch_size: int
    time_s: float
    """Wall time of the run."""
    speedup: float


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An item whose results differ between the two runs."""

    index: int
    """Position in the input, from 0."""
    place: str
    """Where the item stands in the input, in words."""
    sequential: str
    """What the sequential run gave, as text of at most 200 characters."""
    parallel: str
    """What the parallel run gave, likewise."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two runs gave the same for every item."""

    matches: bool
    different: int
    """How many items gave something else."""
    differences: tuple[Mismatch, ...]
    """The first three."""
    why: str | None
    """One sentence with the cause; `None` when results match or no cause was found."""
    failed_in_sequential_only: int = 0
    """How many items failed in the sequential run and not in the parallel one."""
    failed_in_parallel_only: int = 0

    @property
    def failed_in_one(self) -> int:
        """How many items failed in one of the two runs."""
        return self.failed_in_sequential_only + self.failed_in_parallel_only


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure that was measured several times."""

    median: float
    least: float
    most: float
    values: tuple[float, ...]
    """In the order in which they were measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(MappingRecord):
    """A sequential and a parallel run over the same items; also a mapping of its fields by name."""

    total_items: int
    data_type: str
    """What the items are, in a word."""
    sequential_time: float
    """Seconds; with several rounds, of the median round."""
    parallel_time: float
    """Seconds; with several rounds, of the median round."""
    speedup: float
    workers: int
    """Workers that were really used in parallel."""
    efficiency: float
    """Speedup over workers; 1 is perfect."""
    limit: float
    """The best speedup of a schedule that takes the items in their order on this machine."""
    share_of_limit: float
    """Speedup over `limit`."""
    limit_any_order: float
    """A bound on the speedup of any schedule, even one that knows each item's time in advance."""
    share_of_limit_any_order: float
    """Speedup over `limit_any_order`."""
    machine_capacity: float | None
    """How many cores' work plain processes on all usable cores do, side by side.

    `None` where it was not measured, as for work that waits.
    """
    results_match: bool
    """Whether both runs gave the same for every item."""
    verdict: Verdict
    sequential_throughput: float
    """Items a second."""
    parallel_throughput: float
    """Items a second."""
    errors: Mapping[str, int]
    """How many items failed, by run: `sequential`, `parallel`."""
    accounting: TimeBreakdown
    """Where the workers' time of the parallel run went."""
    diagnosis: Bottleneck | None
    """The largest loss; `None` where too little was lost, or with a single worker."""
    predictions: tuple[Prediction, ...]
    """At other worker counts, the fewest workers first; empty where none can be made."""
    stops_paying_at: int | None
    """The worker count beyond which the time hardly falls; `None` where that is unknown."""
    best_batch_size: Prediction | None
    """A batch size that would be faster with the same workers; `None` when there is none."""
    sequential_times: Spread
    """Seconds, one value a round."""
    parallel_times: Spread
    """Seconds, one value a round."""
    speedups: Spread
    """Of each round."""
    environment: RoundsEnvironment
    warnings: tuple[str, ...]
    """What makes the figures less trustworthy, in words."""


@dataclass(frozen=True, slots=True)
class FailureExample:
    """An item that failed, for a report."""

    place: str
    """Where it stands in the input, in words."""
    error_type: str
    """Name of the exception's class."""
    error: str
    """The exception's message."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that a report says of one run, or of a comparison."""

    name: str
    """The scenario, or the subcommand."""
    workload: str
    """A built-in workload's name, or the user's task."""
    data_type: str
    """What the items are, in a word."""
    plan: Plan
    """As it was in the end."""
    sequential: RunSummary | None
    """`None` without a sequential run."""
    parallel: RunSummary
    sequential_trace: Trace | None
    parallel_trace: Trace
    comparison: Comparison | None
    """`None` without a sequential run."""
    accounting: TimeBreakdown
    """Where the workers' time of the parallel run went."""
    diagnosis: Bottleneck | None
    """The largest loss; `None` where too little was lost."""
    failures: tuple[FailureExample, ...]
    """The first few items that failed other than by a simulated failure."""
    sweep: Sweep | None = None
    """`None` unless several worker counts were measured."""
    outcome: RunOutcome | None = None
    """What `run` did with the user's items; `None` for the other commands."""
    held_back: str | None = None
    """What the workers of `run` spent their time on, in words; `None` where that is not known."""
