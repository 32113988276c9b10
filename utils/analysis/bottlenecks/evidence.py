"""What is known of a run whose losses are to be explained, and what an explanation is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from batchmap.metrics import RunSummary
from batchmap.records import Plan

from ...execution.trace import Trace
from ..given_options import GivenOptions
from ..records import TimeBreakdown
from ..thresholds import NOTEWORTHY_LOAD

__all__ = ["OTHER_PROGRAMS", "OTHER_SIDE", "Evidence", "Explanation", "blame_other_programs"]

OTHER_PROGRAMS = "other programs"
"""The one cause that any loss can have that depends on the cores."""

OTHER_SIDE = "the other side"
"""The one cause of what is lost where no more items at once were borne."""

NEARLY_ALL = 0.85
"""The share from which on cores count as fully used."""


class Explanation(NamedTuple):
    """Why workers were lost."""

    cause: str
    """A name from `CAUSES`."""
    told: str
    """One sentence, with figures."""
    advice: str
    """One sentence: what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a run whose losses are to be explained."""

    plan: Plan
    breakdown: TimeBreakdown
    trace: Trace
    """Of the parallel run."""
    parallel: RunSummary
    sequential: RunSummary | None
    """`None` without a sequential run."""
    cores: int
    """How many the program may use."""
    capacity: float
    """How many cores' work these were measured to do at once."""
    given: GivenOptions

    @property
    def wall_s(self) -> float:
        """Wall time of the parallel run, in seconds."""
        return self.breakdown.wall_s

    @property
    def workers(self) -> int:
        """Workers that were really used."""
        return self.breakdown.workers

    @property
    def cores_used(self) -> float:
        """How many cores the workers used on average while they ran items."""
        return self.parallel.cpu_s / self.wall_s

    @property
    def cores_used_by_others(self) -> float:
        """How many cores other programs used on average; 0 where that is not known."""
        return self.trace.surroundings.other_load or 0.0

    @property
    def uses_all_cores(self) -> bool:
        """Whether the run and other programs together used nearly all cores."""
        return self.cores_used + self.cores_used_by_others >= NEARLY_ALL * self.cores

    @property
    def measured_in_place(self) -> bool:
        """Whether the first items were measured in the calling thread, before workers started."""
        return any(span.in_place for span in self.trace.spans)


def blame_other_programs(evidence: Evidence) -> Explanation | None:
    """Return the explanation by other programs, where they and the run used all cores."""
    others = evidence.cores_used_by_others
    if others < NOTEWORTHY_LOAD or not evidence.uses_all_cores:
        return None
    return Explanation(
        OTHER_PROGRAMS,
        f"other programs used {others:.1f} cores meanwhile",
        "measure again when they have ended",
    )
