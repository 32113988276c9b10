"""Explains what workers were lost before their first batch."""

from __future__ import annotations

from ..thresholds import is_cpu_bound
from .evidence import Evidence, Explanation

__all__ = ["explain"]


def explain(evidence: Evidence) -> Explanation:
    """Return the cause of a late start."""
    each_s = evidence.trace.start_s / evidence.workers
    text = f"a worker had its first batch after {each_s:.2f}s of {evidence.wall_s:.2f}s"
    if evidence.measured_in_place:
        return Explanation(
            "start-up",
            f"{text}, for the first items were measured in place",
            f"--backend {evidence.plan.backend} --workers {evidence.plan.workers} saves the "
            "measuring, or give each run more items",
        )
    if evidence.plan.backend == "process" and not is_cpu_bound(evidence.parallel):
        threads = max(evidence.workers, 4 * evidence.cores)
        advice = (
            f"use --backend thread --workers {threads}, which start at once, since the items "
            "mostly wait"
        )
    elif evidence.plan.backend in ("process", "dask"):
        advice = "give each run more items, and let the task's module load less"
    else:
        advice = "give each run more items"
    return Explanation("start-up", text, advice)
