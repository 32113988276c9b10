"""What a gate decides, of which figures, and why it cannot where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .intervals import RatioInterval

__all__ = [
    "FALSE_DECISIONS",
    "Decision",
    "GateResult",
    "GatedFigure",
    "RevisionComparison",
    "decide",
]

FALSE_DECISIONS = 0.01
"""The share of decisions that the spread of the times may make wrong: slower, not slower, each."""


class Decision(StrEnum):
    """What a gate says of a figure, or of all of them."""

    SLOWER = "slower"
    NOT_SLOWER = "not slower"
    CANNOT_TELL = "cannot tell"


def decide(interval: RatioInterval | None, gate: float) -> Decision:
    """Return whether a ratio of times, now over before, is above 1 + `gate`."""
    if interval is None:
        return Decision.CANNOT_TELL
    if interval.least > 1 + gate:
        return Decision.SLOWER
    return Decision.NOT_SLOWER if interval.most <= 1 + gate else Decision.CANNOT_TELL


@dataclass(frozen=True, slots=True)
class GatedFigure:
    """A time now against the same one before, and what a gate says of it."""

    name: str
    """The scenario, or the user's task."""
    figure: str
    """Which time, in words."""
    before_s: float
    """The median before."""
    now_s: float
    """The median now."""
    ratio: float
    """Now over before, the median over pairs of their times; above 1 is slower."""
    least: float | None
    """The ratio is at least this, as far as the times tell; `None` where they are too few."""
    most: float | None
    """The ratio is at most this, likewise."""
    decision: Decision | None
    """`slower`, `not slower` or `cannot tell`; `None` without a gate."""
    why: str = ""
    """Why it cannot be told; empty where it can, or where the bounds alone say so."""


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate says of all figures."""

    gate: float | None
    """How much slower is allowed: 0.1 is 10 %; `None` without a gate."""
    figures: Sequence[GatedFigure]
    not_compared: Sequence[str] = ()
    """Sentences on what there are no figures of."""

    @property
    def decision(self) -> Decision:
        """Slower as soon as one figure is; not slower only when all are."""
        decisions = {one.decision for one in self.figures}
        if Decision.SLOWER in decisions:
            return Decision.SLOWER
        if self.not_compared or decisions != {Decision.NOT_SLOWER}:
            return Decision.CANNOT_TELL
        return Decision.NOT_SLOWER


@dataclass(frozen=True, slots=True)
class RevisionComparison:
    """The user's task as it is against the task at a revision, both run in turn."""

    revision: str
    """As it was asked for."""
    commit: str
    """Its first 12 digits."""
    is_unchanged: bool
    """Whether no file that git knows differs between the two."""
    backend: str
    workers: int
    items_a_run: int
    """How many items one side runs at a time."""
    pairs: int
    """How often both sides were run, one after the other."""
    measured_s: float
    """Seconds that all pairs took."""
    failed_before: float
    """The share of items that failed at the revision."""
    failed_now: float
    """The share of items that fail as the task is."""
    figure: GatedFigure
