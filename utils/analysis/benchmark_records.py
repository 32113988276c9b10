"""The findings of a benchmark: speedup by workers, what got slower, what to use."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Recommendation", "Regression", "Sweep", "SweepPoint"]


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """What was measured with one worker count."""

    workers: int
    time_s: float
    """Wall time of the parallel run."""
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
    """The share of the work that only one worker at a time can do."""
    crosstalk: float
    """What each pair of workers costs, as a share of the work."""
    best_workers: int | None
    """Where the fit has its peak; `None` where more workers are always faster."""


@dataclass(frozen=True, slots=True)
class Regression:
    """A figure of a scenario, compared with an earlier run's."""

    name: str
    """The scenario."""
    figure: str
    """Which figure, in words."""
    before_s: float
    """The median before."""
    now_s: float
    """The median now."""
    ratio: float
    """Now over before: above 1 is slower."""
    noise: float
    """The ratio up to which the spread of both runs explains a difference."""
    slower: bool
    """Whether it got slower beyond the noise."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to use for a workload on this machine."""

    workload: str
    """The workload's name, or the user's task."""
    kind: str
    """What bounds it, in words."""
    backend: str
    workers: int
    batch_size: int
    why: str
    """One sentence, with figures."""
