"""Runs calls on threads of this process: for functions that wait, or release the GIL."""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from queue import Empty, SimpleQueue
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import WorkersLostError
from batchmap.executors.at_exit import forget_at_exit, when_dropped, work_off_at_exit
from batchmap.executors.base import (
    AFTER_SHUTDOWN,
    WorkerExecutor,
    check_same_process,
    number_of_workers,
)
from batchmap.executors.call_future import cancel, fail, settles_futures
from batchmap.executors.suspended_time import MAX_TIME_CHECK_S, SuspendedTime
from batchmap.executors.thread_worker import Call, Worker
from batchmap.threads import start_thread

__all__ = ["ThreadExecutor", "open_workers"]

_logger = logging.getLogger("thread")


_Lost = tuple[Call, BaseException]
"""A call that will not be made, and what it raises."""


class ThreadExecutor(WorkerExecutor):
    """Runs calls on up to `max_workers` threads, started as they are needed.

    A thread cannot be killed. With a time limit for each item, a thread whose item takes longer is
    abandoned: the call raises `BatchInterrupted`, another thread takes its place, and the shutdown
    does not wait for it.
    """

    def __init__(self, max_workers: int | None = None, *, timeout_s: float | None = None) -> None:
        self._process_id = os.getpid()
        self._pool = _ThreadPool(number_of_workers(max_workers, "thread"), timeout_s)
        self._finalizer = when_dropped(self, self._pool)
        work_off_at_exit(self._pool)

    @property
    def abandoned(self) -> int:
        """Return how many threads were abandoned."""
        return self._pool.abandoned

    @property
    def is_broken(self) -> bool:
        """Tell whether it can make no calls any more, though it was not shut down."""
        return bool(self._pool.broken)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a thread; raises `RuntimeError` after the shutdown."""
        check_same_process(self._process_id)
        call = Call(fn, args, kwargs)
        self._pool.add(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, return when all threads not abandoned have ended.

        One of these threads that calls it does not wait for itself.
        """
        self._finalizer.detach()
        self._pool.close(cancel_waiting=cancel_futures)
        if wait:
            self._pool.join()

    def wind_down(self, within_s: float) -> None:
        """Cancel what waits, and wait so long for threads to end."""
        self.shutdown(wait=False, cancel_futures=True)
        self._pool.join(within_s)

    def widen(self, workers: int) -> None:
        """Start up to so many threads, as they are needed."""
        self._pool.widen(workers)

    def forget_at_exit(self) -> None:
        """Have the interpreter exit without waiting for what was submitted."""
        forget_at_exit(self._pool)


class _ThreadPool:
    """The threads of an executor, which they do not refer to, and the calls that wait for one."""

    def __init__(self, max_workers: int, timeout_s: float | None) -> None:
        self.abandoned = 0
        self._timeout_s = timeout_s
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._max_workers = max_workers
        self._workers: set[Worker] = set()
        self._unfinished: dict[Call, None] = {}
        """The calls that wait or run, in their order."""
        self._closing = False
        self.broken = ""
        """Why no more calls can be made; empty while they can."""
        self._closed = threading.Event()
        if timeout_s is not None:
            act = self._keep_time
            try:
                start_thread(threading.Thread(target=act, name="time-keeper", daemon=True))
            except BaseException:  # a signal handler raised it, and the thread runs
                self._closed.set()
                raise

    def add(self, call: Call) -> None:
        with self._lock:
            if self._closing:
                raise RuntimeError(AFTER_SHUTDOWN)
            if self.broken:
                raise BrokenExecutor(self.broken)
            if len(self._workers) < self._max_workers and len(self._unfinished) >= len(
                self._workers
            ):
                self._start_worker()
            self._unfinished[call] = None
            self._calls.put(call)

    def widen(self, max_workers: int) -> None:
        with self._lock:
            self._max_workers = max(self._max_workers, max_workers)

    def close_soon(self) -> None:
        """Take no more calls, and end each thread when no call is left; takes no lock."""
        self._closing = True
        self._calls.put(None)

    def close(self, *, cancel_waiting: bool) -> None:
        with self._lock:
            self._closing = True
            waiting = self._take_waiting() if cancel_waiting else []
            self._calls.put(None)
        for call in waiting:
            cancel(call.future)
        if self.abandoned and not self._closed.is_set():
            _logger.warning(
                "%d %s; the process backend can kill its workers",
                self.abandoned,
                "thread was abandoned and still runs"
                if self.abandoned == 1
                else "threads were abandoned and still run",
            )
        self._closed.set()

    def join(self, within_s: float = math.inf) -> None:
        """Wait until all threads have ended but those that were abandoned, and this one."""
        until_s = SYSTEM_CLOCK.now() + within_s
        while (worker := self._another_worker()) is not None:
            left_s = until_s - SYSTEM_CLOCK.now()
            if not worker.ended.wait(None if left_s == math.inf else max(0.0, left_s)):
                return

    def _another_worker(self) -> Worker | None:
        """Return one of the threads other than the one that asks."""
        me = threading.current_thread()
        with self._lock:
            return next((one for one in self._workers if one.thread is not me), None)

    def _take_waiting(self) -> list[Call]:
        """Take all calls that wait, and forget them."""
        waiting: list[Call] = []
        while True:
            try:
                call = self._calls.get_nowait()
            except Empty:
                return waiting
            if call is not None:
                del self._unfinished[call]
                waiting.append(call)

    def _start_worker(self) -> None:
        worker = Worker(
            self._calls,
            self._finished,
            self._leave,
            is_monitored=self._timeout_s is not None,
        )
        try:
            start_thread(worker.thread)
        except WorkersLostError:  # no more threads can be had, so the ones there are must do
            if not self._workers:
                raise
            self._max_workers = len(self._workers)
        else:
            self._workers.add(worker)

    def _finished(self, call: Call) -> None:
        with self._lock:
            self._unfinished.pop(call, None)

    def _leave(self, worker: Worker, error: BaseException | None) -> None:
        """Take out a thread that ends; where an error ended it, another takes its place."""
        lost: list[_Lost] = []
        with self._lock:
            is_known = worker in self._workers  # or it was abandoned
            self._workers.discard(worker)
            if error is not None and is_known:
                _logger.error("a thread of the executor ended with %r", error)
                if worker.call is not None:
                    self._unfinished.pop(worker.call, None)
                    lost.append((worker.call, error))
                lost += self._replace_worker(error)
        for call, why in lost:
            fail(call.future, why)

    def _replace_worker(self, error: BaseException) -> list[_Lost]:
        """Start a thread for the calls that wait; return those that no thread can make.

        The thread that ended may have taken one from the queue that it had not begun. So all that
        have not begun are queued again; one that is queued twice begins once.
        """
        waiting = [call for call in self._unfinished if not call.future.running()]
        self._take_waiting()
        for call in waiting:
            self._unfinished[call] = None
            self._calls.put(call)
        lost: list[_Lost] = []
        if waiting:
            lost = self._start_or_break(f"a thread ended with {type(error).__name__}: {error}")
        if self._closing:
            self._calls.put(None)
        return lost

    def _start_or_break(self, why: str) -> list[_Lost]:
        """Start a thread; where there is none and can be none, return the calls that wait."""
        try:
            self._start_worker()
        except WorkersLostError as error:
            self.broken = f"{why}; {error}"
            return [(call, BrokenExecutor(self.broken)) for call in self._take_waiting()]
        return []

    def _keep_time(self) -> None:
        """Abandon the threads whose item takes too long, until all have ended.

        Whatever is raised meanwhile, it goes on, or calls would be waited for without end.
        """
        assert self._timeout_s is not None
        settles_futures()
        check_s = min(MAX_TIME_CHECK_S, self._timeout_s / 4)
        suspended = SuspendedTime(check_s)
        while True:
            try:
                while not self._closed.wait(check_s):
                    suspended.check()
                    self._abandon_overdue(self._timeout_s, suspended)
                    if self._closing and not self._workers:
                        return
                return
            except BaseException as error:
                _logger.error("the time-keeper of the executor goes on after %r", error)

    def _abandon_overdue(self, timeout_s: float, suspended: SuspendedTime) -> None:
        lost: list[_Lost] = []
        with self._lock:
            for worker in tuple(self._workers):
                if (overdue := worker.abandon_if_over(timeout_s, suspended)) is not None:
                    lost.append(overdue)
                    self.abandoned += 1
                    self._unfinished.pop(overdue[0], None)
                    self._workers.discard(worker)
                    worker.ended.set()
                    if not self._calls.empty():
                        lost += self._start_or_break("a thread was abandoned")
        for call, error in lost:
            fail(call.future, error)


def open_workers(workers: int, *, timeout_s: float | None = None) -> ThreadExecutor:
    """Return an executor with so many threads at most."""
    return ThreadExecutor(workers, timeout_s=timeout_s)
