"""What a side's process is asked for, and what it answers.

    SideRequest -> how many items there are
    "plan"      -> SidePlan
    SidePlan    -> None, once its workers are there
    SideRun     -> RunTime

An answer is an error where the user can mend something.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...cli.settings import Settings

__all__ = ["RunTime", "SidePlan", "SideRequest", "SideRun"]


@dataclass(frozen=True, slots=True)
class SideRequest:
    """Which task a side runs, and how."""

    settings: Settings
    top: Path
    """The directory of the working tree."""
    tree: Path | None
    """The directory with the files of the revision, `None` for the working tree's own."""
    parent: int
    """The id of the process that asks."""


@dataclass(frozen=True, slots=True)
class SidePlan:
    """Backend and workers of both sides."""

    backend: str
    workers: int


@dataclass(frozen=True, slots=True)
class SideRun:
    """Which items to run; after the last item, the first ones follow."""

    first: int
    """Index of the first one, from 0."""
    number: int


@dataclass(frozen=True, slots=True)
class RunTime:
    """What a run of a side took."""

    time_s: float
    """Wall time, in the one thread of a sequential run without the time that it had no core."""
    failed: int
    """How many of its items failed."""
