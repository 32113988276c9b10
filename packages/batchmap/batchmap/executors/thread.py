"""Runs calls on threads of this process: for functions that wait, or release the GIL."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import count, takewhile
from queue import SimpleQueue
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.errors import WorkersLostError
from batchmap.executors.base import WorkerExecutor
from batchmap.records import BatchRecord, ItemFailure
from batchmap.worker.failures import BatchInterrupted
from batchmap.worker.forked_child import end_forked_child, forks
from batchmap.worker.monitor import current_monitor

__all__ = ["ThreadExecutor", "open_workers"]

_logger = logging.getLogger("thread")

MAX_TIME_CHECK_S = 0.1
"""How often, at least, the time of the running items is checked when there is a limit."""

HEARTBEAT_S = 0.05
"""How often a thread checks, between two items, whether it was abandoned."""


class ThreadExecutor(WorkerExecutor):
    """Runs calls on up to so many threads, started as they are needed.

    A thread cannot be killed. With a time limit for each item, a thread whose item takes longer is
    abandoned: the call raises `BatchInterrupted`, another thread takes its place, and the shutdown
    does not wait for it.
    """

    def __init__(self, workers: int, *, timeout_s: float | None = None) -> None:
        self.abandoned = 0
        """How many threads were abandoned."""
        self._timeout_s = timeout_s
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._max_workers = workers
        self._workers: set[_Worker] = set()
        self._unfinished = 0
        self._closing = False
        self._closed = threading.Event()
        if timeout_s is not None:
            threading.Thread(target=self._check_times, name="time-keeper", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a thread; raises `RuntimeError` after the shutdown."""
        call = _Call(fn, args, kwargs)
        with self._lock:
            if self._closing:
                raise RuntimeError("cannot submit after shutdown")
            if len(self._workers) < self._max_workers and self._unfinished >= len(self._workers):
                self._start_worker()
            self._unfinished += 1
            self._calls.put(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, return when all threads not abandoned have ended."""
        with self._lock:
            self._closing = True
            if cancel_futures:
                while not self._calls.empty():
                    if (call := self._calls.get_nowait()) is not None:
                        call.future.cancel()
            workers = list(self._workers)
            for _ in workers:
                self._calls.put(None)
        if wait:
            for worker in workers:
                worker.ended.wait()
        if self.abandoned and not self._closed.is_set():
            _logger.warning(
                "%d threads were abandoned and still run; the process backend can kill its workers",
                self.abandoned,
            )
        self._closed.set()

    def _start_worker(self) -> None:
        worker = _Worker(
            self._calls,
            self._count_finished,
            self._remove_worker,
            is_monitored=self._timeout_s is not None,
        )
        try:
            threading.Thread(target=worker.work, name="worker", daemon=True).start()
        except RuntimeError as error:  # no more threads can be had, so the ones there are must do
            if not self._workers:
                raise WorkersLostError(f"no thread can be started ({error})") from error
            self._max_workers = len(self._workers)
        else:
            self._workers.add(worker)

    def _count_finished(self) -> None:
        with self._lock:
            self._unfinished -= 1

    def _remove_worker(self, worker: _Worker) -> None:
        with self._lock:
            self._workers.discard(worker)

    def _check_times(self) -> None:
        assert self._timeout_s is not None
        while not self._closed.wait(min(MAX_TIME_CHECK_S, self._timeout_s / 4)):
            with self._lock:
                for worker in tuple(self._workers):
                    raise_timeout = worker.abandon_if_over(self._timeout_s)
                    if raise_timeout is not None:
                        self.abandoned += 1
                        self._unfinished -= 1
                        self._workers.discard(worker)
                        worker.ended.set()
                        if not self._calls.empty():
                            self._start_worker()
                        raise_timeout()


class _Call:
    """A call that was submitted, and its future."""

    __slots__ = ("args", "fn", "future", "kwargs")

    def __init__(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.future: Future[Any] = Future()


class _Abandoned(BaseException):
    """Ends the batch of a thread that was abandoned, should its item ever finish."""


class _Worker:
    """A thread that takes calls, and the monitor of the item that it runs."""

    def __init__(
        self,
        calls: SimpleQueue[_Call | None],
        count_finished: Callable[[], None],
        remove: Callable[[_Worker], None],
        *,
        is_monitored: bool,
    ) -> None:
        self.call: _Call | None = None
        self.ended = threading.Event()
        self._calls = calls
        self._count_finished = count_finished
        self._remove = remove
        self._is_monitored = is_monitored
        self._lock = threading.Lock()
        self._offset: int | None = None
        """Of the item that runs, in its batch; `None` while none does."""
        self._began_s = 0.0
        self._finished: list[BatchRecord] = []
        self._abandoned = False
        self._forks = 0

    def work(self) -> None:
        if self._is_monitored:
            current_monitor.set(self)
        while not self._abandoned and (call := self._calls.get()) is not None:
            self.call = call
            self._finished = []
            if call.future.set_running_or_notify_cancel():
                self._run(call)
            else:
                self._count_finished()
            self.call = None
            del call  # so that an idle thread keeps no results alive
        self._remove(self)
        self.ended.set()

    def _run(self, call: _Call) -> None:
        self._forks = forks.count
        try:
            result = call.fn(*call.args, **call.kwargs)
            if forks.count != self._forks:
                end_forked_child()
        except BaseException as error:
            if forks.count != self._forks:
                end_forked_child(error)
            if not self._abandoned:
                self._count_finished()
                call.future.set_exception(error)
            return
        if not self._abandoned:
            self._count_finished()
            call.future.set_result(result)

    def heartbeat(self, offset: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        if self._abandoned:
            raise _Abandoned
        self._take_finished = finished
        return now_s + HEARTBEAT_S

    def begin(self, offset: int, began_s: Iterator[float]) -> Iterator[object]:
        return takewhile(bool, map(self._begin_item, count(offset), began_s))

    def _begin_item(self, offset: int, now_s: float) -> bool:
        """Note which item begins and when; tell whether it should, as it is not abandoned."""
        if forks.count != self._forks:
            end_forked_child()
        with self._lock:
            if self._abandoned:
                return False
            self._began_s = now_s
            self._offset = offset
            return True

    def end(self) -> None:
        with self._lock:
            self._offset = None

    def abandon_if_over(self, limit_s: float) -> Callable[[], None] | None:
        """Abandon this thread if its item takes longer; return what makes its call raise."""
        with self._lock:
            if self._offset is None or SYSTEM_CLOCK.now() - self._began_s <= limit_s:
                return None
            self._abandoned = True
            call, offset = self.call, self._offset
            assert call is not None
            interrupted = BatchInterrupted(
                ItemFailure(
                    "TimeoutError",
                    f"timeout (abandoned): took longer than {limit_s:g} s in a thread, "
                    "which cannot be killed",
                    "",
                ),
                offset=offset,
                finished=[self._take_finished(offset)] if offset else [],
                final=True,
            )
        return lambda: call.future.set_exception(interrupted)


def open_workers(workers: int, *, timeout_s: float | None = None) -> ThreadExecutor:
    """Return an executor with so many threads at most."""
    return ThreadExecutor(workers, timeout_s=timeout_s)
