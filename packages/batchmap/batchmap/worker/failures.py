"""Exceptions as text, which survives the way out of a worker; and what an exception means."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from array import array
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from batchmap.errors import TaskUnusableError
from batchmap.records import Batch, BatchRecord, ItemFailure, ItemRecord

__all__ = [
    "BatchInterrupted",
    "ItemsFailedError",
    "describe_failure",
    "failed_record",
    "is_fatal",
]

_OWN_DIRECTORY = str(Path(__file__).parent) + os.sep

LONGEST_TEXT = 8192
"""Characters kept of an error's message, and of its traceback."""


class BatchInterrupted(Exception):
    """A worker crashed, or was abandoned, in the middle of a batch.

    `finished` holds the records of the items that it had finished. `offset` is that of the item
    that it ran, `None` when it ran none or that is not known; `failure` says what became of the
    worker. `final` says that this item is the cause beyond doubt, so that no other worker tries it.
    """

    def __init__(
        self,
        failure: ItemFailure,
        *,
        offset: int | None,
        finished: Sequence[BatchRecord] = (),
        final: bool = False,
    ) -> None:
        super().__init__(failure.error)
        self.failure = failure
        self.offset = offset
        self.finished = finished
        self.final = final


class ItemsFailedError(Exception):
    """Some items failed, and all others are done; `records` holds those of the failed ones."""

    def __init__(self, records: Sequence[ItemRecord], *, total: int) -> None:
        self.records = tuple(records)
        """In input order."""
        first = self.records[0]
        why = first.failure and f"{first.failure.error_type}: {first.failure.error}"
        super().__init__(
            f"{len(self.records)} of {total} items failed; the first is item {first.index}: {why}"
        )


def describe_failure(error: BaseException) -> ItemFailure:
    """Return an exception as text, message and traceback cut to 8 KB each; never raises."""
    try:
        message = str(error)
    except BaseException:
        message = f"<{type(error).__name__} whose text cannot be had>"
    try:
        trace = "".join(traceback.format_tb(_without_own_frames(error.__traceback__), limit=-20))
    except BaseException:
        trace = ""
    return ItemFailure(type(error).__qualname__, message[:LONGEST_TEXT], trace[-LONGEST_TEXT:])


def _without_own_frames(frames: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of this package, which called the function and say nothing of it."""
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OWN_DIRECTORY):
        frames = frames.tb_next
    return frames


def is_fatal(error: BaseException) -> bool:
    """Tell whether an error ends the run: the worker cannot be made ready, or it is a Ctrl-C.

    All others cost their item alone. A function may raise `KeyboardInterrupt` itself; it counts as
    a Ctrl-C in the main thread of a script that has set no handler of its own.
    """
    return isinstance(error, TaskUnusableError) or (
        isinstance(error, KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


def failed_record(batch: Batch, failure: ItemFailure) -> BatchRecord:
    """Return the record of a batch whose items all failed for the same reason.

    Neither the worker nor the times of this attempt are known; `durations_s` holds those of earlier
    attempts.
    """
    offsets = range(len(batch.items))
    return BatchRecord(
        batch_index=batch.index,
        first_item=batch.first_item,
        results=[None] * len(batch.items),
        durations_s=array("d", [batch.spent_s]) * len(batch.items),
        failures=dict.fromkeys(offsets, failure),
        attempts=dict.fromkeys(offsets, batch.attempt) if batch.attempt > 1 else {},
        worker="",
        started_s=0.0,
        ended_s=0.0,
        cpu_s=0.0,
    )
