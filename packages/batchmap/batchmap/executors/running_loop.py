"""Runs coroutines in the event loop of the caller, to which what they use may belong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any

from batchmap.executors.base import AFTER_SHUTDOWN, WorkerExecutor
from batchmap.executors.call_future import CallFuture, begin, fail, start_task, succeed
from batchmap.stopping import StopRequest
from batchmap.worker.coroutine_guard import CoroutineGuard
from batchmap.worker.event_loop import GRACE_S
from batchmap.worker.monitor import current_coroutine_monitor
from batchmap.worker.worker_scope import WorkerScope, scope_of_tasks

__all__ = ["RunningLoop"]


class RunningLoop:
    """The event loop that runs where this is made, lent to a call that another thread makes."""

    def __init__(self, workers: int, *, timeout_s: float | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._workers = workers
        self._timeout_s = timeout_s

    @contextmanager
    def lend(self, stop: StopRequest | None) -> Iterator[WorkerExecutor]:
        """Lend the loop; at the end what still runs is cancelled, and set-ups are undone."""
        guard = CoroutineGuard(self._workers, timeout_s=self._timeout_s)
        executor = _LoopExecutor(self._loop, self._thread_id, guard)
        try:
            yield executor
        finally:
            executor.shutdown(cancel_futures=True)


class _LoopExecutor(WorkerExecutor):
    """Runs calls, each of which gives a coroutine, as tasks of a loop in another thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, thread_id: int, guard: CoroutineGuard
    ) -> None:
        self._loop = loop
        self._guard = guard
        self._closing = False
        self._scope = WorkerScope()
        self._tasks: dict[asyncio.Task[None], CallFuture] = {}
        self._context = copy_context()
        self._context.run(current_coroutine_monitor.set, guard)
        self._context.run(scope_of_tasks.set, (self._scope, thread_id))

    @property
    def abandoned(self) -> int:
        """Return how many coroutines were abandoned."""
        return self._guard.abandoned

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in the loop; raises `RuntimeError` after the shutdown."""
        if self._closing:
            raise RuntimeError(AFTER_SHUTDOWN)
        future = CallFuture()
        try:
            self._loop.call_soon_threadsafe(self._start, future, fn, args, kwargs)
        except RuntimeError as error:
            raise BrokenExecutor("their event loop is closed") from error
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; cancel those that run, and wait until they have ended."""
        self._closing = True
        with suppress(RuntimeError):  # the loop is closed, and so nothing runs
            asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()

    # In the loop ----------------------------------------------------------------------------

    def _start(self, future: CallFuture, fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
        if begin(future):
            coroutine = self._settle(future, fn, args, kwargs)
            task = start_task(self._loop, coroutine, future, self._context)
            if task is not None:
                self._tasks[task] = future
                task.add_done_callback(self._discard)

    async def _settle(
        self, future: CallFuture, fn: Callable[..., Any], args: Any, kwargs: Any
    ) -> None:
        try:
            result = await fn(*args, **kwargs)
        except BaseException as error:
            is_cancelled = isinstance(error, asyncio.CancelledError)
            fail(future, BrokenExecutor("they were cancelled") if is_cancelled else error)
            del error, future  # each would keep the other alive
        else:
            succeed(future, result)

    def _discard(self, task: asyncio.Task[None]) -> None:
        future = self._tasks.pop(task)
        if not future.done():  # it was cancelled before its first step
            fail(future, BrokenExecutor("they were cancelled"))

    async def _finish(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)
        await self._scope.leave_in_loop()
