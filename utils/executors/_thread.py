"""Workers that are threads of this process: for functions that wait, or release the GIL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from utils.executors._door import WorkerExecutor

__all__ = ["open_workers"]


class ThreadExecutor(ThreadPoolExecutor, WorkerExecutor):
    """The standard library's thread pool."""


def open_workers(workers: int) -> ThreadExecutor:
    """Return an executor of so many threads, started as they are needed."""
    return ThreadExecutor(workers, thread_name_prefix="worker")
