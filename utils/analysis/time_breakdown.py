"""Where the workers of a run went: each worker-second to exactly one of five ends."""

from __future__ import annotations

from batchmap.metrics import RunSummary

from ..execution.trace import Trace
from .records import TimeBreakdown

__all__ = ["account", "losses"]


def account(
    trace: Trace, parallel: RunSummary, *, sequential: RunSummary | None = None
) -> TimeBreakdown:
    """Return where the workers of a parallel run were, in workers; the shares add up to them.

    With wall time T, P workers and S seconds for the same items in a sequential run, work is S/T,
    which is the speedup, and P - S/T workers are missing: to items that took longer than in the
    sequential run, to the start, to the hand-over and to the tail. Without a sequential run, S is
    the items' own time in the workers.
    """
    wall_s = trace.wall_s
    if wall_s <= 0:
        return TimeBreakdown(0, 0.0, 0.0, None, 0.0, 0.0, 0.0)
    work_s = parallel.busy_s if sequential is None else sequential.total_duration
    slower_s = None if sequential is None else parallel.busy_s - work_s
    return TimeBreakdown(
        workers=trace.workers,
        wall_s=wall_s,
        work=work_s / wall_s,
        slower_items=None if slower_s is None else slower_s / wall_s,
        start=trace.start_s / wall_s,
        hand_over=trace.hand_over_s / wall_s,
        tail=trace.tail_s / wall_s,
    )


def losses(accounting: TimeBreakdown) -> dict[str, float]:
    """Return what was lost to each end but work, in workers, by name."""
    return {
        "slower items": accounting.slower_items or 0.0,
        "start": accounting.start,
        "hand-over": accounting.hand_over,
        "tail": accounting.tail,
    }
