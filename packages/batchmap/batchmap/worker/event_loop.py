"""The event loop of a process, in which all its coroutines run one after another.

A client that a module opens once belongs to the loop that it first ran in. So the coroutines of
all batches run in the same loop, from whichever thread; only those that run beside others get a
loop of their own.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from batchmap.threads import start_thread

__all__ = ["LoopLease", "lease_loop", "run_to_its_end"]

GRACE_S = 0.5
"""How long a coroutine may take to end after it was cancelled, in seconds."""

T = TypeVar("T")


class LoopLease:
    """The right to run an event loop, until `release`."""

    def __init__(self, shared: _SharedLoop | None, loop: asyncio.AbstractEventLoop) -> None:
        self._shared = shared
        self.loop = loop

    def run(self, awaitable: Awaitable[T]) -> T:
        """Return what `awaitable` gives; another thread runs it where this one runs a loop."""
        if asyncio._get_running_loop() is None:
            return run_to_its_end(self.loop, awaitable)
        return _in_another_thread(partial(run_to_its_end, self.loop, awaitable))

    def release(self) -> None:
        """Give the loop back, which must have stopped; one with tasks left in it is closed."""
        left = asyncio.all_tasks(self.loop)
        if self._shared is None or left:
            self.loop.close()
        if self._shared is not None:
            self._shared.free.release()


def _in_another_thread(function: Callable[[], T]) -> T:
    """Return what `function` returns, with the context variables that are set here."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    act = copy_context().run
    start_thread(threading.Thread(target=act, args=(run,), name="event-loop", daemon=True))
    return future.result()


class _SharedLoop:
    """The loop that a process leases out again and again."""

    def __init__(self) -> None:
        self.free = threading.Lock()
        self.loop = _new_loop()
        atexit.register(self.close)

    def close(self) -> None:
        with suppress(RuntimeError):  # a lease was never released, and the loop runs
            self.loop.close()


_shared_loops: dict[int, _SharedLoop] = {}
"""By process id: a forked process must not use its parent's loop."""


def lease_loop(*, shares: bool = True) -> LoopLease:
    """Lease the shared loop of this process, or a new one while that is leased; uvloop if there.

    Who leases one for long gives `shares=False`, and gets a new one.
    """
    if not shares:
        return LoopLease(None, _new_loop())
    shared = _shared_loops.get(os.getpid())
    if shared is None:
        shared = _shared_loops.setdefault(os.getpid(), _SharedLoop())
    if not shared.free.acquire(blocking=False):
        return LoopLease(None, _new_loop())
    if shared.loop.is_closed():
        shared.loop = _new_loop()
    return LoopLease(shared, shared.loop)


def run_to_its_end(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[T]) -> T:
    """Run `loop` until `awaitable` is done, and return its result.

    asyncio lets the loop end at once when a task raises `SystemExit` or `KeyboardInterrupt`. Where
    that was another task, `awaitable` is cancelled, so that it does not go on beside the next one.
    """
    task = asyncio.ensure_future(awaitable, loop=loop)
    try:
        return loop.run_until_complete(task)
    except BaseException:
        if not task.done():
            task.cancel()
            with suppress(BaseException):
                loop.run_until_complete(asyncio.wait({task}, timeout=GRACE_S))
                task.exception()  # which nobody else asks for, and asyncio would print
        raise


def _new_loop() -> asyncio.AbstractEventLoop:
    try:  # never required, so nothing is missing without it
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
