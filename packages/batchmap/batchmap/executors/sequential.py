"""Runs each call in the calling thread: the baseline that all other executors are compared with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from batchmap.executors.base import AFTER_SHUTDOWN, WorkerExecutor, number_of_workers
from batchmap.executors.call_future import CallFuture, fail, succeed
from batchmap.worker.interruption import SignalHandlers
from batchmap.worker.worker_scope import WorkerScope, working

__all__ = ["SequentialExecutor", "open_workers"]


class SequentialExecutor(WorkerExecutor):
    """Runs each call where it is submitted; its future is done when `submit` returns.

    It has one worker, whatever `max_workers` says.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        number_of_workers(max_workers, "sequential")  # which refuses a wrong one
        self._closed = False
        self._scope = WorkerScope()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` now; raises `RuntimeError` after the shutdown, and a Ctrl-C as it is."""
        if self._closed:
            raise RuntimeError(AFTER_SHUTDOWN)
        future = CallFuture()
        future.set_running_or_notify_cancel()
        try:
            with working(self._scope):
                succeed(future, fn(*args, **kwargs))
        except BaseException as error:
            if SignalHandlers().raised(error):
                raise
            fail(future, error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""
        self._closed = True
        with working(self._scope):
            self._scope.leave()


def open_workers(workers: int, *, timeout_s: float | None = None) -> SequentialExecutor:
    """Return the executor; it has one worker, whatever `workers` says, and no time limit."""
    return SequentialExecutor(workers)
