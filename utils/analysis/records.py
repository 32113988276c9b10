"""What is found out about runs: where their time went, what they might reach, whether they agree.

Shares of workers are numbers of workers: 0.5 is half of one worker's time over the whole run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batchmap.metrics import RunSummary
from batchmap.records import MappingRecord, Plan

from ..execution.trace import Trace

__all__ = [
    "Bottleneck",
    "Case",
    "Comparison",
    "FailureExample",
    "Mismatch",
    "Prediction",
    "Recommendation",
    "Regression",
    "Spread",
    "Sweep",
    "SweepPoint",
    "TimeBreakdown",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class TimeBreakdown:
    """Where the workers of a run were, in workers; the five add up to `workers`."""

    workers: int
    wall_s: float
    work: float
    """What the items cost in the sequential run; without one, in the workers themselves."""
    slower_items: float | None
    """What the same items cost beyond that in parallel (below 0 when they were faster).

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
    """The largest loss, what caused it, and what would help."""

    loss: str
    """`slower items`, `start`, `hand-over` or `tail`."""
    share: float
    """How many workers were lost to it."""
    cause: str
    """A name from the closed list of `utils.analysis.bottlenecks.CAUSES`."""
    told: str
    """One sentence, with figures."""
    advice: str
    """One sentence: what to do."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a run with other workers or batches would bring, by replaying the measured times."""

    workers: int
    batch_size: int
    time_s: float
    speedup: float


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An item whose results differ between the two runs."""

    index: int
    place: str
    """Where it stands, in words."""
    sequential: str
    """What the sequential run gave, as text, at most 200 characters."""
    parallel: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two runs gave the same for every item."""

    matches: bool
    different: int
    """How many items differ."""
    differences: tuple[Mismatch, ...]
    """The first three."""
    why: str | None
    """One sentence that explains the differences; `None` when no reason is known."""


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
    sequential_time: float
    """Seconds; with several rounds, of the median round."""
    parallel_time: float
    """Seconds; with several rounds, of the median round."""
    speedup: float
    workers: int
    """Workers that were really used in parallel."""
    efficiency: float
    """Speedup over workers, 1 for a perfect one."""
    limit: float
    """The best speedup of a schedule that takes the items in their order on this machine."""
    share_of_limit: float
    limit_any_order: float
    """A bound on the speedup of any schedule, even one that knows each item's time in advance."""
    share_of_limit_any_order: float
    machine_capacity: float | None
    """How many times one process's work this machine does with one process a worker, side by side.

    `None` where it was not measured, as for work that waits.
    """
    results_match: bool
    verdict: Verdict
    sequential_throughput: float
    """Items a second."""
    parallel_throughput: float
    """Items a second."""
    errors: Mapping[str, int]
    """Failed items: `sequential`, `parallel`."""
    accounting: TimeBreakdown
    diagnosis: Bottleneck | None
    """`None` where too little was lost to speak of, or nothing that could be helped."""
    predictions: tuple[Prediction, ...]
    """At other worker counts, the fewest workers first; empty where nothing can be said."""
    stops_paying_at: int | None
    """The worker count beyond which the time hardly falls; `None` where nothing can be said."""
    best_batch_size: Prediction | None
    """A batch size that would be faster with the same workers; `None` when there is none."""
    sequential_times: Spread
    """Seconds."""
    parallel_times: Spread
    """Seconds."""
    speedups: Spread
    """Of each round."""
    warnings: tuple[str, ...]
    """What makes the figures less trustworthy, in words."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """What one worker count came to."""

    workers: int
    time_s: float
    speedup: float
    efficiency: float
    limit: float
    share_of_limit: float
    fitted: float
    """The speedup that the fit gives for this count."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Speedup by worker count, fitted to the Universal Scalability Law (Gunther 2007).

    speedup(N) = N / (1 + serial_share (N - 1) + crosstalk N (N - 1))
    """

    points: tuple[SweepPoint, ...]
    """The fewest workers first."""
    serial_share: float
    """What share of the work only one worker at a time can do."""
    crosstalk: float
    """What each pair of workers costs, as a share of the work."""
    best_workers: int | None
    """Where the fit has its peak; `None` where it rises for ever."""


@dataclass(frozen=True, slots=True)
class Regression:
    """A figure of a scenario, set against an earlier run's."""

    name: str
    """The scenario."""
    figure: str
    """Which figure, in words."""
    before_s: float
    now_s: float
    ratio: float
    """Now over before: above 1 is slower."""
    noise: float
    """What ratio the spread of both runs explains."""
    slower: bool
    """Whether it got slower beyond the noise."""


@dataclass(frozen=True, slots=True)
class FailureExample:
    """An item that failed, for a report."""

    place: str
    error_type: str
    error: str


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a report tells of one run, or of a run and its baseline."""

    name: str
    """The scenario, or the subcommand."""
    workload: str
    """A built-in workload's name, or the user's task."""
    data_type: str
    plan: Plan
    sequential: RunSummary | None
    """`None` without a sequential run."""
    parallel: RunSummary
    sequential_trace: Trace | None
    parallel_trace: Trace
    comparison: Comparison | None
    """`None` without a sequential run."""
    accounting: TimeBreakdown
    diagnosis: Bottleneck | None
    failures: tuple[FailureExample, ...]
    """The first few items that failed without having been told to."""
    sweep: Sweep | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to use for a kind of workload on this machine."""

    workload: str
    kind: str
    """What bounds it, in words."""
    backend: str
    workers: int
    batch_size: int
    why: str
