"""Time for which this process was suspended (Ctrl-Z, SIGSTOP, a laptop's lid): no item's time."""

from __future__ import annotations

from batchmap.clock import SYSTEM_CLOCK

__all__ = ["MAX_TIME_CHECK_S", "SuspendedTime"]

MAX_TIME_CHECK_S = 0.1
"""How often, at least, the time of the running items is checked when there is a limit."""

LATE_S = 1.0
"""A check that comes so much later than it should follows a suspension, in seconds."""


class SuspendedTime:
    """Told of regular checks, at most `every_s` apart, finds the times when there were none."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._checked_s = SYSTEM_CLOCK.now()
        self._gaps: list[tuple[float, float]] = []

    def check(self) -> float:
        """Note a check; return how long this process was suspended since the one before."""
        now_s, before_s = SYSTEM_CLOCK.now(), self._checked_s
        self._checked_s = now_s
        late_s = now_s - before_s - self._every_s
        if late_s <= LATE_S:
            return 0.0
        self._gaps.append((before_s, late_s))
        return late_s

    def since(self, began_s: float) -> float:
        """Return for how long this process was suspended since `began_s`."""
        return sum(late_s for at_s, late_s in self._gaps if at_s + late_s > began_s)
