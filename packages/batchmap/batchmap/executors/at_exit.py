"""What becomes of executors that are not shut down: the work that they have is done first.

As with the executors of the standard library, the interpreter waits at its exit for the calls that
were submitted, and an executor that nobody refers to ends its workers when its calls are done.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from concurrent.futures import Executor
from contextlib import suppress
from typing import Protocol

__all__ = ["Workers", "forget_at_exit", "when_dropped", "work_off_at_exit"]


class Workers(Protocol):
    """The workers of an executor: what its threads keep alive when nobody refers to it."""

    def close_soon(self) -> None:
        """Take no more calls, and end the workers when none is left; takes no lock."""

    def join(self) -> None:
        """Wait until the workers have ended."""


_open: weakref.WeakKeyDictionary[Workers, int] = weakref.WeakKeyDictionary()
"""The workers to be waited for at exit, and the process that has them: a fork has none of them."""


def work_off_at_exit(workers: Workers) -> None:
    """Have the interpreter wait at its exit for what was submitted to `workers`."""
    _open[workers] = os.getpid()


def forget_at_exit(workers: Workers) -> None:
    """Have the interpreter exit without waiting for `workers`."""
    _open.pop(workers, None)


def when_dropped(executor: Executor, workers: Workers) -> weakref.finalize[..., Executor]:
    """Close `workers` when nobody refers to their `executor` any more.

    The garbage collector does it, in whichever thread, at whichever line.
    """
    finalizer = weakref.finalize(executor, _close_own, workers, os.getpid())
    finalizer.atexit = False
    return finalizer


def _close_own(workers: Workers, process_id: int) -> None:
    if os.getpid() == process_id:  # not in a fork, which shares sockets with its parent
        workers.close_soon()


def _work_off() -> None:
    opened = [workers for workers, process_id in list(_open.items()) if process_id == os.getpid()]
    for workers in opened:
        workers.close_soon()
    for workers in opened:
        workers.join()


# What `atexit` calls comes after `threading` has waited for all threads but daemons, and a thread
# may wait for a call that was submitted here: so this is called before, as by the standard library.
with suppress(RuntimeError):  # the interpreter exits already
    getattr(threading, "_register_atexit", atexit.register)(_work_off)
