"""What became of a run as a whole: counts, kinds of errors, slow items, where all of it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from batchmap.records import ItemRecord

__all__ = ["ErrorExample", "FailedItem", "RunOutcome", "SlowItem", "SyncCounts"]


@dataclass(frozen=True, slots=True)
class ErrorExample:
    """How often a kind of error was seen, and the first of them."""

    error_type: str
    number: int
    place: str
    """Where the first item that failed so stands, in words."""
    error: str
    """The message of the first, and its status code of HTTP where it does not name it."""
    pattern: str = ""
    """What all their messages have in common; `#` stands for a number."""
    index: int | None = None
    """The index of the first in the input, from 0."""


@dataclass(frozen=True, slots=True)
class FailedItem:
    """An item that failed, and where it stands."""

    place: str
    """Where it stands in the input, in words."""
    record: ItemRecord
    """Its index is that in the input."""


@dataclass(frozen=True, slots=True)
class SlowItem:
    """One of the slowest items of a run, and what may say why."""

    index: int
    """Its index in the input, from 0."""
    place: str
    """Where it stands in the input, in words."""
    duration_s: float
    """Seconds that it occupied its worker, all attempts together."""
    attempts: int
    worker: int | None
    """The number of its worker, from 0 in the order of their first results; `None` where that
    crashed."""
    started: str
    """When its batch began, as ISO 8601 with the time zone."""
    size_bytes: int | None
    """The size of the item, of a path that of its file; `None` where it has none."""
    host: str | None
    """The host of its first URL; `None` without one."""


@dataclass(frozen=True, slots=True)
class SyncCounts:
    """How an input differed from what was done before, in numbers of items."""

    kept: int
    """Done before, so that the function was not called."""
    moved: int
    """Of those, how many moved, while the others stayed in the order that they had."""
    new: int
    """Done now that were not there before."""
    changed: int
    """Done now since they have changed."""
    gone: int
    """No more in the input, so that they left the output."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of the items of a job, and where that is kept."""

    written: int
    """Items whose results this run wrote."""
    failed: int
    """Items that failed in this run."""
    written_before: int
    """Items whose results were there when the run was resumed."""
    failed_before: int
    errors: tuple[ErrorExample, ...]
    """The most frequent first."""
    output: str
    errors_file: str | None
    """`None` where failed items are not kept."""
    finished: bool
    """Whether all items of the input are done."""
    halted: bool
    """Whether there were so many failures that the run was stopped."""
    stopped: str = ""
    """Why the function had the run stopped, with `Stop`; empty where it did not."""
    in_vain: bool = False
    """Whether it was stopped since none of its results could be written."""
    first_failures: tuple[FailedItem, ...] = ()
    """The first few, as they came."""
    slowest: tuple[SlowItem, ...] = ()
    """The slowest of those that took 10 ms or more, the slowest first; at most ten."""
    slowest_share: tuple[str, ...] = ()
    """What most of them have in common and most others do not, a sentence each."""
    sync: SyncCounts | None = None
    """How the input differed from what was done before, for a run that synced its output."""
    rows: int | None = None
    """Results that this run wrote: one an item, or any number of them; `None` when not counted."""
