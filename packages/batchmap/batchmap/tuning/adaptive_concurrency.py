"""How many items run at once against another side: found while they run, and told at the end.

scheduler --records--> AdaptiveConcurrency --calls--> ConcurrencyLimit
          <--how many--        ^
                               OtherSideWatch: whether there is any
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.concurrency import Concurrency
from batchmap.records import Batch, BatchRecord, ItemFailure, Plan
from batchmap.tuning.backend_choice import WAITS_BELOW
from batchmap.tuning.concurrency_limit import ConcurrencyLimit, Outcome
from batchmap.tuning.limit_history import LimitHistory
from batchmap.tuning.other_side import OtherSideWatch
from batchmap.worker.back_off import RetryLimits

__all__ = ["AdaptiveConcurrency"]

REFUSING_STATUSES = (429, 503)
"""Too Many Requests, and Service Unavailable."""


class AdaptiveConcurrency:
    """Finds how many items may run at once, within the bounds of `asked`.

    While `watch` sees no other side, that is `asked.unconnected`, if it says so. `at_once` tells
    how many items of a batch run side by side; `widen` is called with how many workers there have
    to be.
    """

    def __init__(
        self,
        asked: Concurrency,
        retries: RetryLimits,
        *,
        at_once: int = 1,
        widen: Callable[[int], object] = lambda workers: None,
        watch: OtherSideWatch | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._asked = asked
        self._retries = retries
        self._clock = clock
        self._at_once = at_once
        self._widen = widen
        self._watch = watch or OtherSideWatch(clock=clock)
        self._limit = self._new_limit()
        self._history = LimitHistory(clock)
        self._note_limit()
        self._refused = 0
        self._busy_s = self._cpu_s = 0.0

    @property
    def may_be_connected(self) -> bool:
        """Whether there may be another side, so that the number follows what it bears."""
        return self._asked.unconnected is None or self._watch.is_there is not False

    @property
    def is_connected(self) -> bool:
        """Whether it is known that there is, or the bounds were asked for."""
        return self._asked.unconnected is None or self._watch.is_there is True

    @property
    def limit(self) -> int:
        """How many items may run at once now."""
        usual = self._asked.unconnected
        return self._limit.limit if usual is None or self.may_be_connected else usual

    def most_in_flight(self, planned: int) -> int:
        """Return how many batches may be in flight now, where `planned` ones are by default.

        None waits behind those that run: it would be sent although one before it was refused.
        """
        if not self.may_be_connected:
            return planned
        return max(1, self.limit // self._at_once)

    def steer(self) -> float:
        """Look whether there is another side; return in how many seconds to do so again."""
        if self._asked.unconnected is None:
            return math.inf
        was_there = self._watch.is_there
        self._watch.look()
        if was_there is False and self._watch.is_there:
            self._limit = self._new_limit()
        self._note_limit()
        return self._watch.look_again_s

    def go_on(self, asked: Concurrency, widen: Callable[[int], object]) -> None:
        """Go on within the bounds of another plan, with other workers."""
        self._asked, self._widen = asked, widen
        self._limit.most = asked.most
        widen(self.limit)

    def learn(self, batch: Batch, record: BatchRecord, *, in_flight: int) -> None:
        """Take in what came of an attempt at a batch, which was one of those `in_flight`."""
        failures = record.failures
        if not self.may_be_connected:
            outcomes = [
                _outcome(failure, batch.attempt, self._retries) for failure in failures.values()
            ]
            if Outcome.REFUSED not in outcomes:
                return
            self._watch.note_refusal()
            self._limit = self._new_limit()
        self._busy_s += sum(record.durations_s)
        self._cpu_s += record.cpu_s
        at_once = in_flight * self._at_once
        # More of what computes would not be quicker: it has no use for a higher limit.
        computes = self._cpu_s >= WAITS_BELOW * self._busy_s
        is_at_limit = at_once >= self._limit.limit and not computes
        runs_in_turn = self._at_once == 1 and record.worker
        now_s = self._clock.now()
        ends_s = record.started_s if runs_in_turn else record.ended_s or now_s
        for offset, took_s in enumerate(record.durations_s):
            took_s -= batch.spent_s if offset == 0 else 0.0
            if runs_in_turn:
                ends_s += took_s
            outcome = Outcome.DONE
            if failures and (failure := failures.get(offset)) is not None:
                outcome = _outcome(failure, batch.attempt, self._retries)
                self._refused += outcome in (Outcome.REFUSED, Outcome.RETRIED)
            limit = self._limit.limit
            self._limit.ended(
                ends_s - took_s,
                ends_s,
                outcome,
                in_flight=max(at_once, limit) if is_at_limit else max(1, min(at_once, limit - 1)),
                seen_s=now_s,
            )
        self._note_limit()

    def told(self, plan: Plan) -> Plan:
        """Return the plan with what was found, and how many were allowed at once at most.

        What it predicted is left out: it was made for as many as wait nowhere.
        """
        if not self.is_connected:
            return replace(plan, concurrency=None)
        found = replace(
            self._asked,
            found=self._history.usual(),
            why=self._limit.why,
            is_limited=self._limit.is_limited,
            refused=self._refused,
            history=self._history.changes(),
        )
        return replace(
            plan,
            workers=self._history.most,
            concurrency=found,
            why=(*plan.why, f"Found: {found.text}"),
            predicted_s=None,
        )

    def _note_limit(self) -> None:
        limit = self.limit
        if limit > self._history.most:
            self._widen(limit)
        self._history.add(limit)

    def _new_limit(self) -> ConcurrencyLimit:
        asked = self._asked
        return ConcurrencyLimit(least=asked.least, most=asked.most, first=asked.first)


def _outcome(failure: ItemFailure, attempt: int, retries: RetryLimits) -> Outcome:
    """Return what the failure of an attempt says about the other side."""
    retry = failure.retry
    if retry is not None and not retry.is_for_all:
        asks_for_later = retry.is_requested and retry.after_s is not None
        if asks_for_later or retry.http_status in REFUSING_STATUSES:
            return Outcome.REFUSED
    if failure.is_for_all or retries.wait_s(failure, attempt) is None:
        return Outcome.FAILED
    return Outcome.RETRIED
