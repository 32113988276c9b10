"""Tells failures for which the thread is to blame that an item ran in.

Some objects work only in the thread that made them: a connection of `sqlite3`, an event loop,
signal handlers, a toolkit's window, a `threading.local`. A function that uses one made by the
caller works in a loop, and must be called in the caller's thread here, too. What such objects raise
elsewhere has no type in common, but it names threads or event loops.
"""

from __future__ import annotations

import re

from batchmap.records import ItemFailure

__all__ = ["may_need_callers_thread"]

_NAMES_THREADS = re.compile("thread|event loop|greenlet", re.IGNORECASE)


def may_need_callers_thread(failure: ItemFailure) -> bool:
    """Tell whether the item may succeed in the thread that the function's objects belong to."""
    return _NAMES_THREADS.search(f"{failure.error_type} {failure.error}") is not None
