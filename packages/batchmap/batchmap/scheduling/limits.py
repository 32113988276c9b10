"""The limits that a run must keep to, whatever its plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from batchmap.scheduling.keyed_starts import KeyedStarts
from batchmap.scheduling.rate_limiter import RateLimiter
from batchmap.scheduling.throttle import Throttle
from batchmap.worker.back_off import NO_RETRIES, RetryLimits

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits that a run must keep to, whatever its plan; `None` for no limit."""

    retries: RetryLimits = NO_RETRIES
    """How often, and for how long, a failed item is tried again."""
    timeout_s: float | None = None
    """How long an item may take, in seconds."""
    rate: RateLimiter | None = None
    """Says when items may start; one for the whole run, whatever its phases."""
    keyed: KeyedStarts | None = None
    """Says which items may start beside those that run; one for the whole run, too."""
    memory_floor_bytes: int | None = None
    """How much memory must be free before more items start."""
    has_room: Callable[[], bool] | None = None
    """Whether there is room for the results of more items; called before more are taken."""
    max_batch_size: Callable[[], int] | None = None
    """How many items a batch may have whose size was not asked for; called before each batch."""

    @property
    def starts_each(self) -> bool:
        """Whether each item is let start by itself, and so is a batch of its own."""
        return self.rate is not None or self.keyed is not None

    @property
    def items_per_s(self) -> float | None:
        """How many items may start a second, `None` where that is not limited by number."""
        return None if self.rate is None else self.rate.items_per_s

    def throttle(self) -> Throttle:
        """Return the throttle that keeps to the limits of memory and of results."""
        return Throttle(
            memory_floor_bytes=self.memory_floor_bytes,
            has_room=self.has_room,
        )

    def capped(self, next_size: Callable[[int | None], int]) -> Callable[[int | None], int]:
        """Return `next_size` with its sizes within `max_batch_size`."""
        max_size = self.max_batch_size
        return next_size if max_size is None else lambda left: min(max_size(), next_size(left))
