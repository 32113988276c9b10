"""The event loop of a process, for coroutines that share what belongs to a loop."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from contextlib import suppress

__all__ = ["LoopLease", "lease_loop"]


class LoopLease:
    """An event loop that somebody has for a while."""

    def __init__(self, home: _SharedLoop | None, loop: asyncio.AbstractEventLoop) -> None:
        self._home = home
        self.loop = loop

    def release(self) -> None:
        """Leave the loop for others, unless something still goes on in it; it must have stopped."""
        left = asyncio.all_tasks(self.loop)
        if self._home is None or left:
            self.loop.close()
        if self._home is not None:
            self._home.free.release()


class _SharedLoop:
    def __init__(self) -> None:
        self.free = threading.Lock()
        self.loop = _new_loop()
        atexit.register(self.close)

    def close(self) -> None:
        with suppress(RuntimeError):  # somebody has not given it back
            self.loop.close()


_homes: dict[int, _SharedLoop] = {}
"""By process: a fork must not use its parent's."""


def lease_loop() -> LoopLease:
    """Lend the one loop of this process, or one of its own to those who come while it is lent.

    A client that a module opens once belongs to the loop that it first ran in; so all coroutines
    that run one after another, in whatever thread, run in the same. uvloop where installed.
    """
    home = _homes.get(os.getpid())
    if home is None:
        home = _homes.setdefault(os.getpid(), _SharedLoop())
    if not home.free.acquire(blocking=False):
        return LoopLease(None, _new_loop())
    if home.loop.is_closed():
        home.loop = _new_loop()
    return LoopLease(home, home.loop)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
