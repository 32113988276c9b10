"""Batch sizes that follow what is measured in the workers while the run goes on."""

from __future__ import annotations

import math

from batchmap.records import BatchRecord
from batchmap.scheduling.batching import kruskal_weiss

__all__ = ["LONGEST_BATCH_S", "AdaptiveSizing"]

HAND_OVER_SHARE = 0.02
"""What share of the work the hand-over may cost."""

LONGEST_BATCH_S = 0.4
"""A batch takes no longer than this, so that a change of pace is soon seen and followed."""

DEAREST_HAND_OVER_S = 2e-3
"""A longer gap between a worker's batches has another reason than the hand-over, unless a longer
one was measured before."""

DEAREST_MEASURED_S = 0.1
"""What a hand-over may be measured to cost; more, and the workers were at something else."""

MOST_USED = 0.5
"""What share of the time what the workers share may be in use."""

SMALLEST_TAIL = 8
"""The last batches shrink to this fraction of the least size, so that all workers end together."""

MEMORY_SHARE = 0.05
"""What share of the free memory the items in flight may take."""

FORGETTING = 0.3
"""How much a new batch counts against all those before it."""


class AdaptiveSizing:
    """Size batches by the time of an item, its spread, and the cost of handing a batch over.

    At least so many items that the hand-over costs under 2 % of the work; more, up to the
    optimum of Kruskal and Weiss (1985), while a batch stays under 0.4 s; half an even share of
    what is left, near the end (factoring; Hummel, Schonberg and Flynn 1992).

    `hand_over_s` is what the hand-over usually costs, `measured_s` what it was seen to cost with
    nothing else in flight; the gaps between a worker's batches then tell what it really costs.
    `shared_s` is what each batch takes of what all workers share: where there are many, batches
    are so long that this is not used for more than half of the time.
    """

    def __init__(
        self,
        *,
        workers: int,
        hand_over_s: float,
        measured_s: float | None = None,
        shared_s: float = 0.0,
        item_s: float | None = None,
        item_bytes: int = 0,
        free_memory_bytes: int | None = None,
    ) -> None:
        self.workers = workers
        """How many share what is left; may change while the run goes on."""
        first_s = hand_over_s if measured_s is None else min(measured_s, DEAREST_MEASURED_S)
        self._hand_over_s = first_s
        self._least_hand_over_s = min(hand_over_s, first_s)
        self._dearest_hand_over_s = max(DEAREST_HAND_OVER_S, first_s)
        self._shared_s = shared_s
        self._item_s = item_s
        self._spread_s = 0.0
        self._ended_s: dict[str, float] = {}
        self._most = math.inf
        if item_bytes and free_memory_bytes is not None:
            in_flight = 3 * workers * item_bytes
            self._most = max(1, MEMORY_SHARE * free_memory_bytes // in_flight)

    @property
    def longest_batch_s(self) -> float:
        """Return how long a batch may be meant to take, in seconds."""
        return max(LONGEST_BATCH_S, self._least_s(self._dearest_hand_over_s))

    def next_size(self, left: int | None) -> int:
        """Return the size of the next batch; 1 while nothing was measured."""
        if self._item_s is None:
            return 1
        item_s = max(self._item_s, 1e-9)
        hand_over_s = max(self._hand_over_s, self._least_hand_over_s)
        least = math.ceil(self._least_s(hand_over_s) / item_s)
        size = max(least, math.floor(LONGEST_BATCH_S / item_s)) if least > 1 else 1
        if left is not None:
            best = kruskal_weiss(left, self.workers, hand_over_s, self._spread_s)
            size = max(least, min(size, best))
            share = math.ceil(left / (2 * self.workers))
            size = min(size, max(share, least // SMALLEST_TAIL))
        return int(max(1, min(size, self._most)))

    def _least_s(self, hand_over_s: float) -> float:
        """Return the least work that is worth a hand-over."""
        worth_s = hand_over_s * (1 - HAND_OVER_SHARE) / HAND_OVER_SHARE
        return max(worth_s, self.workers * self._shared_s / MOST_USED)

    def learn(self, record: BatchRecord) -> None:
        """Follow the times of one record: a slower pace at once, a faster one by and by."""
        number = len(record.durations_s)
        if not number or not record.worker:
            return
        mean_s = sum(record.durations_s) / number
        spread_s = (max(record.durations_s) - mean_s) / 2
        if self._item_s is None or mean_s > self._item_s:
            self._item_s = mean_s
        else:
            self._item_s += FORGETTING * (mean_s - self._item_s)
        self._spread_s = max(spread_s, (1 - FORGETTING) * self._spread_s + FORGETTING * spread_s)
        ended_s = self._ended_s.get(record.worker)
        if ended_s is not None:
            gap_s = min(self._dearest_hand_over_s, max(0.0, record.started_s - ended_s))
            self._hand_over_s += FORGETTING * (gap_s - self._hand_over_s)
        self._ended_s[record.worker] = record.ended_s
