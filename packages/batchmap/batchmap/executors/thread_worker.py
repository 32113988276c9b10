"""A thread that makes calls, and the monitor of the item that it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count, takewhile
from queue import SimpleQueue
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors.call_future import CallFuture, begin, fail, settles_futures, succeed
from batchmap.executors.suspended_time import SuspendedTime
from batchmap.records import BatchRecord, ItemFailure
from batchmap.worker.call_context import copied_context
from batchmap.worker.failures import BatchInterrupted
from batchmap.worker.forked_child import end_forked_child, forks
from batchmap.worker.monitor import call_monitored
from batchmap.worker.worker_scope import WorkerScope, become_worker

__all__ = ["Call", "Worker"]

HEARTBEAT_S = 0.05
"""How often a thread checks, between two items, whether it was abandoned."""


class Call:
    """A call that was submitted, and its future."""

    __slots__ = ("args", "context", "fn", "future", "kwargs")

    def __init__(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.context = copied_context()
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.future = CallFuture()


class _Abandoned(BaseException):
    """Ends the batch of a thread that was abandoned, should its item ever finish."""


class Worker:
    """Takes calls until it takes a `None`, which it puts back for the next thread.

    `finished` is called after each call, before its future is settled; `left` when the thread ends,
    with what ended it where that was not the `None`.
    """

    def __init__(
        self,
        calls: SimpleQueue[Call | None],
        finished: Callable[[Call], None],
        left: Callable[[Worker, BaseException | None], None],
        *,
        is_monitored: bool,
    ) -> None:
        self.call: Call | None = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work, name="worker", daemon=True)
        self._calls = calls
        self._finished = finished
        self._left = left
        self._is_monitored = is_monitored
        self._lock = threading.Lock()
        self._offset: int | None = None
        """Of the item that runs, in its batch; `None` while none does."""
        self._began_s = 0.0
        self._take_finished: Callable[[int], BatchRecord] | None = None
        self._abandoned = False
        self._forks = 0

    def work(self) -> None:
        """Make calls: what the thread runs."""
        ended_by: BaseException | None = None
        scope = WorkerScope()
        try:
            settles_futures()
            become_worker(scope)
            try:
                self._make_calls()
            finally:
                scope.leave()
        except BaseException as error:  # not a call's own, which is in its future
            ended_by = error
        finally:
            self._left(self, ended_by)
            self.call = None
            self.ended.set()

    def _make_calls(self) -> None:
        while not self._abandoned:
            call = self._calls.get()
            if call is None:
                self._calls.put(None)
                return
            self.call = call
            if begin(call.future):
                self._make(call)
            else:
                self._finished(call)
            self.call = None
            self._take_finished = None
            del call  # so that an idle thread keeps no results alive

    def _make(self, call: Call) -> None:
        self._forks = forks.count
        try:
            monitor = self if self._is_monitored else None
            result = call.context.run(call_monitored, monitor, call.fn, *call.args, **call.kwargs)
            if forks.count != self._forks:
                end_forked_child()
        except BaseException as error:
            if forks.count != self._forks:
                end_forked_child(error)
            if not self._abandoned:
                self._finished(call)
                fail(call.future, error)
            del call  # the error's traceback would keep it alive, and it the error
            return
        if not self._abandoned:
            self._finished(call)
            succeed(call.future, result)

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

    def abandon_if_over(
        self, limit_s: float, suspended: SuspendedTime
    ) -> tuple[Call, BatchInterrupted] | None:
        """Abandon this thread if its item takes longer; return its call and what that raises."""
        with self._lock:
            if self._offset is None:
                return None
            began_s = self._began_s
            if SYSTEM_CLOCK.now() - began_s - suspended.since(began_s) <= limit_s:
                return None
            call, offset, take_finished = self.call, self._offset, self._take_finished
            assert call is not None
            assert take_finished is not None
            interrupted = BatchInterrupted(
                ItemFailure(
                    "TimeoutError",
                    f"timeout (abandoned): took longer than {limit_s:g} s in a thread, "
                    "which cannot be killed",
                    "",
                ),
                offset=offset,
                finished=[take_finished(offset)] if offset else [],
                final=True,
            )
            self._abandoned = True
        return call, interrupted
