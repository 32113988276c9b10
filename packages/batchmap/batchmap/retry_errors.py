"""What a function raises to say how its item, or the run, goes on.

`RetryAfter` and `Permanent` are about the item, `Pause` and `Stop` about all of them.
"""

from __future__ import annotations

import math
from datetime import timedelta

__all__ = ["Pause", "Permanent", "RetryAfter", "Stop", "seconds_of"]


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


class Pause(Exception):
    """Raise it to have no item started for `seconds`, a number or a `timedelta`: a quota is spent.

    The item itself is tried again then, however often, and this is no failed attempt of it. What
    runs already goes on. A pause of more than a day stops the run, as `Stop` does. `message` says
    why. Raises `ValueError` for what is no time above 0.
    """

    def __init__(self, seconds: float | timedelta, message: str = "") -> None:
        super().__init__(seconds, *([message] if message else ()))
        self.seconds = seconds_of(seconds, "Pause(seconds)")
        """For how long, in seconds."""
        if not self.seconds:
            raise ValueError("Pause(seconds) must be above 0, got 0; RetryAfter(0) tries again now")
        self.message = message

    def __str__(self) -> str:
        why = f": {self.message}" if self.message else ""
        return f"a pause of {self.seconds:g} s{why}"


class Stop(Exception):
    """Raise it to have no further items started: what runs ends, the rest is not done.

    The item itself counts as not done, too, so that a resumed run takes it again. `Stop("why")`
    says why in the error that `parallel_map` raises, and where the command reports.
    """


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
