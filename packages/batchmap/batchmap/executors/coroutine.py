"""Runs coroutines in one event loop, in a thread of its own: for functions that are `async`."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from batchmap.executors.at_exit import forget_at_exit, when_dropped, work_off_at_exit
from batchmap.executors.base import WorkerExecutor, check_same_process, number_of_workers
from batchmap.executors.call_future import CallFuture
from batchmap.executors.event_loop_thread import EventLoopThread
from batchmap.worker.coroutine_guard import CoroutineGuard

__all__ = ["AsyncExecutor", "open_workers"]


class AsyncExecutor(WorkerExecutor):
    """Runs calls in an event loop; what a call returns is awaited if it can be.

    At most `max_workers` calls run at once; of a batch, each item counts as one. Each is cancelled
    when it takes longer than `timeout_s`, and abandoned when it goes on nevertheless. A warning
    says where the function blocks the loop. Uses uvloop where that is installed.
    """

    def __init__(self, max_workers: int | None = None, *, timeout_s: float | None = None) -> None:
        self._process_id = os.getpid()
        self._guard = CoroutineGuard(number_of_workers(max_workers, "async"), timeout_s=timeout_s)
        self._thread = EventLoopThread(self._guard)
        self._finalizer = when_dropped(self, self._thread)
        work_off_at_exit(self._thread)

    @property
    def abandoned(self) -> int:
        """Return how many coroutines were abandoned."""
        return self._guard.abandoned

    @property
    def is_broken(self) -> bool:
        """Tell whether it can make no calls any more, though it was not shut down."""
        return bool(self._thread.broken)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in the loop; raises `RuntimeError` after the shutdown."""
        check_same_process(self._process_id)
        future = CallFuture()
        self._thread.add(future, partial(fn, **kwargs) if kwargs else fn, args)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, return when all have ended."""
        self._finalizer.detach()
        self._thread.close(cancel_waiting=cancel_futures)
        if wait:
            self._thread.join()

    def wind_down(self, within_s: float) -> None:
        """Cancel what waits and what runs, and wait so long for the loop to end."""
        self.shutdown(wait=False, cancel_futures=True)
        self._thread.kill()
        self._thread.join(within_s)

    def kill(self) -> None:
        """Cancel what runs, without waiting for it."""
        self.shutdown(wait=False, cancel_futures=True)
        self._thread.kill()

    def forget_at_exit(self) -> None:
        """Have the interpreter exit without waiting for what was submitted."""
        forget_at_exit(self._thread)


def open_workers(workers: int, *, timeout_s: float | None = None) -> AsyncExecutor:
    """Return an executor that runs so many coroutines at once."""
    return AsyncExecutor(workers, timeout_s=timeout_s)
