"""Tells from the latency of calls whether they wait in a queue on the other side.

Latencies are logarithms of mean times, so that ratios are differences.
"""

from __future__ import annotations

import math
from enum import Enum

from batchmap.tuning.latency_window import LatencyWindow

__all__ = ["LatencyGradient", "Verdict"]

LEAST_TELLING, MOST_TELLING, TELLING_ERROR = 16, 256, 0.1
"""Fewer calls than the first number tell nothing, and those up to the second only where the
standard error of their mean time is at most this share of it."""

TOLERANCE, TOLERANCE_IN_SLOW_START = math.log(1.15), math.log(1.5)
"""By so much latency may exceed its floor: 15 %, and 50 % while the limit doubles each round, as
then more short calls than long ones have ended."""

STANDARD_ERRORS = 2.0
"""By so many standard errors it must exceed that before it is taken for a queue."""

UNHEEDED, TRIED_BY = 0.4, 0.7
"""Latency that follows a lower limit by less than the first share waits in no queue of ours, which
is judged once so many times fewer calls are in flight."""

DRAINS_EVERY, DRAINS_TO = 5, 0.75
"""Each time that so many queues were found, fewer calls than are borne are asked for, this share:
the floor is then measured without the queue that the run itself has made."""


class Verdict(Enum):
    """What the latency of the last calls says."""

    OPEN = "open"
    FREE = "free"
    QUEUED = "queued"
    NOT_OURS = "not ours"
    """It stays high though fewer are in flight: the calls themselves have become slower."""


class LatencyGradient:
    """The latency of calls, over the lowest that was seen while the limit stood."""

    def __init__(self) -> None:
        self._floor = math.inf
        self._window = LatencyWindow()
        self._to_skip = 0
        """How many calls still have to end that began under another limit."""
        self._before: LatencyWindow | None = None
        """What was seen before the limit was lowered for the latency."""
        self._queues = 0
        """How many were found."""
        self.is_in_slow_start = True
        self.limit_stands = True
        """Whether the limit is what it was when the calls began that end now."""

    @property
    def in_flight_before(self) -> float:
        """How many were in flight before the limit was lowered for the latency."""
        return self._before.in_flight if self._before is not None else 0.0

    @property
    def seems_free(self) -> bool:
        """Whether latency is near its floor, as far as is known."""
        window = self._window
        return not window.number or window.latency <= self._floor + self._tolerance

    @property
    def _tolerance(self) -> float:
        return TOLERANCE_IN_SLOW_START if self.is_in_slow_start else TOLERANCE

    def add(self, took_s: float, *, in_flight: int) -> bool:
        """Take in a call; tell whether it counts, as it began under the present limit."""
        if self._to_skip > 0:
            self._to_skip -= 1
            return False
        self._window.add(took_s, in_flight=in_flight)
        return True

    def verdict(self) -> Verdict:
        """Return what the calls since the last `restart` say."""
        now, before = self._window, self._before
        if now.number < LEAST_TELLING:
            return Verdict.OPEN
        if self._floor == math.inf:
            self._floor = now.latency + now.error
        is_sure = now.number >= MOST_TELLING or now.error <= TELLING_ERROR
        if not (is_sure or self.is_in_slow_start):
            return Verdict.OPEN
        if self.limit_stands or self.is_in_slow_start:
            self._floor = min(self._floor, now.latency + now.error)
        self.limit_stands = True
        if now.latency <= self._floor + self._tolerance + STANDARD_ERRORS * now.error:
            self._before = None
            return Verdict.FREE
        if before is None or now.in_flight > TRIED_BY * before.in_flight:
            return Verdict.QUEUED
        follows = UNHEEDED * math.log(before.in_flight / now.in_flight)
        doubt = STANDARD_ERRORS * math.hypot(before.error, now.error)
        if before.latency - now.latency + doubt >= follows:
            return Verdict.QUEUED
        self._floor = now.latency + now.error
        return Verdict.NOT_OURS

    def find_borne(self, limit: float) -> float:
        """Return how many the other side serves at once, and some more that keep it busy.

        It is for a `limit` with which there was a queue; the floor is measured anew.
        """
        window = self._window
        at_once = window.in_flight
        if self.is_in_slow_start:  # half as many were in flight when these calls began
            at_once /= 2
        borne = at_once * math.exp(self._floor + TOLERANCE - window.latency)
        if self.is_in_slow_start:
            self.end_slow_start()
        elif self._before is None:
            self._before = window
        self._queues += 1
        self.restart(skip=round(window.in_flight))
        if self._queues % DRAINS_EVERY == 0:
            return DRAINS_TO * borne
        return borne + math.sqrt(limit)

    def restart(self, *, skip: int = 0) -> None:
        """Look at calls that end from now on, the first few left out."""
        self._window = LatencyWindow()
        self._to_skip = skip

    def forget_before(self) -> None:
        """Forget what was seen before the limit was lowered, as it has changed since."""
        self._before = None

    def end_slow_start(self) -> None:
        """Find the floor anew, as it was that of calls of which the short ones had ended."""
        self.is_in_slow_start, self._floor = False, math.inf
