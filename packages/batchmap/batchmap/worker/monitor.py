"""How an executor learns what a worker runs now: for time limits, and to know what crashed it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from batchmap.records import BatchRecord

__all__ = ["CoroutineMonitor", "ItemMonitor", "current_coroutine_monitor", "current_monitor"]


class ItemMonitor(Protocol):
    """What the processor calls as it goes through the items of a batch."""

    def heartbeat(self, offset: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        """Take notice that no item runs, and return when to call again. May raise to end the batch.

        The item at `offset` in the batch is next. `finished(end)` returns the record of the items
        before offset `end`, without those that an earlier call returned.
        """

    def begin(self, offset: int, began_s: Iterator[float]) -> Iterator[object]:
        """Return an iterator of which each step takes notice that one more item begins.

        The first is the item at `offset` in the batch; `began_s` gives when each begins. The
        iterator may end early, so that `heartbeat` is called.
        """

    def end(self) -> None:
        """Take notice that no item runs any more."""


class CoroutineMonitor(Protocol):
    """Decides when a coroutine may start, and how long it may take."""

    async def guard(self, start: Callable[[], Any]) -> Any:
        """Await `start()` once it may run, and return its result; raises as it does."""


current_monitor: ContextVar[ItemMonitor | None] = ContextVar("current_monitor", default=None)
"""The monitor of the thread that reads it; set by executors that need one."""

current_coroutine_monitor: ContextVar[CoroutineMonitor | None] = ContextVar(
    "current_coroutine_monitor", default=None
)
"""The monitor of the event loop that reads it; set by the executor that runs coroutines."""
