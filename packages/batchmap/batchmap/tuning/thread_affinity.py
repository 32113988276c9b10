"""Tells failures for which the thread is to blame that an item ran in.

Some objects work only in the thread that made them: a connection of `sqlite3`, an event loop,
signal handlers, a toolkit's window, a `threading.local`. A function that uses one made by the
caller works in a loop, and must be called in the caller's thread here, too. What such objects raise
elsewhere has no type in common, but it names threads or event loops.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from batchmap.records import BatchRecord, ItemFailure
from batchmap.worker.record_builder import worker_name

__all__ = ["ThreadAffinity", "may_need_callers_thread"]

_NAMES_THREADS = re.compile("thread|event loop|greenlet", re.IGNORECASE)


def may_need_callers_thread(failure: ItemFailure) -> bool:
    """Tell whether the item may succeed in the thread that the function's objects belong to."""
    return _NAMES_THREADS.search(f"{failure.error_type} {failure.error}") is not None


class ThreadAffinity:
    """Whether a function works in the calling thread alone, by items that run again there."""

    def __init__(self) -> None:
        self.run_again: set[int] = set()
        """Indices of the items that failed in another thread and run again in the calling one;
        empty when the function works elsewhere, too."""
        self._needs_caller: bool | None = None

    def failures_to_retry(self, record: BatchRecord) -> Collection[int]:
        """Return the offsets of items in a record to run again in the calling thread."""
        if self._needs_caller is not None:
            return ()
        if record.worker.partition(":")[0] != str(os.getpid()) or record.worker == worker_name():
            return ()
        offsets = [
            offset
            for offset, failure in record.failures.items()
            if may_need_callers_thread(failure)
        ]
        self.run_again.update(record.first_item + offset for offset in offsets)
        return offsets

    def learn(self, record: BatchRecord) -> bool | None:
        """Tell whether the function works in the calling thread alone, by the first such record.

        `None` for a record that does not say so, or once that is known.
        """
        if self._needs_caller is not None or record.worker != worker_name():
            return None
        again = [
            offset
            for offset in range(len(record.results))
            if record.first_item + offset in self.run_again
        ]
        if not again:
            return None
        self._needs_caller = any(offset not in record.failures for offset in again)
        if not self._needs_caller:
            self.run_again.clear()
        return self._needs_caller
