"""Explains what workers were lost after their last batch."""

from __future__ import annotations

from .evidence import Evidence, Explanation

__all__ = ["explain"]

STRAGGLER_FACTOR = 3
"""A straggler takes at least so many times as long as an item does on average."""

FEW_ITEMS_A_WORKER = 4
"""With fewer items a worker, the workers cannot end at about the same time."""


def explain(evidence: Evidence) -> Explanation:
    """Return the cause of workers that were done before the run was."""
    run, trace, workers = evidence.parallel, evidence.trace, evidence.workers
    closing_s = evidence.wall_s - trace.last_end_s if trace.last_end_s else 0.0
    # How long each worker but the last one had nothing left to do, on average, while that worked.
    others_s = max(0.0, trace.tail_s - workers * closing_s) / max(1, workers - 1)
    closes_late = workers * closing_s > trace.tail_s / 2
    if closes_late and not trace.spans:  # to end coroutines takes no time
        return Explanation(
            "slow input or output",
            f"what the last items gave was taken {closing_s:.2f}s after they had ended",
            "see whether the output keeps up with the workers",
        )
    if closes_late:
        return Explanation(
            "shut-down",
            f"ending the workers took {closing_s:.2f}s of {evidence.wall_s:.2f}s",
            "give each run more items",
        )
    longest = run.longest_item_s / max(run.avg_time_per_item, 1e-9)
    if run.longest_item_s >= others_s / 2 and longest >= STRAGGLER_FACTOR:
        return Explanation(
            "straggler",
            f"item {trace.longest_item} took {run.longest_item_s:.2f}s, {longest:.0f} times the "
            "average, while the others had nothing left to do",
            _earlier(evidence),
        )
    if trace.longest_batch_items > 1 and trace.longest_batch_s >= others_s / 2:
        size = max(1, trace.longest_batch_items // 10)
        return Explanation(
            "large batches",
            f"a batch of {trace.longest_batch_items} items takes {trace.longest_batch_s:.2f}s, and "
            "the last ones end at different times",
            "use --batch-size auto" if evidence.given.batch_size else f"use --batch-size {size}",
        )
    if run.total_processed < FEW_ITEMS_A_WORKER * workers:
        return Explanation(
            "few items",
            f"{workers} workers had {run.total_processed} items to share",
            f"--workers {max(1, run.total_processed // FEW_ITEMS_A_WORKER)} would waste less",
        )
    return Explanation(
        "uneven end",
        f"the other workers were done {others_s:.2f}s before the last one, on average",
        "put the longest items first",
    )


def _earlier(evidence: Evidence) -> str:
    """Return where to put the longest item; one that is early already can only be split."""
    longest = evidence.trace.longest_item
    if longest < max(1, evidence.parallel.total_processed // 20):
        return f"split item {longest}"
    where = "early, but not first" if evidence.measured_in_place else "first"
    return f"put item {longest} {where}, or split it"
