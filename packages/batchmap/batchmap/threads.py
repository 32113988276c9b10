"""Starts threads, also where a signal of the caller's arrives meanwhile."""

from __future__ import annotations

import threading

__all__ = ["start_thread"]


def start_thread(thread: threading.Thread) -> None:
    """Start `thread`; what a signal handler raises meanwhile comes out as it is.

    Raises `RuntimeError` where no thread can be had. Where the thread runs by the time that the
    handler raises, `Thread.start` itself fails with a `KeyError`, as it forgets the thread twice.
    """
    raised = None
    try:
        thread.start()
    except KeyError as error:
        raised = error.__context__
        if raised is None:
            raise
    if raised is not None:  # outside of `except`, which would add the `KeyError` as its context
        raise raised
