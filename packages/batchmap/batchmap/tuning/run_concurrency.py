"""Has the scheduler of a run keep to what another side bears at once, while its plan says so."""

from __future__ import annotations

import math
from collections.abc import Callable

from batchmap.records import Plan
from batchmap.scheduling.run_state import RunState
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.tuning.adaptive_concurrency import AdaptiveConcurrency
from batchmap.tuning.other_side import OtherSideWatch
from batchmap.worker.back_off import RetryLimits

__all__ = ["RunConcurrency"]


class RunConcurrency:
    """Finds how many items of a run wait at once, under one plan after another."""

    def __init__(self, scheduler: BatchScheduler, state: RunState, retries: RetryLimits) -> None:
        self._scheduler = scheduler
        self._state = state
        self._retries = retries
        self._watch = OtherSideWatch()
        self._control: AdaptiveConcurrency | None = None
        """`None` before items wait."""

    def look_at_waiting(self) -> None:
        """Look whether there is another side, as an item waits by now."""
        self._watch.look(has_waited=True)

    def follow(
        self,
        plan: Plan | None,
        *,
        at_once: int = 1,
        widen: Callable[[int], object] = lambda workers: None,
    ) -> None:
        """Begin to find it where the plan says so, or go on; leave it where it does not.

        `at_once` and `widen` are as for `AdaptiveConcurrency`.
        """
        if plan is None or plan.concurrency is None:
            self._scheduler.concurrency = None
            return
        if self._control is None:
            self._control = AdaptiveConcurrency(
                plan.concurrency, self._retries, at_once=at_once, widen=widen, watch=self._watch
            )
            self._state.concurrency = self._control
        else:
            self._control.go_on(plan.concurrency, widen)
        self._scheduler.concurrency = self._control

    def steer(self) -> float:
        """Look around while it is found; return in how many seconds to do so again."""
        control = self._control
        if control is None or self._scheduler.concurrency is not control:
            return math.inf
        return control.steer()

    def tell(self) -> None:
        """Put what was found into the plan, where it was still followed."""
        plan, control = self._state.plan, self._control
        if control is not None and plan is not None and plan.concurrency is not None:
            self._state.set_plan(control.told(plan))
