"""How many calls of the other side run at once: AIMD with a latency gradient.

    slow start --(refused, or latency climbs)--> steady --+
        one more for each call that ends          ^       |  a round: as many calls as are allowed
                                                  +-------+

Additive increase and multiplicative decrease are TCP's (Chiu and Jain 1989); the queue is told from
latency as in TCP Vegas (Brakmo and Peterson 1995) and in Netflix's concurrency-limits; the way back
after a refusal is the binary search of BIC (Xu, Harfoush and Rhee 2004).
"""

from __future__ import annotations

import math
from enum import Enum

from batchmap.tuning.error_share import ErrorShare
from batchmap.tuning.latency_gradient import LatencyGradient, Verdict
from batchmap.tuning.refusals import Refusals

__all__ = ["FIRST_LIMIT", "ConcurrencyLimit", "Outcome"]

FIRST_LIMIT = 16
"""How many run at once as a run begins."""

LEAST_ROUND = 4
"""A round has at least so many calls."""


class Outcome(Enum):
    """What a call says about the other side."""

    DONE = "done"
    FAILED = "failed"
    """It failed for reasons of its own."""
    RETRIED = "retried"
    """It failed with an error that is tried again: the other side may be overloaded."""
    REFUSED = "refused"
    """The other side has said that it wants fewer."""


class ConcurrencyLimit:
    """Finds how many calls the other side bears at once, from `least` to `most`.

    It is fed with the calls that have ended, in that order, and has no clock. The limit never grows
    while fewer are in flight than it allows.
    """

    def __init__(self, *, least: int = 1, most: int, first: int = FIRST_LIMIT) -> None:
        self.least, self.most = least, most
        self._level = float(min(max(first, least), most))
        self._is_slow_start = True
        self._latency = LatencyGradient()
        self._refusals = Refusals()
        self._errors = ErrorShare()
        self._free_rounds = 0
        """For how many rounds in a row the limit has grown."""
        self._was_used = False
        self._why = ""
        self._begin_round()

    @property
    def limit(self) -> int:
        """How many may run at once now."""
        return int(self._level)

    @property
    def is_limited(self) -> bool:
        """Whether the other side has shown that it bears no more."""
        return bool(self._why)

    @property
    def why(self) -> str:
        """Why it is not higher, in words."""
        if self._refusals.ceiling < math.inf:
            return self._refusals.text
        if self._why:
            return self._why
        if self.limit == self.most:
            return "no more were allowed"
        return "it still grew at the end" if self._was_used else "there were no more to do at once"

    def ended(
        self,
        started_s: float,
        ended_s: float,
        outcome: Outcome,
        *,
        in_flight: int,
        seen_s: float | None = None,
    ) -> None:
        """Take in a call that has ended, which is one of those `in_flight`.

        `seen_s` is when that was seen, `None` for at once; all times are seconds on one clock.
        """
        became_frequent = self._errors.add(outcome is Outcome.RETRIED)
        if outcome is Outcome.REFUSED or became_frequent:
            self._back_off(started_s, ended_s if seen_s is None else seen_s, in_flight)
        elif outcome is Outcome.DONE:
            self._learn(ended_s - started_s, in_flight)

    def _back_off(self, started_s: float, now_s: float, in_flight: int) -> None:
        level = self._refusals.note_refusal(
            started_s,
            now_s,
            limit=self._level,
            in_flight=in_flight,
            had_grown=self._is_slow_start,
        )
        if self._is_slow_start:
            self._is_slow_start = False
            self._latency.end_slow_start()
        self._latency.forget_before()
        self._set(level)
        self._free_rounds, self._why = 0, self._refusals.text
        self._latency.restart()
        self._begin_round()

    def _learn(self, took_s: float, in_flight: int) -> None:
        is_at_limit = in_flight >= self.limit
        self._was_used |= is_at_limit
        self._refusals.note_done()
        if self._is_slow_start and is_at_limit and self._latency.seems_free:
            self._set(self._level + 1)
        if self._latency.add(took_s, in_flight=in_flight):
            self._ended += 1
            self._at_limit += is_at_limit
            if self._ended >= self._round_size:
                self._end_round()
                self._begin_round()

    def _end_round(self) -> None:
        if is_used := 2 * self._at_limit >= self._ended:
            self._refusals.note_round(self._round_level)
        is_free = self._latency.seems_free
        verdict = self._latency.verdict()
        if verdict is Verdict.QUEUED:
            self._lower()
            return
        if verdict is Verdict.NOT_OURS:
            self._set(self._latency.in_flight_before)
            self._latency.forget_before()
        if verdict is not Verdict.OPEN or self._is_slow_start:
            self._latency.restart()
        if is_used and not self._is_slow_start and (is_free or verdict is not Verdict.OPEN):
            self._grow()

    def _lower(self) -> None:
        least = 0.0 if self._is_slow_start else self._level / 2
        borne = self._latency.find_borne(self._level)
        self._is_slow_start = False
        self._free_rounds, self._why = 0, "more did not help"
        self._set(min(self._level, max(borne, least)))

    def _grow(self) -> None:
        """Let more run after a round that gave no reason against it."""
        if self._refusals.ceiling < math.inf:
            step = self._refusals.step(self._level, self._free_rounds)
            if not step:
                return
            self._free_rounds += self._level >= self._refusals.returns_to
        else:
            step = max(1.0, math.sqrt(self._level) / 2) * 2.0**self._free_rounds
            step = min(step, max(2.0, self._level / 4))
            self._free_rounds += 1
        self._set(self._level + step)
        self._latency.limit_stands = False
        self._latency.restart()

    def _set(self, level: float) -> None:
        self._level = min(float(self.most), max(float(self.least), level))

    def _begin_round(self) -> None:
        self._round_level, self._round_size = self._level, max(LEAST_ROUND, self.limit)
        self._ended = self._at_limit = 0
        """How many calls have ended in this round, and with how many of them all that were allowed
        were in flight."""
