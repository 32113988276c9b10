"""What the measured items have used so far, and which part of that counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from batchmap.clock import Clock
from batchmap.resources import ProcessUsage

__all__ = ["MEASURE_S", "UsageSoFar", "UsageWindow"]

MEASURE_S = 0.01
"""How long items are measured before a first decision, in seconds. The first item does not count:
it may import or open something."""

RECENT_SHARE = 0.25
"""What was measured in this last share of the time so far counts, but at least in `MEASURE_S`:
quick items at the start say nothing about the slow ones after them."""


@dataclass(frozen=True, slots=True)
class UsageSoFar:
    """What this process, and the items so far, had used at a moment."""

    now_s: float
    """The moment."""
    usage: ProcessUsage
    done: int
    """How many items were done."""
    busy_s: float
    """How long the slices in place took, in seconds."""
    cpu_s: float
    """CPU time of the thread that ran them, in seconds."""


class UsageWindow:
    """What was used after each slice of items; a new one begins now."""

    def __init__(self, clock: Clock, usage: Callable[[], ProcessUsage]) -> None:
        self._clock = clock
        self._usage = usage
        self.done = 0
        """How many items were done, those of slices that are not measured included."""
        self._busy_s = 0.0
        self._cpu_s = 0.0
        self._since = self._start = self._after_first = self.now()
        self._recent = deque([self._start])

    @property
    def elapsed_s(self) -> float:
        """Return how many seconds ago this began."""
        return self._clock.now() - self._start.now_s

    def now(self) -> UsageSoFar:
        """Return what has been used so far."""
        return UsageSoFar(self._clock.now(), self._usage(), self.done, self._busy_s, self._cpu_s)

    def add(self, items: int, busy_s: float, cpu_s: float) -> None:
        """Add a slice of so many items, which took `busy_s` and used `cpu_s` (seconds)."""
        self.done += items
        self._busy_s += busy_s
        self._cpu_s += cpu_s
        self._recent.append(self.now())
        if self.done == items == 1:
            self._after_first = self._recent[-1]
        elif self._since is self._start:
            self._since = self._after_first

    def restart(self) -> None:
        """Have only that count which is used from now on."""
        self._since = self.now()

    @property
    def measured_s(self) -> float:
        """Return how long that has been measured which counts, in seconds."""
        return self._clock.now() - self._since.now_s

    def recently(self) -> UsageSoFar:
        """Return what had been used when that began which counts now."""
        now_s, recent = self._clock.now(), self._recent
        window_s = max(MEASURE_S, RECENT_SHARE * self.elapsed_s)
        while len(recent) > 1 and now_s - recent[1].now_s >= window_s:
            recent.popleft()
        return max(self._since, recent[0], key=lambda usage: usage.now_s)
