"""Explains what workers were lost between their batches."""

from __future__ import annotations

from batchmap.backends import usual_hand_over_s

from ..thresholds import LARGE_BATCH_BYTES, USUAL_FACTOR
from .evidence import Evidence, Explanation, blame_other_programs

__all__ = ["explain"]

WAIT_FACTOR = 10
"""A gap of so many times the usual cost is no handing over: the worker waited for something."""

MIN_WAIT_S = 2e-3
"""A shorter gap, in seconds, counts as handing over whatever the usual cost."""

ENOUGH_WORK_FACTOR = 20
"""A batch holds enough work when it takes so many times as long as handing it over."""


def explain(evidence: Evidence) -> Explanation:
    """Return the cause of gaps between batches, the most certain evidence first."""
    trace, batches = evidence.trace, max(1, evidence.parallel.batches)
    each_s = trace.hand_over_s / batches
    work_s = evidence.parallel.busy_s / batches
    transferred_bytes = trace.surroundings.carried_bytes / batches
    usual_s = usual_hand_over_s(evidence.plan.backend)
    if (other_programs := blame_other_programs(evidence)) is not None:
        return other_programs
    if transferred_bytes >= LARGE_BATCH_BYTES and each_s > USUAL_FACTOR * usual_s:
        return Explanation(
            "large items",
            f"each batch carries {transferred_bytes / 1e6:.1f} MB to a worker and back, which "
            f"takes {each_s * 1e3:.1f} ms",
            "hand over names or locations of the data, and load it in the worker",
        )
    if each_s > max(WAIT_FACTOR * usual_s, MIN_WAIT_S):
        return _waits_between_batches(evidence, each_s)
    return Explanation(
        "small batches",
        f"handing over a batch costs {each_s * 1e3:.2f} ms, and it holds {work_s * 1e3:.2f} ms of "
        "work",
        f"use {_larger_batches(evidence, each_s)}",
    )


def _waits_between_batches(evidence: Evidence, each_s: float) -> Explanation:
    if evidence.parallel.retries:
        return Explanation(
            "retries",
            f"{evidence.parallel.retries} retries waited before they began",
            "fix what fails, or give fewer --retries",
        )
    return Explanation(
        "slow input or output",
        f"a worker waited {each_s * 1e3:.1f} ms for each batch, far longer than handing one "
        "over takes",
        "see whether input and output keep up with the workers",
    )


def _larger_batches(evidence: Evidence, each_s: float) -> str:
    """Return what to use so that a batch holds enough work."""
    if evidence.given.batch_size:
        return "--batch-size auto"
    item_s = max(evidence.parallel.avg_time_per_item, 1e-9)
    enough = max(2 * evidence.plan.batch_size, round(ENOUGH_WORK_FACTOR * each_s / item_s))
    even_share = -(-evidence.parallel.total_processed // evidence.workers)
    if enough <= even_share:
        return f"--batch-size {enough}"
    return "--backend sequential" if evidence.plan.backend != "sequential" else "larger items"
