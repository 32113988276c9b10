"""Runs coroutines in one event loop, in a thread of its own: for functions that are `async`."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from inspect import isawaitable
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors.base import WorkerExecutor
from batchmap.worker.event_loop import lease_loop
from batchmap.worker.monitor import current_coroutine_monitor

__all__ = ["AsyncExecutor", "open_workers"]

HEARTBEAT_S = 0.1
"""How often the loop notes the time, in seconds, which it cannot while it is blocked."""

BLOCKED_S = 1.0
"""A loop that has noted no time for so long is blocked."""

GRACE_S = 0.5
"""How long a coroutine may take to end after it was cancelled, in seconds."""

_logger = logging.getLogger("async")


class AsyncExecutor(WorkerExecutor):
    """Runs calls in an event loop; what a call returns is awaited if it can be.

    At most `workers` coroutines of items run at once; each is cancelled when it takes longer than
    `timeout_s`, and abandoned when it goes on nevertheless. A warning says where the function
    blocks the loop. Uses uvloop where that is installed.
    """

    def __init__(self, workers: int, *, timeout_s: float | None = None) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._inbox: deque[tuple[Future[Any], Callable[..., Any], Any]] = deque()
        self._take_is_due = False
        self._closing = False
        self._stopped = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(workers)
        self._lease = lease_loop()
        self._loop = self._lease.loop
        self._context = _context_of(self)
        self._heartbeat_s = SYSTEM_CLOCK.now()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run_loop, name="event-loop", daemon=True)
        self._thread.start()
        threading.Thread(target=self._warn_of_blocking, name="loop-monitor", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call `fn` in the loop; raises `RuntimeError` after the shutdown."""
        if kwargs:
            from functools import partial

            fn = partial(fn, **kwargs)
        future: Future[Any] = Future()
        with self._lock:
            if self._closing:
                raise RuntimeError("cannot submit after shutdown")
            self._inbox.append((future, fn, args))
            self._wake_loop()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, return when all have ended."""
        with self._lock:
            self._closing = True
            if cancel_futures:
                for future, _, _ in self._inbox:
                    future.cancel()
            if not self._ended.is_set():
                self._wake_loop()
        if wait:
            self._thread.join()

    def kill(self) -> None:
        """Cancel what runs, without waiting for it."""
        self.shutdown(wait=False, cancel_futures=True)
        if not self._ended.is_set():
            self._loop.call_soon_threadsafe(self._cancel_all)

    async def guard(self, start: Callable[[], Any]) -> Any:
        """Await `start()` once fewer than `workers` run; raises `TimeoutError` beyond the limit."""
        async with self._room:
            if self._timeout_s is None:
                return await start()
            task = asyncio.ensure_future(start())
            try:
                await asyncio.wait({task}, timeout=self._timeout_s)
                if task.done():
                    return task.result()
            finally:
                task.cancel()
            await asyncio.wait({task}, timeout=GRACE_S)
            if task.done():
                raise TimeoutError(f"took longer than {self._timeout_s:g} s; cancelled")
            self.abandoned += 1
            raise TimeoutError(
                f"timeout (abandoned): took longer than {self._timeout_s:g} s and went on when "
                "it was cancelled"
            )

    def _wake_loop(self) -> None:
        if not self._take_is_due:
            self._take_is_due = True
            self._loop.call_soon_threadsafe(self._take)

    # In the loop ----------------------------------------------------------------------------

    def _run_loop(self) -> None:
        self._heartbeat()
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._finish_leftovers())
        finally:
            self._ended.set()
            self._next_heartbeat.cancel()
            self._lease.release()

    async def _finish_leftovers(self) -> None:
        """Let the tasks end that close the async generators which items left half-way."""
        if others := asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=GRACE_S)

    def _take(self) -> None:
        with self._lock:
            self._take_is_due = False
            calls, self._inbox = self._inbox, deque()
        for future, fn, args in calls:
            if future.set_running_or_notify_cancel():
                task = self._loop.create_task(
                    _settle(future, fn, args), context=self._context.copy()
                )
                self._tasks.add(task)
                task.add_done_callback(self._discard)
        self._stop_when_done()

    def _discard(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._stop_when_done()

    def _stop_when_done(self) -> None:
        if self._closing and not (self._tasks or self._inbox or self._stopped):
            self._stopped = True  # a second stop would end what runs after the first
            self._loop.stop()

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _heartbeat(self) -> None:
        self._heartbeat_s = SYSTEM_CLOCK.now()
        self._next_heartbeat = self._loop.call_later(HEARTBEAT_S, self._heartbeat)

    def _warn_of_blocking(self) -> None:
        while not self._ended.wait(BLOCKED_S / 2):
            blocked_s = SYSTEM_CLOCK.now() - self._heartbeat_s
            if blocked_s > BLOCKED_S:
                _logger.warning(
                    "the function blocks the event loop%s, so nothing else goes on; await there, "
                    "or use the thread backend",
                    _where_is(self._thread),
                )
                return


async def _settle(future: Future[Any], fn: Callable[..., Any], args: Any) -> None:
    try:
        result = fn(*args)
        future.set_result(await result if isawaitable(result) else result)
    except BaseException as error:
        future.set_exception(error)


def _context_of(executor: AsyncExecutor) -> Context:
    context = copy_context()
    context.run(current_coroutine_monitor.set, executor)
    return context


def _where_is(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return f" at {frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""


def open_workers(workers: int, *, timeout_s: float | None = None) -> AsyncExecutor:
    """Return an executor that runs so many coroutines at once."""
    return AsyncExecutor(workers, timeout_s=timeout_s)
