"""Notes in shared memory which item a worker runs, so that its process knows after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, repeat
from typing import Any

from batchmap.executors.process.framing import FrameSender, Kind
from batchmap.executors.process.payload import dumped_result
from batchmap.records import BatchRecord
from batchmap.worker.monitor import BEGIN_NO_MORE

__all__ = ["IDLE", "SETTING_UP", "SharedMemoryMonitor"]

IDLE = -1.0
"""The offset that a worker notes while it runs no item."""

SETTING_UP = -2.0
"""The offset that a worker notes while it is set up."""

PART_EVERY_S = 0.5
"""How often what is finished of a long batch is sent, so that a crash costs little of it."""


class SharedMemoryMonitor:
    """Notes the item that runs in shared memory, and sends what is finished of a long batch."""

    def __init__(self, sender: FrameSender, running: Any, number: int) -> None:
        self._sender = sender
        self._running = memoryview(running).cast("B").cast("d")
        self._at = 2 * number
        self._next_part_s: float | None = None

    def release(self) -> None:
        """Give up the memory, in a process that an item forked: the next item there raises."""
        shared, self._running = self._running, memoryview(bytearray(self._running)).cast("d")
        shared.release()

    def heartbeat(self, offset: int, now_s: float, finished: Callable[[int], BatchRecord]) -> float:
        if self._running[-1]:  # what runs is to end before the next item
            return BEGIN_NO_MORE
        if self._next_part_s is None:
            self._next_part_s = now_s + PART_EVERY_S
        elif now_s > self._next_part_s:
            self._next_part_s = now_s + PART_EVERY_S
            self._running[self._at] = IDLE
            self._sender.send(Kind.PART, *dumped_result(finished(offset)))
        return self._next_part_s

    def begin(self, offset: int, began_s: Iterator[float]) -> Iterator[object]:
        note, at = self._running.__setitem__, self._at
        time_noted = map(note, repeat(at + 1), began_s)
        return zip(time_noted, map(note, repeat(at), count(offset)), strict=False)

    def note_set_up(self, is_running: bool) -> None:
        """Note that a set-up runs, or that it has ended."""
        self._running[self._at] = SETTING_UP if is_running else IDLE

    def end(self) -> None:
        self._running[self._at] = IDLE
        self._next_part_s = None
