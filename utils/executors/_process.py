"""Workers that are processes of their own: for functions that compute in Python."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait

from utils.executors._door import WorkerExecutor

__all__ = ["open_workers"]

_PRELOADED = ["utils.processing", "utils.workloads", "utils.executors._process"]


class ProcessExecutor(ProcessPoolExecutor, WorkerExecutor):
    """The standard library's process pool, with workers that can be killed."""

    def kill(self) -> None:
        """Kill the workers at once."""
        # The processes are told nowhere else before Python 3.14; the attribute is in all versions.
        for process in list((self._processes or {}).values()):
            process.kill()
        super().kill()


def open_workers(workers: int) -> ProcessExecutor:
    """Return an executor of so many processes, started as they are needed.

    They are forked from a server that has no threads, so that a fork never copies a held lock.
    """
    if "forkserver" in multiprocessing.get_all_start_methods():
        context: multiprocessing.context.BaseContext = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOADED)
    else:
        context = multiprocessing.get_context("spawn")
    return ProcessExecutor(workers, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    """Leave signals that go to the whole group to the parent, and leave with it when it dies."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, name="parent-watch", daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
