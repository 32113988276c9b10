"""Where the workers' time of a run went: each worker-second is counted exactly once."""

from __future__ import annotations

from batchmap.metrics import RunSummary

from ..execution.trace import Trace
from .records import TimeBreakdown

__all__ = ["break_down_time", "losses"]


def break_down_time(
    trace: Trace, parallel: RunSummary, *, sequential: RunSummary | None = None
) -> TimeBreakdown:
    """Return where the workers' time of a parallel run went, in worker equivalents.

    With wall time T, P workers and S seconds for the same items in a sequential run, work is S/T,
    which is the speedup, and P - S/T workers are lost: to items that took longer than in the
    sequential run, to the start, to handing over batches and to the tail. Work and losses add up
    to P. Without a sequential run, S is the time that the items took in the workers.
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


def losses(breakdown: TimeBreakdown) -> dict[str, float]:
    """Return how many workers were lost to what, by the name of the loss."""
    return {
        "slower items": breakdown.slower_items or 0.0,
        "start": breakdown.start,
        "hand-over": breakdown.hand_over,
        "tail": breakdown.tail,
    }
