"""What a run is doing now: its plan as it stands, and what is in flight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from batchmap.records import Plan
from batchmap.scheduling.concurrency_control import ConcurrencyControl
from batchmap.scheduling.scheduler import BatchScheduler

__all__ = ["RunState"]


class RunState:
    """What a run is doing now, for those who observe it; the engine keeps it up to date.

    `on_plan` is called with each plan that is made while the run goes on, and differs from the one
    before.
    """

    def __init__(
        self, plan: Plan | None = None, *, on_plan: Callable[[Plan], object] | None = None
    ) -> None:
        self.plan = plan
        """The plan as it stands; `None` before there is one."""
        self.has_key_limits = False
        """Whether it depends on what items have in common how long they take together."""
        self.scheduler: BatchScheduler | None = None
        """`None` before the run has begun."""
        self.concurrency: ConcurrencyControl | None = None
        """What finds how many items run at once; `None` where that is given, or not begun."""
        self._on_plan = on_plan

    def set_plan(self, plan: Plan) -> None:
        """Replace the plan."""
        if self.has_key_limits:
            plan = replace(
                plan,
                predicted_s=None,
                predicted_range_s=None,
                why=(*plan.why, "Limited by keys: the time depends on how many items share one"),
            )
        if plan == self.plan:
            return
        self.plan = plan
        if self._on_plan is not None:
            self._on_plan(plan)

    def wake(self) -> None:
        """Have the scheduler look at its source again, if it waits; thread-safe."""
        if self.scheduler is not None:
            self.scheduler.wake()

    @property
    def in_flight(self) -> int:
        """Return how many batches are in flight."""
        return 0 if self.scheduler is None else self.scheduler.in_flight

    def more_finished(self) -> bool:
        """Tell whether more batches have ended than were told of."""
        return self.scheduler is not None and self.scheduler.more_finished

    @property
    def busy_workers(self) -> int:
        """Return how many workers run a batch now."""
        if self.plan is None:
            return 0
        most = self.plan.workers if self.concurrency is None else self.concurrency.limit
        return min(self.in_flight, most)

    @property
    def is_async(self) -> bool:
        """Whether the items run as coroutines, which take turns in one worker."""
        return self.plan is not None and self.plan.backend == "async"

    @property
    def carried_bytes(self) -> int:
        """How much was sent to worker processes and came back."""
        return 0 if self.scheduler is None else self.scheduler.carried_bytes
