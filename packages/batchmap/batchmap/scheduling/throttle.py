"""Delays new items to keep memory free, and to bound the results held back."""

from __future__ import annotations

from collections.abc import Callable

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.resources import free_memory_bytes

__all__ = ["Throttle"]

LOOK_AGAIN_S = 0.1
"""How long to wait before memory or room is checked again, in seconds."""


class Throttle:
    """Says when the next items may start.

    `memory_floor_bytes` is how much memory must stay free, `has_room` tells whether the results of
    more items can be held; `None` for no limit.
    """

    def __init__(
        self,
        *,
        memory_floor_bytes: int | None = None,
        has_room: Callable[[], bool] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        free_bytes: Callable[[], int] = free_memory_bytes,
    ) -> None:
        self._floor_bytes = memory_floor_bytes
        self._has_room = has_room
        self._clock = clock
        self._free_bytes = free_bytes
        self._look_again_s = 0.0

    def delay_s(self, *, in_flight: bool, retry_in_s: float | None = None) -> float:
        """Return how many seconds to wait before the next items may start; 0 when they may now.

        For want of memory, items wait only while others are `in_flight`, which may free some; for
        want of room also while one is to be tried again, in `retry_in_s` seconds. That one itself
        needs no room: results that are held back may wait for it.
        """
        now_s = self._clock.now()
        is_retry = retry_in_s is not None and retry_in_s <= 0
        may_free_room = in_flight or retry_in_s is not None
        if may_free_room and not is_retry and self._has_room is not None and not self._has_room():
            return LOOK_AGAIN_S if retry_in_s is None else min(LOOK_AGAIN_S, retry_in_s)
        if not in_flight or self._floor_bytes is None:
            return 0.0
        if now_s >= self._look_again_s:
            if self._free_bytes() >= self._floor_bytes:
                return 0.0
            self._look_again_s = now_s + LOOK_AGAIN_S
        return self._look_again_s - now_s
