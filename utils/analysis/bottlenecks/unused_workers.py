"""Explains why workers that were asked for never had a batch."""

from __future__ import annotations

from ..records import Bottleneck
from .evidence import Evidence

__all__ = ["UNUSED", "find_unused_workers"]

UNUSED = "unused workers"
"""The name of the loss: workers beside those whose time a `TimeBreakdown` is about."""


def find_unused_workers(evidence: Evidence) -> Bottleneck | None:
    """Return how many workers never had a batch where the batch size that was given is why."""
    run, planned = evidence.parallel, evidence.plan.workers
    unused = min(planned, run.total_processed) - evidence.workers
    if unused < 1 or not evidence.given.batch_size or run.batches >= planned:
        return None
    batches = f"{run.batches} {'batch is' if run.batches == 1 else 'batches are'}"
    return Bottleneck(
        UNUSED,
        float(unused),
        "few batches",
        f"{batches} too few for {planned} workers",
        "use --batch-size auto",
    )
