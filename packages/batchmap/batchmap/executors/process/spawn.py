"""How worker processes are started: quickly, and never by forking a process with threads."""

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

__all__ = ["HELD", "main_out_of_sight", "safe_context", "signals_held", "threaded_context"]

LOOKS = 20
BETWEEN_LOOKS_S = 1e-4

_PRELOADED = ["batchmap.worker.processor", "batchmap.executors.process.worker_main"]


def safe_context() -> Any:
    """Return the quickest way to start workers that is safe now."""
    return multiprocessing.get_context("fork") if _has_one_thread() else threaded_context()


def threaded_context() -> Any:
    """Return a way to start workers that is safe in a process with threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _has_one_thread() -> bool:
    """Tell whether nothing else runs in this process, native threads included."""
    if sys.platform != "linux":
        return False
    for _ in range(LOOKS):  # a thread that was joined may take a moment to be gone
        if len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208  # the quicker way
            return threading.active_count() == 1
        if threading.active_count() > 1:
            return False
        time.sleep(BETWEEN_LOOKS_S)
    return False


HELD = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}
"""Signals that may go to the whole group, and that the command alone answers."""


@contextmanager
def signals_held(context: Any) -> Iterator[None]:
    """Start processes that do not get `HELD` until they unblock them; the fork server never does.

    The command gets what came in between afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if context.get_start_method() != "fork":
        # Starting the first process starts it, too, and that unblocks signals.
        resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def main_out_of_sight() -> Iterator[None]:
    """Keep `multiprocessing` from running the user's script again in a worker that is started.

    Functions of the script travel by value, so the worker does not need it; and a script need
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
