"""Made-up traces of runs, for the tests of reports."""

from __future__ import annotations

import random
from array import array

from batchmap_workbook.utils.execution.trace import Environment, Span, Trace

__all__ = ["no_trace", "trace"]


def trace(
    *, workers: int = 8, batches: int = 100, batch_size: int = 1, item_s: float = 0.5, seed: int = 0
) -> Trace:
    """Return the trace of a pool whose workers take the batches in their order."""
    dice = random.Random(seed)
    free_s = [0.02 + 0.004 * worker for worker in range(workers)]
    spans, times = [], array("d")
    for batch in range(batches):
        worker = min(range(workers), key=free_s.__getitem__)
        items_s = [item_s * dice.lognormvariate(0, 0.35) for _ in range(batch_size)]
        times.extend(items_s)
        start_s, busy_s = free_s[worker], sum(items_s)
        free_s[worker] = start_s + busy_s + 0.0015
        spans.append(
            Span(
                worker=worker,
                started_s=start_s,
                ended_s=start_s + busy_s,
                batches=1,
                first_item=batch * batch_size,
                items=batch_size,
                busy_s=busy_s,
                failed=int(dice.random() < 0.05),
                retried=int(dice.random() < 0.04),
                in_place=batch < 3,
            )
        )
    wall_s = max(free_s)
    longest = max(range(len(times)), key=times.__getitem__)
    return Trace(
        workers=workers,
        wall_s=wall_s,
        spans=tuple(spans),
        start_s=0.3,
        hand_over_s=0.0015 * batches,
        tail_s=sum(wall_s - free for free in free_s),
        longest_batch_s=max(span.busy_s for span in spans),
        longest_batch_items=batch_size,
        longest_item=longest,
        item_times_s=times,
        items_a_time=1,
        surroundings=Environment(0.4, 210.0, 48_000, 0.3, 0.01),
    )


def no_trace() -> Trace:
    """Return the trace of a run without items."""
    return Trace(1, 0.0, (), 0.0, 0.0, 0.0, 0.0, 0, 0, array("d"), 1, Environment())
