"""How many coroutines of an event loop run at once, and how long each may take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.worker.event_loop import GRACE_S

__all__ = ["CoroutineGuard"]

_now = SYSTEM_CLOCK.now

BLOCKING_S = 0.1
"""A coroutine that keeps the loop for so long without awaiting blocks it."""


class CoroutineGuard:
    """Lets so many coroutines run at once; each is cancelled when it takes longer than the limit.

    One that goes on nevertheless is abandoned. One that blocks the loop cannot be cancelled
    meanwhile, but when it has ended it counts as too slow; the time that others blocked the loop
    does not count.
    """

    def __init__(self, at_once: int, *, timeout_s: float | None) -> None:
        self.abandoned = 0
        """How many coroutines were abandoned."""
        self.blocked_s = 0.0
        """How long the loop was blocked, in all."""
        self._room = asyncio.Semaphore(at_once)
        self._timeout_s = timeout_s

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the tasks that items start in `loop` watched, too, where there is a limit."""
        loop.set_task_factory(None if self._timeout_s is None else _create_task)

    async def guard(self, start: Callable[[], Any]) -> Any:
        """Await `start()` once there is room; raises `TimeoutError` beyond the limit."""
        async with self._room:
            if self._timeout_s is None:
                return await start()
            return await self._within(self._timeout_s, start)

    async def _within(self, limit_s: float, start: Callable[[], Any]) -> Any:
        loop = asyncio.get_running_loop()
        awaitable = start()
        coroutine = awaitable if asyncio.iscoroutine(awaitable) else _awaiting(awaitable)
        item = _Item(coroutine, self)
        task = asyncio.Task(item, loop=loop)
        try:
            while not task.done() and (left_s := limit_s - item.taken_s()) > 0:
                await asyncio.wait({task}, timeout=left_s)
            taken_s = item.taken_s()
            if task.done():
                result = task.result()
                if taken_s <= limit_s:
                    return result
        finally:
            task.cancel()
        slow = f"took longer than {limit_s:g} s"
        if item.blocked_s:
            slow += f", of which it blocked the event loop for {item.blocked_s:.1f} s"
        if task.done():
            raise TimeoutError(f"{slow}; it ended after {taken_s:.1f} s")
        await asyncio.wait({task}, timeout=GRACE_S)
        if task.done():
            raise TimeoutError(f"{slow}; cancelled")
        self.abandoned += 1
        raise TimeoutError(f"timeout (abandoned): {slow} and went on when it was cancelled")


class _Steps(Coroutine[Any, Any, Any]):
    """A coroutine of which is noted how long it keeps the loop at each step."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], item: _Item) -> None:
        self._coroutine = coroutine
        self._item = item

    def __getattr__(self, name: str) -> Any:  # what debuggers and frameworks look at
        return getattr(self._coroutine, name)

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coroutine.throw, *error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def _step(self, step: Callable[..., Any], *arguments: Any) -> Any:
        began_s = _now()
        try:
            return step(*arguments)
        finally:
            step_s = _now() - began_s
            if step_s > BLOCKING_S:
                self._item.note_blocking(step_s)


class _Item(_Steps):
    """The coroutine of an item: how long it takes, and it and its tasks block the loop."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], guard: CoroutineGuard) -> None:
        super().__init__(coroutine, self)
        self._resume = coroutine.send
        self.blocked_s = 0.0
        self._guard = guard
        self._blocked_before_s = guard.blocked_s
        self._began_s = _now()
        self._ended_s: float | None = None

    def taken_s(self) -> float:
        """Return how long it takes so far, without the time in which others blocked the loop."""
        if self._ended_s is not None:
            return self._ended_s - self._began_s
        by_others_s = self._guard.blocked_s - self._blocked_before_s - self.blocked_s
        return _now() - self._began_s - by_others_s

    def note_blocking(self, step_s: float) -> None:
        """Note that the loop was not given back for so long."""
        self.blocked_s += step_s
        self._guard.blocked_s += step_s

    def send(self, value: Any) -> Any:
        began_s = _now()
        _current_item.set(self)
        try:
            return self._resume(value)
        except BaseException:  # also when it returns
            self._ended_s = self._began_s + self.taken_s()
            raise
        finally:
            if _now() - began_s > BLOCKING_S:
                self.note_blocking(_now() - began_s)


_current_item: ContextVar[_Item | None] = ContextVar("_current_item", default=None)
"""The item whose coroutine, or a task that it started, runs now; where there is a limit."""


def _create_task(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
) -> asyncio.Task[Any]:
    """Create a task, and have what it takes noted for the item that starts it."""
    item = _current_item.get()
    if item is not None:
        coroutine = _Steps(coroutine, item)
    return asyncio.Task(coroutine, loop=loop, **options)


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable
