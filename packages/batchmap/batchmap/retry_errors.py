"""What a function raises to say how its item goes on: `RetryAfter` and `Permanent`."""

from __future__ import annotations

import math
from datetime import timedelta

__all__ = ["Permanent", "RetryAfter", "seconds_of"]


class RetryAfter(Exception):
    """Raise it to have the item tried again after `seconds`, a number or a `timedelta`.

    The wait holds up no worker. It counts as one of the `retries`; where the call does not say how
    many, there are up to 10, and where it says 0, the item fails. `message` says why. Raises
    `ValueError` for what is no time from 0.
    """

    def __init__(self, seconds: float | timedelta, message: str = "") -> None:
        super().__init__(seconds, *([message] if message else ()))
        self.seconds = seconds_of(seconds, "RetryAfter(seconds)")
        """How long to wait, in seconds."""
        self.message = message

    def __str__(self) -> str:
        why = f": {self.message}" if self.message else ""
        return f"to be tried again after {self.seconds:g} s{why}"


class Permanent(Exception):
    """Raise it to have the item fail without further attempts, as none can succeed."""


def seconds_of(value: object, label: str) -> float:
    """Return a number or a `timedelta` as seconds; raises `ValueError` below 0 and for no time."""
    try:
        is_switch = isinstance(value, bool)
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if is_switch or isinstance(value, str) or not 0 <= seconds < math.inf:
        raise ValueError(f"{label} must be seconds from 0, or a timedelta, got {value!r:.60}")
    return seconds
