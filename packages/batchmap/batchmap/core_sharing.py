"""How many cores a call may use: fewer inside an item of another call, which share that one's.

Outside of any call, these are the usable cores. In a worker process, they are its share of them. In
a thread that runs items, they are those that no worker process has which was started from here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from batchmap.resources import usable_cores

__all__ = ["cores_to_use", "inside_call", "limit_cores", "worker_processes"]

inside_call: ContextVar[bool] = ContextVar("inside_call", default=False)
"""Whether the code that reads it runs as part of a call, in a thread of this process."""

_lock = threading.Lock()
_processes = 0
"""How many worker processes this process has for its calls."""
_limit: int | None = None
"""How many cores this process may use as a worker; `None` when it is none."""


def cores_to_use() -> int:
    """Return how many cores a call that begins here may keep busy, at least 1.

    Another call may take some of them at any moment: `worker_processes` takes what is free.
    """
    cores = usable_cores() if _limit is None else min(_limit, usable_cores())
    return max(1, cores - _processes) if inside_call.get() else cores


def limit_cores(workers: int) -> None:
    """Make this process one of so many workers, which share the cores from now on."""
    global _limit
    _limit = max(1, usable_cores() // workers)


def _forget_processes() -> None:
    global _processes
    _processes = 0


if hasattr(os, "register_at_fork"):  # a child has none of its parent's
    os.register_at_fork(after_in_child=_forget_processes)


@contextmanager
def worker_processes(number: int, *, least: int | None = None) -> Iterator[int]:
    """Count so many worker processes as busy, and yield their number.

    With `least`, they are fewer where fewer cores are free, but at least so many. Looking and
    counting is one step, so that calls that begin at once do not take the same cores.
    """
    global _processes
    with _lock:
        if least is not None:
            number = min(number, max(least, cores_to_use()))
        _processes += number
    try:
        yield number
    finally:
        with _lock:
            _processes -= number
