"""The memory in which workers note the items that they run."""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from typing import NamedTuple

from batchmap.executors.process.item_monitor import IDLE, SETTING_UP

__all__ = ["RunningItem", "RunningItems"]

BYTES_A_WORKER = 16
"""Two numbers a worker: the offset of its item in the batch, or `IDLE`; when that item began."""

BYTES_FOR_ALL = 8
"""At the end: a number that is not 0 while no items are to begin."""


class RunningItem(NamedTuple):
    """An item that a worker runs."""

    offset: int
    """In its batch."""
    began_s: float


class RunningItems:
    """What so many workers note, in `memory` that they share with this process.

    Raises `OSError` where there are no more descriptors.
    """

    def __init__(self, workers: int) -> None:
        size_bytes = BYTES_A_WORKER * workers + BYTES_FOR_ALL
        self.descriptor = _memory_file(size_bytes)
        """From which another process can map the memory."""
        self.memory = mmap.mmap(self.descriptor, size_bytes)
        self._noted = memoryview(self.memory).cast("d")

    def forget(self, number: int) -> None:
        """Take note that the worker runs none."""
        self._noted[2 * number] = IDLE

    def of(self, number: int) -> RunningItem | None:
        """Return the item that the worker runs, `None` when it runs none."""
        offset, began_s = self._noted[2 * number : 2 * number + 2]
        return None if offset in (IDLE, SETTING_UP) else RunningItem(int(offset), began_s)

    def is_set_up(self, number: int) -> bool:
        """Tell whether the worker is being set up."""
        return self._noted[2 * number] == SETTING_UP

    def begin_no_more(self) -> None:
        """Have the workers end their batches before the next item."""
        with suppress(ValueError):  # the memory is released, as the workers have ended
            self._noted[-1] = 1.0

    def begin_again(self) -> None:
        """Have them begin items again."""
        with suppress(ValueError):
            self._noted[-1] = 0.0

    def close(self) -> None:
        """Release the memory, which workers that still run keep."""
        self._noted.release()
        self.memory.close()
        os.close(self.descriptor)


def _memory_file(size_bytes: int) -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("batchmap")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size_bytes)
    return descriptor
