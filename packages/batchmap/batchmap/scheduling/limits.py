"""What a run must keep to, whatever its plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from batchmap.scheduling.throttle import Throttle

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run must keep to, whatever its plan."""

    retries: int = 0
    timeout_s: float | None = None
    """Per item."""
    rate: float | None = None
    """Items started a second."""
    memory_floor_bytes: int | None = None
    has_room: Callable[[], bool] | None = None
    """Whether what comes of more items has a place; asked before more are taken."""
    most_together: Callable[[], int] | None = None
    """The largest batch whose size is left open; asked before each."""

    def throttle(self) -> Throttle:
        """Return how fast items may be started."""
        return Throttle(
            rate=self.rate,
            memory_floor_bytes=self.memory_floor_bytes,
            has_room=self.has_room,
        )

    def capped(self, next_size: Callable[[int | None], int]) -> Callable[[int | None], int]:
        """Return `next_size` with its sizes within `most_together`."""
        most = self.most_together
        return next_size if most is None else lambda left: min(most(), next_size(left))
