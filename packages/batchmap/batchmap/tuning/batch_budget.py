"""How long a batch may take before it ends early, after the item that runs.

The items after that are scheduled again, among all workers, so that items that turn slower are soon
shared out.
"""

from __future__ import annotations

from batchmap.records import Plan
from batchmap.scheduling.adaptive_batches import MAX_BATCH_S
from batchmap.tuning.profiler import IN_PLACE_SLICE_S

__all__ = ["BUDGET_BATCHES", "BUDGET_IN_PLACE_S", "BUDGET_S", "budget_s"]

BUDGET_BATCHES = 2
"""A batch's budget of time, as a multiple of the longest time that a batch is meant to take."""

BUDGET_S = BUDGET_BATCHES * MAX_BATCH_S
"""The budget of a batch in the workers, in seconds."""

BUDGET_IN_PLACE_S = 2 * IN_PLACE_SLICE_S
"""The budget of a batch that runs in place or in the GIL probe, in seconds. It is shorter, so that
its last items can go to workers as soon as those are ready."""

SHORTEST_BUDGET_S = 0.02
BUDGET_OF_EXPECTED = 4
"""To hand over to a thread costs little: a batch there has a budget of so many times what it is
expected to take, and at least the shortest one."""


def budget_s(plan: Plan | None, expected_s: float) -> float:
    """Return the budget, in seconds, of batches of a plan that are expected to take so long."""
    if plan is None or plan.backend != "thread":
        return BUDGET_S
    return min(BUDGET_S, max(SHORTEST_BUDGET_S, BUDGET_OF_EXPECTED * expected_s))
