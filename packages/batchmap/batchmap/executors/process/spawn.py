"""Starts worker processes: quickly, and never by forking a process that has threads."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker, spawn
from typing import Any

__all__ = [
    "BLOCKED_SIGNALS",
    "main_not_imported",
    "safe_context",
    "signals_blocked",
    "threaded_context",
]

THREAD_CHECKS = 20
BETWEEN_CHECKS_S = 1e-4
"""How often, and how far apart, threads are counted: one that was joined may not be gone yet."""

_PRELOADED = ["batchmap.worker.processor", "batchmap.executors.process.worker_main"]


def safe_context() -> Any:
    """Return the `multiprocessing` context that starts workers most quickly and is safe now."""
    return multiprocessing.get_context("fork") if _has_one_thread() else threaded_context()


def threaded_context() -> Any:
    """Return a `multiprocessing` context that is safe in a process with threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _has_one_thread() -> bool:
    """Tell whether nothing else runs in this process, native threads included."""
    if sys.platform != "linux":
        return False
    for _ in range(THREAD_CHECKS):
        if len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208  # it is quicker
            return threading.active_count() == 1
        if threading.active_count() > 1:
            return False
        time.sleep(BETWEEN_CHECKS_S)
    return False


BLOCKED_SIGNALS = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}
"""Signals that may go to a whole process group, and that the parent alone answers."""


@contextmanager
def signals_blocked(context: Any) -> Iterator[None]:
    """Block `BLOCKED_SIGNALS` while processes are started, which inherit that until they unblock.

    The fork server never unblocks. What this process is sent meanwhile, it gets afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if context.get_start_method() != "fork":
        # The first process to start would start it too, which unblocks the signals.
        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def main_not_imported() -> Iterator[None]:
    """Keep `multiprocessing` from running the user's script again in a worker that is started.

    Functions of the script are pickled by value, so the worker does not need it; and a script need
    not guard itself with `if __name__ == "__main__"`.
    """
    original = spawn.get_preparation_data

    def without_main(name: str) -> dict[str, object]:
        data = original(name)
        for key in ("init_main_from_name", "init_main_from_path"):
            data.pop(key, None)
        return data

    spawn.get_preparation_data = without_main
    try:
        yield
    finally:
        spawn.get_preparation_data = original
