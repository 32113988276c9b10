"""Starts threads, also where a signal of the caller's arrives meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

from batchmap.errors import WorkersLostError

__all__ = ["can_start_threads", "give_up_start", "start_thread", "started_if_possible"]

_NONE_CAN_BE_HAD = ("can't start new thread", "can't create new thread")
"""How Python's messages begin where the system has no more, or while Python 3.12 exits."""

_INTERRUPTED_WAIT = "release unlocked lock"
"""What Python says where a signal handler has raised as a wait for a thread ended."""


class _Run:
    """What a thread runs, unless its start is given up before it begins."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._begun = self._given_up = False

    def __call__(self) -> None:
        with self._lock:
            self._begun = not self._given_up
        if self._begun:
            self._run()

    def give_up(self) -> bool:
        with self._lock:
            self._given_up = not self._begun
        return self._given_up


def start_thread(thread: threading.Thread) -> None:
    """Start `thread`; what a signal handler raises meanwhile comes out as it is.

    The system may have the thread by then: it does nothing unless it has begun, which
    `give_up_start` tells. `Thread.start` itself may fail for what the handler raises, with a
    `KeyError` as it forgets the thread twice, or as it releases a lock twice. Raises
    `WorkersLostError` where no thread can be had.
    """
    run = _Run(thread.run)
    thread.run = run  # type: ignore[method-assign]
    raised: BaseException | None = None
    try:
        thread.start()
    except BaseException as error:
        run.give_up()
        if str(error).startswith(_NONE_CAN_BE_HAD):
            raise WorkersLostError(f"no thread can be started ({error})") from error
        if isinstance(error, KeyError) or str(error) == _INTERRUPTED_WAIT:
            raised = error.__context__
        if raised is None:
            raise
    if raised is not None:  # outside of `except`, which would add the other as its context
        raise raised


def give_up_start(thread: threading.Thread) -> bool:
    """Have a thread do nothing that has not begun; tell whether it does nothing.

    `False`: it was started, and runs or has ended.
    """
    return not isinstance(thread.run, _Run) or thread.run.give_up()


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
