"""Who watches over a worker's items: for time limits, and to know what it was at when it died."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from batchmap.records import BatchRecord

__all__ = ["CoroutineMonitor", "ItemMonitor", "current_coroutine_monitor", "current_monitor"]


class ItemMonitor(Protocol):
    """Told by the processor what it is at."""

    def heartbeat(self, place: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        """Take notice that no item runs, and return when to tell again. May raise to end the batch.

        The item at `place` of the batch is next. `finished` hands over what is done since it was
        last called, of the items before the place that it is given.
        """

    def begin(self, place: int, began_s: Iterator[float]) -> Iterator[object]:
        """Return an iterator whose every step takes notice that an item begins.

        The items are those from `place` of the batch on, and begin when `began_s` says. It may
        end early to have `heartbeat` called.
        """

    def end(self) -> None:
        """Take notice that no item runs any more."""


class CoroutineMonitor(Protocol):
    """Decides when a coroutine may start, and how long it may take."""

    async def guard(self, start: Callable[[], Any]) -> Any:
        """Await `start()` when there is room and return its result; raises as it does."""


current_monitor: ContextVar[ItemMonitor | None] = ContextVar("current_monitor", default=None)
"""The watch of the thread that reads it; set by executors that need one."""

current_coroutine_monitor: ContextVar[CoroutineMonitor | None] = ContextVar(
    "current_coroutine_monitor", default=None
)
"""The watch of the event loop that reads it; set by the executor that runs coroutines."""
