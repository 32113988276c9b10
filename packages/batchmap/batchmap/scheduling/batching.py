"""Cuts items into batches, of a size that is known before the run begins."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from batchmap.backends import BACKENDS
from batchmap.records import Batch
from batchmap.worker.interruption import SignalHandlers

__all__ = [
    "MAX_MEMORY_SHARE",
    "BatchSizing",
    "BatchSource",
    "Batches",
    "choose_batch_size",
    "cut",
    "kruskal_weiss",
]

MAX_PLANNED_HAND_OVER_SHARE = 0.01
"""The hand-over may cost this share of the work, where the size is chosen before the run begins."""

ALONE_FROM = 100
"""An item that takes as long as so many hand-overs is a batch of its own."""

MAX_MEMORY_SHARE = 0.05
"""The items in flight may take this share of the free memory."""

BATCHES_A_WORKER = 8
"""How many batches each worker gets of items whose cost is not known."""

TAIL_DIVISOR = 10
"""The last batches shrink, so that all workers end together, down to the size divided by this."""


@dataclass(frozen=True, slots=True)
class BatchSizing:
    """How many items a batch has: `size`, and fewer near the end when it `shrinks`."""

    size: int
    """Items in a batch."""
    workers: int = 1
    """Among how many workers the last items are shared out."""
    shrinks: bool = False
    """Whether the last batches are smaller."""

    def next_size(self, left: int | None) -> int:
        """Return the size of the next batch when `left` items are left (`None`: unknown).

        Near the end, it is a worker's share of half of what is left: factoring (Hummel, Schonberg
        and Flynn 1992).
        """
        if left is None or not self.shrinks:
            return self.size
        share = math.ceil(left / (2 * self.workers))
        return min(self.size, max(share, math.ceil(self.size / TAIL_DIVISOR)))

    def num_batches(self, total: int | None) -> int | None:
        """Return how many batches `total` items make, `None` when that is unknown."""
        if total is None:
            return None
        if not self.shrinks:
            return math.ceil(total / self.size)
        plateau = max(0, math.ceil(total / self.size) - 2 * self.workers)
        left = total - plateau * self.size
        count = plateau
        while left > 0:
            left -= self.next_size(left)
            count += 1
        return count


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of `items`, cut again each time they are iterated; never all in memory."""

    items: Iterable[Any]
    total: int | None
    """How many items there are; `None` when unknown."""
    sizing: BatchSizing

    def __iter__(self) -> Iterator[Batch]:
        return filter(None, cut(self.items, self.total, self.sizing.next_size))

    @property
    def num_batches(self) -> int | None:
        """Return how many there are, `None` when that is unknown."""
        return self.sizing.num_batches(self.total)


class BatchSource(ABC):
    """Items that can be taken several at once; this library's own kind of source.

    Nothing else counts as one because of its methods: arrays and tables have a `take`, too.
    """

    @abstractmethod
    def take(self, number: int) -> Sequence[Any] | None:
        """Return the items of the next batch, none at the end, `None` while there are none.

        At most `number`, and fewer where more would have to be waited for.
        """

    def __iter__(self) -> Iterator[Any]:
        while some := self.take(1):
            yield from some


def cut(
    items: Iterable[Any],
    total: int | None,
    next_size: Callable[[int | None], int],
    *,
    first_item: int = 0,
) -> Iterator[Batch | None]:
    """Yield the items in batches, of the sizes that `next_size` returns; `None` while none came.

    `next_size` is called with how many items are left, `None` when unknown. `total` counts `items`,
    and is not relied on; `first_item` is the index of the first of them in the input. What `items`
    raise is raised after the items before it have been yielded.
    """
    take = items.take if isinstance(items, BatchSource) else None
    source = iter(()) if take is not None else iter(items)
    taken = index = 0
    failed: BaseException | None = None
    while failed is None:
        size = next_size(total - taken if total is not None and taken < total else None)
        batch_items: Sequence[Any] | None
        if take is not None:
            batch_items = take(size)
            if batch_items is None:
                yield None
                continue
        else:
            some: list[Any] = []
            batch_items = some
            try:
                some.extend(islice(source, size))
            except BaseException as error:  # `some` has what came before
                if not some or SignalHandlers().raised(error):
                    raise
                failed = error
        if not batch_items:
            return
        yield Batch(index, first_item + taken, batch_items)
        taken += len(batch_items)
        index += 1
    raise failed


def choose_batch_size(
    *,
    total: int | None,
    workers: int,
    backend: str,
    expected_item_s: float | None,
    item_bytes: int,
    free_memory_bytes: int,
) -> tuple[int, str]:
    """Return the batch size for items of `expected_item_s` seconds (`None`: not known), and why.

    It is the least size at which the hand-over costs at most 1 % of the work, or less where one of
    these is less: the optimum of Kruskal and Weiss (1985) for a spread of half the mean, the size
    at which every worker gets two batches, and a share of the free memory.
    """
    if expected_item_s is None:
        size = 1 if total is None else math.ceil(total / (BATCHES_A_WORKER * workers))
        return max(1, size), f"what an item costs is not known: {BATCHES_A_WORKER} batches a worker"
    hand_over_s = BACKENDS[backend].hand_over_s
    if expected_item_s >= ALONE_FROM * hand_over_s:
        return 1, "an item far outlasts a hand-over: each is a batch of its own"
    item_s = max(expected_item_s, 1e-9)
    limits: dict[str, int] = {
        "handing over costs under 1 % of the work": math.ceil(
            hand_over_s * (1 - MAX_PLANNED_HAND_OVER_SHARE) / (MAX_PLANNED_HAND_OVER_SHARE * item_s)
        ),
        "more items in flight would take too much memory": math.floor(
            MAX_MEMORY_SHARE * free_memory_bytes / (3 * workers * max(1, item_bytes))
        ),
    }
    if total is not None:
        limits["every worker should have two batches"] = math.ceil(total / (2 * workers))
        limits["the workers should end together"] = kruskal_weiss(
            total, workers, hand_over_s, spread_s=item_s / 2
        )
    reason = min(limits, key=limits.__getitem__)
    return max(1, limits[reason]), reason


def kruskal_weiss(total: int, workers: int, hand_over_s: float, spread_s: float) -> int:
    """Return the fixed batch size of least expected makespan (Kruskal and Weiss 1985).

    `spread_s` is the standard deviation of an item's time.
    """
    even_share = max(1, math.ceil(total / workers))
    if workers == 1 or spread_s == 0:
        return even_share
    best = math.sqrt(2) * total * hand_over_s / (spread_s * workers * math.sqrt(math.log(workers)))
    size = math.pow(best, 2 / 3)  # infinite where the spread is next to nothing
    return even_share if size >= even_share else max(1, math.ceil(size))
