"""Exceptions put into words, so that they survive the way out of a worker."""

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

_OUR_OWN = str(Path(__file__).parent) + os.sep

LONGEST_TEXT = 8192
"""Characters kept of an error's message, and of its traceback."""


class BatchInterrupted(Exception):
    """A worker died, or was given up, in the middle of a batch.

    `finished` holds what it had handed over. `place` is that of the item it was at, `None` when
    it was at none; `failure` says what became of the worker. `final` tells that the item is to
    blame beyond doubt, so it need not be tried on another worker.
    """

    def __init__(
        self,
        failure: ItemFailure,
        *,
        place: int | None,
        finished: Sequence[BatchRecord] = (),
        final: bool = False,
    ) -> None:
        super().__init__(failure.error)
        self.failure = failure
        self.place = place
        self.finished = finished
        self.final = final


class ItemsFailedError(Exception):
    """Some items failed, after all others were done; `records` holds theirs, in input order."""

    def __init__(self, records: Sequence[ItemRecord], *, total: int) -> None:
        self.records = tuple(records)
        first = self.records[0]
        told = first.failure and f"{first.failure.error_type}: {first.failure.error}"
        super().__init__(
            f"{len(self.records)} of {total} items failed; the first is item {first.index}: {told}"
        )


def describe_failure(error: BaseException) -> ItemFailure:
    """Put an exception into words, cut to 8 KB each; never raises."""
    try:
        message = str(error)
    except BaseException:
        message = f"<{type(error).__name__} whose text cannot be had>"
    try:
        trace = "".join(traceback.format_tb(_beyond_our_own(error.__traceback__), limit=-20))
    except BaseException:
        trace = ""
    return ItemFailure(type(error).__qualname__, message[:LONGEST_TEXT], trace[-LONGEST_TEXT:])


def _beyond_our_own(frames: TracebackType | None) -> TracebackType | None:
    """Leave out how an item's function was called; what it did is of interest."""
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OUR_OWN):
        frames = frames.tb_next
    return frames


def is_fatal(error: BaseException) -> bool:
    """Tell what is no item's fault: a worker that cannot be made ready, or a real Ctrl-C.

    A function may raise `KeyboardInterrupt`, too; in a script without handlers, it is a Ctrl-C.
    """
    return isinstance(error, TaskUnusableError) or (
        isinstance(error, KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


def failed_record(batch: Batch, failure: ItemFailure) -> BatchRecord:
    """Return the record of a batch whose items all failed in the same way, in no known time."""
    places = range(len(batch.items))
    return BatchRecord(
        batch_index=batch.index,
        first_item=batch.first_item,
        results=[None] * len(batch.items),
        durations_s=array("d", [batch.spent_s]) * len(batch.items),
        failures=dict.fromkeys(places, failure),
        attempts=dict.fromkeys(places, batch.attempt) if batch.attempt > 1 else {},
        worker="",
        started_s=0.0,
        ended_s=0.0,
        cpu_s=0.0,
    )
