"""The attempts at an item: which one runs, how many there are, how long to wait before the next."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from batchmap.records import ItemFailure, RetryDecision

__all__ = ["AS_USUAL", "NO_RETRIES", "RetryLimits", "back_off_s", "current_attempt"]

MAX_RETRIES = 1000
"""Retries of an item where only their time is limited."""

RETRIES_WHEN_ASKED = 10
"""Retries where the call does not say how many: of the items that `retry_if` names, and of those
whose function raised `RetryAfter`."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLimits:
    """How often, and for how long, a failed item is tried again."""

    retries: int = 0
    """How often an item is that failed."""
    when_requested: int = 0
    """How often one is whose function raised `RetryAfter`."""
    within_s: float = math.inf
    """How long all attempts and waits of an item may take together, in seconds."""
    pauses: bool = True
    """Whether a pause is waited for; where it is not, it stops the run."""
    attempt_s: float = 0.0
    """How long an attempt may take, in seconds; 0 for no limit."""

    @classmethod
    def of(
        cls,
        retries: int | None,
        within_s: float | None = None,
        *,
        attempt_s: float | None = None,
        has_retry_if: bool = False,
    ) -> RetryLimits:
        """Return the limits that a call asks for; `None` for what it does not say.

        One that says nothing gets no retries, but those that the function asks for.
        """
        usual = requested = retries
        if retries is None:
            requested = RETRIES_WHEN_ASKED if within_s is None else MAX_RETRIES
            usual = 0 if within_s is None and not has_retry_if else requested
        return cls(
            retries=usual or 0,
            when_requested=requested or 0,
            within_s=math.inf if within_s is None else within_s,
            attempt_s=attempt_s or 0.0,
        )

    def wait_s(self, failure: ItemFailure, attempt: int) -> float | None:
        """Return the wait in seconds after attempt number `attempt` failed; `None` for no other."""
        retry = failure.retry or AS_USUAL
        most = self.when_requested if retry.is_requested else self.retries
        if retry.is_final or attempt > most:
            return None
        if retry.after_s is not None:
            return retry.after_s
        return max(retry.at_least_s, back_off_s(attempt))


NO_RETRIES = RetryLimits()

AS_USUAL = RetryDecision()
