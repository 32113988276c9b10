"""Now and sleep, so that tests can bring their own."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock"]


class Clock(Protocol):
    """Tell the time and let it pass; all figures in seconds."""

    def now(self) -> float:
        """Return a time that never jumps, the same in every process of this machine."""

    def cpu(self) -> float:
        """Return the CPU time that the calling thread has used."""

    def sleep(self, seconds: float) -> None:
        """Wait for so long."""


class SystemClock:
    """The machine's own clock."""

    now = staticmethod(time.perf_counter)
    cpu = staticmethod(time.thread_time)
    sleep = staticmethod(time.sleep)


SYSTEM_CLOCK = SystemClock()
