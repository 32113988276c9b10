"""How many coroutines of an event loop run at once, and how long each may take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar, copy_context
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.worker.event_loop import GRACE_S

__all__ = ["CoroutineGuard"]

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
        item = _Item(self)
        context = copy_context()
        context.run(_current_item.set, item)
        steps = _Steps(item.run(start), item)
        task = asyncio.get_running_loop().create_task(steps, context=context)
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


class _Item:
    """How long an item takes, and for how long it and its tasks block the loop."""

    def __init__(self, guard: CoroutineGuard) -> None:
        self.blocked_s = 0.0
        self._guard = guard
        self._blocked_before_s = guard.blocked_s
        self._began_s = SYSTEM_CLOCK.now()
        self._whole_s: float | None = None
        """How long it took; `None` while it runs."""

    async def run(self, start: Callable[[], Any]) -> Any:
        try:
            return await start()
        finally:
            self._whole_s = self.taken_s()

    def taken_s(self) -> float:
        """Return how long it takes so far, without the time in which others blocked the loop."""
        if self._whole_s is not None:
            return self._whole_s
        by_others_s = self._guard.blocked_s - self._blocked_before_s - self.blocked_s
        return SYSTEM_CLOCK.now() - self._began_s - by_others_s

    def note_step(self, step_s: float) -> None:
        """Note how long the loop was kept between two times that it was given back."""
        if step_s > BLOCKING_S:
            self.blocked_s += step_s
            self._guard.blocked_s += step_s


_current_item: ContextVar[_Item | None] = ContextVar("_current_item", default=None)
"""The item whose coroutine, or a task that it started, runs now; where there is a limit."""


def _create_task(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
) -> asyncio.Task[Any]:
    """Create a task, and have what it takes noted for the item that starts it."""
    item = _current_item.get()
    if item is not None and not isinstance(coroutine, _Steps):
        coroutine = _Steps(coroutine, item)
    return asyncio.Task(coroutine, loop=loop, **options)


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
        began_s = SYSTEM_CLOCK.now()
        try:
            return step(*arguments)
        finally:
            self._item.note_step(SYSTEM_CLOCK.now() - began_s)
