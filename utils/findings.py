"""What is found out about runs: where their time went, what they might reach, whether they agree.

Shares of workers are numbers of workers: 0.5 is half of one worker's time over the whole run.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from utils.records import Plan, RunSummary

__all__ = [
    "Accounting",
    "Case",
    "Comparison",
    "Diagnosis",
    "Difference",
    "FailureExample",
    "Prediction",
    "Recommendation",
    "Regression",
    "Round",
    "Span",
    "Spread",
    "Surroundings",
    "Sweep",
    "SweepPoint",
    "Trace",
    "Verdict",
]


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
class Surroundings:
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
    surroundings: Surroundings


@dataclass(frozen=True, slots=True)
class Round:
    """One sequential and one parallel run over the same items."""

    sequential: RunSummary
    parallel: RunSummary
    sequential_trace: Trace
    parallel_trace: Trace


@dataclass(frozen=True, slots=True)
class Accounting:
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
class Diagnosis:
    """The largest loss, what caused it, and what would help."""

    loss: str
    """`slower items`, `start`, `hand-over` or `tail`."""
    share: float
    """How many workers were lost to it."""
    cause: str
    """A name from the closed list of `utils.diagnosing.CAUSES`."""
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
class Difference:
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
    differences: tuple[Difference, ...]
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


@dataclass(frozen=True, slots=True)
class Comparison:
    """A sequential and a parallel run over the same items, side by side."""

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
    accounting: Accounting
    diagnosis: Diagnosis | None
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
    accounting: Accounting
    diagnosis: Diagnosis | None
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
