"""Starts threads, also where a signal of the caller's arrives meanwhile."""

from __future__ import annotations

import threading

from batchmap.errors import WorkersLostError

__all__ = ["can_start_threads", "start_thread", "started_if_possible"]

_NONE_CAN_BE_HAD = ("can't start new thread", "can't create new thread")
"""How Python's messages begin where the system has no more, or while Python 3.12 exits."""


def start_thread(thread: threading.Thread) -> None:
    """Start `thread`; what a signal handler raises meanwhile comes out as it is.

    Raises `WorkersLostError` where no thread can be had. Where the thread runs by the time that the
    handler raises, `Thread.start` itself fails with a `KeyError`, as it forgets the thread twice.
    """
    raised = None
    try:
        thread.start()
    except KeyError as error:
        raised = error.__context__
        if raised is None:
            raise
    except RuntimeError as error:
        if not str(error).startswith(_NONE_CAN_BE_HAD):  # a signal handler raised it
            raise
        raise WorkersLostError(f"no thread can be started ({error})") from error
    if raised is not None:  # outside of `except`, which would add the `KeyError` as its context
        raise raised


def started_if_possible(thread: threading.Thread) -> bool:
    """Start `thread`; `False` where none can be had."""
    try:
        start_thread(thread)
    except WorkersLostError:
        return False
    return True


def can_start_threads() -> bool:
    """Tell whether there can be another thread: not while Python 3.12 exits."""
    if threading.main_thread().is_alive():  # else the interpreter exits
        return True
    thread = threading.Thread(target=lambda: None, daemon=True)
    if not started_if_possible(thread):
        return False
    thread.join()
    return True
