"""Whether worker processes can be started, and by which of two ways.

A fork of this process is the quickest, and is safe while there is nothing in it that a fork breaks.
Else workers are forked by a server of this process, see `fork_server`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "BLOCKED_SIGNALS",
    "can_fork",
    "has_one_thread",
    "load_in_a_worker",
    "processes_unavailable",
    "signals_blocked",
]

THREAD_CHECKS = 20
BETWEEN_CHECKS_S = 1e-4
"""How often, and how far apart, threads are counted: one that was joined may not be gone yet."""

BLOCKED_SIGNALS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}
"""Signals that may go to a whole process group, and that the parent alone answers."""

_is_loading = False
"""Whether this process is a worker that imports what a function needs."""


def processes_unavailable() -> str:
    """Return why this process can have no worker processes; empty where it can."""
    if not hasattr(os, "fork") or not hasattr(os, "posix_spawn"):
        return f"worker processes need a system with fork, which {sys.platform} is not"
    if multiprocessing.current_process().daemon:
        return "this is a daemonic process of multiprocessing, which can have no worker processes"
    if _is_loading:
        return (
            "a worker process imports the module that asks for worker processes; put the call "
            'there below `if __name__ == "__main__":`, or in a function'
        )
    return ""


def load_in_a_worker(load: Callable[[], Any]) -> Any:
    """Unpickle or pickle in a worker, by `load`; worker processes of its own are refused meanwhile.

    Each of them would import the same module, which would ask for more of them, without end.
    """
    global _is_loading
    _is_loading = True
    try:
        return load()
    finally:
        _is_loading = False


def can_fork() -> bool:
    """Tell whether this process can itself fork workers, and learn how they end.

    With a handler for SIGCHLD, or where it is ignored, somebody else may learn it first.
    """
    return (
        sys.platform == "linux"
        and hasattr(os, "pidfd_open")
        and signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
        and has_one_thread()
    )


def has_one_thread() -> bool:
    """Tell whether nothing else runs in this process, native threads included."""
    if sys.platform != "linux":
        return False
    for _ in range(THREAD_CHECKS):
        if threading.active_count() > 1:
            return False
        if len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208  # it is quicker
            return threading.active_count() == 1
        time.sleep(BETWEEN_CHECKS_S)
    return False


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block `BLOCKED_SIGNALS` while processes are started, which inherit that until they unblock.

    What this process is sent meanwhile, it gets afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
