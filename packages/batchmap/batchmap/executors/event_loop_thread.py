"""A thread that makes calls in an event loop."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from inspect import isawaitable
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.executors.base import AFTER_SHUTDOWN
from batchmap.executors.call_future import (
    CallFuture,
    begin,
    fail,
    settles_futures,
    start_task,
    succeed,
)
from batchmap.executors.suspended_time import SuspendedTime
from batchmap.threads import give_up_start, start_thread
from batchmap.worker.coroutine_guard import CoroutineGuard
from batchmap.worker.event_loop import GRACE_S, lease_loop
from batchmap.worker.monitor import current_coroutine_monitor, guards_its_items
from batchmap.worker.worker_scope import WorkerScope, become_worker

__all__ = ["EventLoopThread"]

HEARTBEAT_S = 0.1
"""How often the loop notes the time, in seconds, which it cannot while it is blocked."""

BLOCKED_S = 1.0
"""A loop that has noted no time for so long is blocked."""

_logger = logging.getLogger("async")

_Call = tuple[CallFuture, Callable[..., Any], Any]


class EventLoopThread:
    """Makes calls in an event loop, of which `guard` lets so many run at once.

    Whatever ends the loop, it goes on while there are calls: asyncio lets it end when a task raises
    `SystemExit` or `KeyboardInterrupt`, which whoever awaits that task is told in any case.
    """

    def __init__(self, guard: CoroutineGuard) -> None:
        self._guard = guard
        self._lock = threading.Lock()
        self._inbox: deque[_Call] = deque()
        self._take_is_due = False
        self._closing = False
        self._killed = False
        self.broken = ""
        """Why no more calls can be made; empty while they can."""
        self._done = False
        self._unsettled: set[CallFuture] = set()
        self._tasks: dict[asyncio.Task[None], CallFuture] = {}
        self._lease = lease_loop()
        self._loop = self._lease.loop
        guard.watch(self._loop)
        self._context = copy_context()
        self._context.run(current_coroutine_monitor.set, guard)
        self._heartbeat_s = SYSTEM_CLOCK.now()
        self._suspended = SuspendedTime(HEARTBEAT_S)
        self._blocked_before_s = guard.blocked_s
        self._next_heartbeat: asyncio.TimerHandle | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-loop", daemon=True)
        try:
            start_thread(self._thread)
            act = self._warn_of_blocking
            start_thread(threading.Thread(target=act, name="loop-monitor", daemon=True))
        except BaseException:  # no more threads can be had, or a signal handler raised it
            if give_up_start(self._thread):  # and no call is left in a loop that others run next
                self._lease.release()
            else:
                self.close_soon()
            raise

    def add(self, future: CallFuture, fn: Callable[..., Any], args: Any) -> None:
        """Have the call made; raises `RuntimeError` after `close`."""
        with self._lock:
            if self._closing:
                raise RuntimeError(AFTER_SHUTDOWN)
            if self.broken:
                raise BrokenExecutor(self.broken)
            self._unsettled.add(future)
            self._inbox.append((future, fn, args))
            if not self._take_is_due:
                self._take_is_due = True
                self._loop.call_soon_threadsafe(self._take)

    def close_soon(self) -> None:
        """Take no more calls, and end when none is left; takes no lock."""
        self._closing = True
        self._call_in_loop(self._stop_when_done)

    def close(self, *, cancel_waiting: bool) -> None:
        """Take no more calls, perhaps cancel those that wait, and end when none is left."""
        with self._lock:
            self._closing = True
            waiting = list(self._unsettled) if cancel_waiting else []
        for future in waiting:
            future.cancel()
        self._call_in_loop(self._drop_cancelled)

    def kill(self) -> None:
        """Cancel what runs, without waiting for it."""
        self._killed = True
        self._call_in_loop(self._cancel_all)

    def join(self, within_s: float | None = None) -> None:
        """Wait until the loop has ended; does nothing in the loop's own thread."""
        if threading.current_thread() is not self._thread:
            self._ended.wait(within_s)

    def _call_in_loop(self, function: Callable[[], object]) -> None:
        if not self._ended.is_set():
            with suppress(RuntimeError):  # it has ended just now, and is closed
                self._loop.call_soon_threadsafe(function)

    # In the loop ----------------------------------------------------------------------------

    def _run(self) -> None:
        why = "their event loop has ended"
        scope = WorkerScope()
        try:
            settles_futures()
            become_worker(scope)
            self._heartbeat()
            while not self._done and not self._loop.is_closed():
                try:
                    self._loop.run_forever()
                except BaseException as error:
                    _logger.debug("the event loop goes on after %r", error)
                if not self._done and self._next_heartbeat is not None:  # it may be late
                    self._next_heartbeat.cancel()
                    self._loop.call_soon(self._heartbeat)
            self._loop.run_until_complete(scope.leave_in_loop())
            self._loop.run_until_complete(self._finish_leftovers())
        except BaseException as error:
            why = f"their event loop failed, {type(error).__name__}: {error}"
        finally:
            self._end(why)

    def _end(self, why: str) -> None:
        with self._lock:
            self.broken = why
            left, self._unsettled = self._unsettled, set()
        for future in left:
            if not future.cancelled() or begin(future):
                fail(future, BrokenExecutor(why))
        if self._next_heartbeat is not None:
            self._next_heartbeat.cancel()
        self._loop.set_task_factory(None)
        self._lease.release()
        self._ended.set()

    async def _finish_leftovers(self) -> None:
        """Let the tasks end that close the async generators which items left half-way."""
        if others := asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=GRACE_S)

    def _take(self) -> None:
        # Without the lock: what is added from now on has it called again, and all else is taken.
        # An exception that is raised in this thread from outside could leave the lock held.
        self._take_is_due = False
        while self._inbox:
            self._start(*self._inbox[0])
            self._inbox.popleft()
        self._stop_when_done()

    def _start(self, future: CallFuture, fn: Callable[..., Any], args: Any) -> None:
        if not guards_its_items(fn):
            fn, args = self._guard.guard, (partial(_made, future, fn, args),)
        elif not begin(future):
            self._unsettled.discard(future)
            return
        coroutine = self._settle(future, fn, args)
        task = start_task(self._loop, coroutine, future, self._context)
        if task is None:
            self._unsettled.discard(future)
        else:
            self._tasks[task] = future
            task.add_done_callback(self._discard)

    async def _settle(self, future: CallFuture, fn: Callable[..., Any], args: Any) -> None:
        try:
            result, error = await fn(*args), None
        except _NotBegunError:
            return
        except _StoppedIterationError as stopped:
            result, error = None, stopped.__cause__
        except BaseException as raised:
            if future.cancelled():  # while it waited for room
                begin(future)  # which tells those who wait for it
                return
            result, error = None, BrokenExecutor("they were killed") if self._killed else raised
        if error is None:
            succeed(future, result)
        else:
            fail(future, error)
        del error, future  # each would keep the other alive

    def _discard(self, task: asyncio.Task[None]) -> None:
        future = self._tasks.pop(task)
        if future.cancelled():
            if task.cancelled():  # before its first step
                begin(future)  # which tells those who wait for it
        elif not future.done():
            fail(future, BrokenExecutor(f"their event loop was interrupted in {task!r}"))
        self._unsettled.discard(future)
        self._stop_when_done()

    def _stop_when_done(self) -> None:
        if self._done or not self._closing or self._inbox:
            return
        if all(task.done() for task in self._tasks):
            self._done = True
            self._loop.stop()

    def _drop_cancelled(self) -> None:
        for task, future in self._tasks.items():
            if future.cancelled():
                task.cancel()
        self._take()

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _heartbeat(self) -> None:
        try:
            known_s = self._guard.blocked_s - self._blocked_before_s
            self._guard.blocked_s += max(0.0, self._suspended.check() - known_s)
            self._blocked_before_s = self._guard.blocked_s
            self._heartbeat_s = SYSTEM_CLOCK.now()
            self._fail_orphans()
            if self._inbox or self._closing:  # where what was to do it was interrupted
                self._take()
        finally:
            self._next_heartbeat = self._loop.call_later(HEARTBEAT_S, self._heartbeat)

    def _fail_orphans(self) -> None:
        """Settle the calls whose task was lost, as something interrupted the loop between."""
        with self._lock:
            if len(self._unsettled) <= len(self._tasks) + len(self._inbox):
                return
            known = {call[0] for call in self._inbox}.union(self._tasks.values())
            orphans = self._unsettled - known
        for future in orphans:
            if not future.done():
                fail(future, BrokenExecutor("their event loop was interrupted"))
            self._unsettled.discard(future)

    # In the other thread --------------------------------------------------------------------

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


class _NotBegunError(Exception):
    """The call was cancelled before there was room for it."""


class _StoppedIterationError(Exception):
    """The call raised `StopIteration`, which no coroutine can."""


async def _made(future: CallFuture, fn: Callable[..., Any], args: Any) -> Any:
    """Make a call, and return what comes of it once that is awaited, if it can be."""
    if not begin(future):
        raise _NotBegunError
    try:
        result = fn(*args)
    except StopIteration as error:
        raise _StoppedIterationError from error
    return await result if isawaitable(result) else result


def _where_is(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return f" at {frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
