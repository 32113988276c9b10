"""Runs each call in the calling thread: the baseline that all other executors are compared with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from batchmap.executors.base import WorkerExecutor
from batchmap.worker.interruption import SignalHandlers

__all__ = ["open_workers"]


class SequentialExecutor(WorkerExecutor):
    """Runs each call where it is submitted; its future is done when `submit` returns."""

    def __init__(self) -> None:
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` now; raises `RuntimeError` after the shutdown."""
        if self._closed:
            raise RuntimeError("cannot submit after shutdown")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            if SignalHandlers().raised(error):
                raise
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""
        self._closed = True


def open_workers(workers: int, *, timeout_s: float | None = None) -> SequentialExecutor:
    """Return the executor; it has one worker, whatever `workers` says, and no time limit."""
    return SequentialExecutor()
