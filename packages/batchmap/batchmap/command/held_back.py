"""Says in words what a run spent its workers' time on, and so what would make it faster."""

from __future__ import annotations

from collections.abc import Sequence

from batchmap.metrics import RunSummary, is_cpu_bound
from batchmap.records import Plan

__all__ = ["held_back"]

MIN_RUN_S = 1.0
"""Of shorter runs nothing is said: starting and ending is most of them."""

MOSTLY = 0.8
"""From this share of their time on, the workers were held up by the items alone."""


def held_back(run: RunSummary, plan: Plan, *, limits: Sequence[str]) -> str | None:
    """Return what held the run back, in a line; `None` for runs too short to tell.

    That is the items, where the workers were at work nearly all the time, else what the workers
    waited for: `limits` are the options by which items had to wait before they could start. Of
    what another side bears at once, not all workers that there were at any time are used.
    """
    worker_s = run.workers * run.total_duration
    if run.total_duration < MIN_RUN_S or not worker_s:
        return None
    at_work = run.busy_s / worker_s
    share = f"workers at work {at_work:.1%} of the time"
    if at_work >= MOSTLY:
        return f"the items, which {'compute' if is_cpu_bound(run) else 'wait'}; {share}"
    if plan.concurrency is not None and plan.concurrency.is_limited:
        return f"what the other side bears; {share}"
    if limits:
        return f"{' and '.join(limits)}; {share}"
    if run.retries:
        return f"waits before retries, input or output; {share}"
    return f"start, input or output; {share}"
