"""The clock: time and sleep, passed in so that tests can use one of their own."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock"]


class Clock(Protocol):
    """The time and sleep functions that code uses; all times in seconds."""

    def now(self) -> float:
        """Return a monotonic time, the same in every process of this machine."""

    def cpu(self) -> float:
        """Return the CPU time that the calling thread has used."""

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""


class SystemClock:
    """The machine's own clock."""

    now = staticmethod(time.perf_counter)
    cpu = staticmethod(time.thread_time)
    sleep = staticmethod(time.sleep)


SYSTEM_CLOCK = SystemClock()
