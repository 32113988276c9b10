"""The attempts at an item: which one runs, and how long to wait before the next."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextvars import ContextVar

__all__ = ["back_off_s", "current_attempt"]

FIRST_BACK_OFF_S = 0.05
MAX_BACK_OFF_S = 10.0

current_attempt: ContextVar[int] = ContextVar("current_attempt", default=1)
"""1 for an item's first attempt, 2 for its first retry, and so on."""


def back_off_s(retry: int, jitter: Callable[[], float] = random.random) -> float:
    """Return the wait in seconds before `retry` (from 1): doubling, half of it drawn by chance.

    The "equal jitter" of M. Brooker, "Exponential Backoff and Jitter" (2015).
    """
    max_s = min(MAX_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** min(retry - 1, 60))
    return max_s * (0.5 + 0.5 * jitter())
