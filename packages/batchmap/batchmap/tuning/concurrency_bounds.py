"""Within which bounds a run finds how many items run at once, and how that is told in its plan."""

from __future__ import annotations

from batchmap.concurrency import Concurrency, WorkerBounds
from batchmap.tuning.concurrency_limit import FIRST_LIMIT

__all__ = ["FINDS_CONCURRENCY", "concurrency_within", "in_words"]

FINDS_CONCURRENCY = ("thread", "async")
"""The backends whose items can wait for another side in any number."""


def concurrency_within(
    workers: WorkerBounds | None, *, usual: int, most: int | None = None
) -> Concurrency:
    """Return how many items run at once, by what was asked for; `None` leaves it to the run.

    `usual` is how many there are where no other side has a limit, `most` how many where one has
    none either; `None` for the same.
    """
    if workers is not None:
        return Concurrency(workers.least, workers.most, workers.nearest(FIRST_LIMIT))
    first = min(FIRST_LIMIT, usual)
    return Concurrency(1, max(usual, most or usual), first, unconnected=usual)


def in_words(concurrency: Concurrency) -> str:
    """Return the reason for a plan that is to find how many run at once."""
    bears = f"up to {concurrency.most}, as the other side bears"
    if concurrency.first == concurrency.most:
        return f"At once: {bears}"
    found = f"from {concurrency.first} {bears}"
    usual = concurrency.unconnected
    return f"At once: {found}" if usual is None else f"At once: {usual}; with a connection, {found}"
