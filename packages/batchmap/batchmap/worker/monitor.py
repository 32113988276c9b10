"""How an executor learns what a worker runs now: for time limits, and to know what crashed it.

An executor hands its monitor to the call itself, and only to that: what the call runs inside, such
as a call of `parallel_map` of its own, neither finds the monitor nor changes what it has noted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from batchmap.records import BatchRecord

__all__ = [
    "BEGIN_NO_MORE",
    "CoroutineMonitor",
    "ItemMonitor",
    "accepts_monitor",
    "call_monitored",
    "current_coroutine_monitor",
    "guarding_items",
    "guards_its_items",
]

BEGIN_NO_MORE = -math.inf
"""What `ItemMonitor.heartbeat` returns when the batch is to end there."""

F = TypeVar("F", bound=Callable[..., Any])


class ItemMonitor(Protocol):
    """What the processor calls as it goes through the items of a batch."""

    def heartbeat(self, offset: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        """Note at `now_s`, between two items, that none runs; return the time of the next call.

        It may raise to end the batch, or return `BEGIN_NO_MORE`, which keeps its record. The item
        at `offset` in the batch is the next to run.
        `finished(end)` returns the record of the items that have finished before offset `end` and
        were not in the record of an earlier call.
        """

    def begin(self, offset: int, began_s: Iterator[float]) -> Iterator[object]:
        """Return an iterator that the processor advances once before each item, to note its start.

        The first step is for the item at `offset` in the batch; `began_s` yields the time at which
        each item begins. The iterator may end early, so that the processor calls `heartbeat`.
        """

    def end(self) -> None:
        """Note that the batch has ended and no item runs."""


class CoroutineMonitor(Protocol):
    """Decides when a coroutine may start, and how long it may take."""

    async def guard(self, start: Callable[[], Any]) -> Any:
        """Await `start()` once it may run, and return its result; raises as it does."""


def accepts_monitor(function: F) -> F:
    """Mark a function, or a method, that takes an `ItemMonitor` as its keyword `monitor`."""
    function.accepts_monitor = True  # type: ignore[attr-defined]
    return function


def call_monitored(
    monitor: ItemMonitor | None, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """Call `function`, with `monitor` where it takes one, and return its result."""
    if monitor is not None and getattr(function, "accepts_monitor", False):
        kwargs["monitor"] = monitor
    return function(*args, **kwargs)


current_coroutine_monitor: ContextVar[CoroutineMonitor | None] = ContextVar(
    "current_coroutine_monitor", default=None
)
"""The monitor of the event loop that reads it; set by the executor that runs coroutines."""


def guarding_items(function: F) -> F:
    """Mark a function that has the monitor guard each of its items, so that nobody guards it."""
    function.guards_its_items = True  # type: ignore[attr-defined]
    return function


def guards_its_items(function: Callable[..., Any]) -> bool:
    """Tell whether `function` has the monitor guard each of its items."""
    return getattr(function, "guards_its_items", False)
