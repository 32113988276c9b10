"""Workers that are threads of this process: for functions that wait, or release the GIL."""

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
from batchmap.worker.monitor import current_monitor

__all__ = ["ThreadExecutor", "open_workers"]

_logger = logging.getLogger("thread")

LONGEST_LOOK_S = 0.1
"""How often, at least, what the workers are at is looked at when there is a time limit."""

LOOK_UP_EVERY_S = 0.05
"""How often a thread looks, between two items, whether the run is to end."""


class ThreadExecutor(WorkerExecutor):
    """Run calls on so many threads, started as they are needed.

    A thread cannot be killed. With a time limit, one whose item takes longer is abandoned: its
    batch raises `BatchInterrupted`, another thread takes its place, and it holds up nothing.
    """

    def __init__(self, workers: int, *, timeout_s: float | None = None) -> None:
        self.abandoned = 0
        """How many threads were given up."""
        self._timeout_s = timeout_s
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._most = workers
        self._workers: set[_Worker] = set()
        self._unfinished = 0
        self._closing = False
        self._closed = threading.Event()
        if timeout_s is not None:
            threading.Thread(target=self._keep_time, name="time-keeper", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in a thread; raises `RuntimeError` after the shutdown."""
        call = _Call(fn, args, kwargs)
        with self._lock:
            if self._closing:
                raise RuntimeError("cannot submit after shutdown")
            if len(self._workers) < self._most and self._unfinished >= len(self._workers):
                self._start_worker()
            self._unfinished += 1
            self._calls.put(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, come back when the threads that are left have ended."""
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
                worker.gone.wait()
        if self.abandoned and not self._closed.is_set():
            _logger.warning(
                "%d threads were abandoned and still run; processes can be killed: "
                "use --backend process",
                self.abandoned,
            )
        self._closed.set()

    def _start_worker(self) -> None:
        worker = _Worker(
            self._calls, self._count_finished, self._forget, watched=self._timeout_s is not None
        )
        try:
            threading.Thread(target=worker.work, name="worker", daemon=True).start()
        except RuntimeError as error:  # no more threads; go on with those that there are
            if not self._workers:
                raise WorkersLostError(f"no thread can be started ({error})") from error
            self._most = len(self._workers)
        else:
            self._workers.add(worker)

    def _count_finished(self) -> None:
        with self._lock:
            self._unfinished -= 1

    def _forget(self, worker: _Worker) -> None:
        with self._lock:
            self._workers.discard(worker)

    def _keep_time(self) -> None:
        assert self._timeout_s is not None
        while not self._closed.wait(min(LONGEST_LOOK_S, self._timeout_s / 4)):
            with self._lock:
                for worker in tuple(self._workers):
                    broken = worker.abandon_if_over(self._timeout_s)
                    if broken is not None:
                        self.abandoned += 1
                        self._unfinished -= 1
                        self._workers.discard(worker)
                        worker.gone.set()
                        if not self._calls.empty():
                            self._start_worker()
                        broken()


class _Call:
    """What was submitted."""

    __slots__ = ("args", "fn", "future", "kwargs")

    def __init__(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.future: Future[Any] = Future()


class _Abandoned(BaseException):
    """Ends the batch of a thread that was given up, should it ever come back."""


class _Worker:
    """A thread that takes calls, and the watch over what it is at."""

    def __init__(
        self,
        calls: SimpleQueue[_Call | None],
        count_finished: Callable[[], None],
        forget: Callable[[_Worker], None],
        *,
        watched: bool,
    ) -> None:
        self.call: _Call | None = None
        self.gone = threading.Event()
        self._calls = calls
        self._count_finished = count_finished
        self._forget = forget
        self._watched = watched
        self._lock = threading.Lock()
        self._place: int | None = None
        self._began_s = 0.0
        self._finished: list[BatchRecord] = []
        self._abandoned = False

    def work(self) -> None:
        if self._watched:
            current_monitor.set(self)
        while not self._abandoned and (call := self._calls.get()) is not None:
            self.call = call
            self._finished = []
            if call.future.set_running_or_notify_cancel():
                self._do(call)
            else:
                self._count_finished()
            self.call = None
            del call  # an idle thread holds on to nobody's results
        self._forget(self)
        self.gone.set()

    def _do(self, call: _Call) -> None:
        try:
            result = call.fn(*call.args, **call.kwargs)
        except BaseException as error:
            if not self._abandoned:
                self._count_finished()
                call.future.set_exception(error)
            return
        if not self._abandoned:
            self._count_finished()
            call.future.set_result(result)

    def heartbeat(self, place: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        if self._abandoned:
            raise _Abandoned
        self._take_finished = finished
        return now_s + LOOK_UP_EVERY_S

    def begin(self, place: int, began_s: Iterator[float]) -> Iterator[object]:
        return takewhile(bool, map(self._begin_item, count(place), began_s))

    def _begin_item(self, place: int, now_s: float) -> bool:
        """Take notice of the item, and tell whether it is still wanted."""
        with self._lock:
            if self._abandoned:
                return False
            self._began_s = now_s
            self._place = place
            return True

    def end(self) -> None:
        with self._lock:
            self._place = None

    def abandon_if_over(self, limit_s: float) -> Callable[[], None] | None:
        """Give this thread up when its item takes longer; return how to tell the batch's future."""
        with self._lock:
            if self._place is None or SYSTEM_CLOCK.now() - self._began_s <= limit_s:
                return None
            self._abandoned = True
            call, place = self.call, self._place
            assert call is not None
            broken = BatchInterrupted(
                ItemFailure(
                    "TimeoutError",
                    f"timeout (abandoned): took longer than {limit_s:g} s in a thread, "
                    "which cannot be killed",
                    "",
                ),
                place=place,
                finished=[self._take_finished(place)] if place else [],
                final=True,
            )
        return lambda: call.future.set_exception(broken)


def open_workers(workers: int, *, timeout_s: float | None = None) -> ThreadExecutor:
    """Return an executor of so many threads."""
    return ThreadExecutor(workers, timeout_s=timeout_s)
