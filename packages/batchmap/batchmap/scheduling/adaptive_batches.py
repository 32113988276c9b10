"""Batch sizes that follow what is measured in the workers while the run goes on."""

from __future__ import annotations

import math

from batchmap.records import BatchRecord
from batchmap.scheduling.batching import MAX_MEMORY_SHARE, kruskal_weiss

__all__ = ["MAX_BATCH_S", "AdaptiveSizing"]

MAX_ADAPTIVE_HAND_OVER_SHARE = 0.02
"""Batches are so long that their hand-over takes at most this share of a worker's time. For sizes
that are chosen before the run, see `batching.MAX_PLANNED_HAND_OVER_SHARE`."""

MAX_BATCH_S = 0.4
"""The longest time that a batch is meant to take, in seconds, so that items that turn slower or
faster are soon seen. It is exceeded where the hand-over is worth longer batches only."""

MAX_USUAL_HAND_OVER_S = 2e-3
"""Gaps between a worker's batches count as hand-over up to this many seconds, or up to what a
hand-over was measured to take before the run; what is longer has another cause."""

MAX_MEASURED_HAND_OVER_S = 0.1
"""Upper bound on a hand-over measured before the run, in seconds: when it took longer, the workers
were busy with something else."""

MAX_SHARED_USE = 0.5
"""Highest utilisation of what all workers share, such as the Dask scheduler."""

LEAST_TAIL_DIVISOR = 8
"""The last batches shrink, so that all workers end together: down to the smallest size that is
worth a hand-over, divided by this."""

NEWEST_WEIGHT = 0.3
"""Weight of the newest batch in the exponentially weighted moving averages."""


class AdaptiveSizing:
    """Batch sizes that follow the time of an item, its spread, and the cost of a hand-over.

    The lower bound of a batch is the size from which the hand-over takes at most 2 % of a worker's
    time. Above that, it follows the optimum of Kruskal and Weiss (1985), up to 0.4 s a batch. Near
    the end, it is a worker's share of half of what is left (factoring; Hummel, Schonberg and Flynn
    1992).

    `hand_over_s` is the usual cost of a hand-over in seconds, `measured_s` the cost measured before
    the run with nothing else in flight. Either is a first estimate, which is corrected by the gaps
    between a worker's batches. `shared_s` is how long each batch occupies what all workers share,
    such as the Dask scheduler: with many workers, batches grow so that it is busy for at most half
    of the time.
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
        """Among how many workers the items are shared; may change while the run goes on."""
        first_s = hand_over_s if measured_s is None else min(measured_s, MAX_MEASURED_HAND_OVER_S)
        self._hand_over_s = first_s
        self._min_hand_over_s = min(hand_over_s, first_s)
        self._max_hand_over_s = max(MAX_USUAL_HAND_OVER_S, first_s)
        self._shared_s = shared_s
        self._item_s = item_s
        self._spread_s = 0.0
        self._ended_s: dict[str, float] = {}
        self._given = 0
        """The sum of all sizes so far."""
        self._max_size = math.inf
        if item_bytes and free_memory_bytes is not None:
            in_flight = 3 * workers * item_bytes
            self._max_size = max(1, MAX_MEMORY_SHARE * free_memory_bytes // in_flight)

    @property
    def longest_batch_s(self) -> float:
        """Return how long a batch may be meant to take, in seconds."""
        return max(MAX_BATCH_S, self._worthwhile_s(self._max_hand_over_s))

    def next_size(self, left: int | None) -> int:
        """Return the size of the next batch when `left` items are left (`None`: unknown).

        It is 1 while nothing was measured.
        """
        if self._item_s is None:
            return 1
        item_s = max(self._item_s, 1e-9)
        hand_over_s = max(self._hand_over_s, self._min_hand_over_s)
        least = math.ceil(self._worthwhile_s(hand_over_s) / item_s)
        size = max(least, math.floor(MAX_BATCH_S / item_s)) if least > 1 else 1
        if left is None:  # as many are expected to be left as there were so far
            size = min(size, max(least, math.ceil(self._given / (2 * self.workers))))
        else:
            best = kruskal_weiss(left, self.workers, hand_over_s, self._spread_s)
            size = max(least, min(size, best))
            share = math.ceil(left / (2 * self.workers))
            size = min(size, max(share, least // LEAST_TAIL_DIVISOR))
        size = int(max(1, min(size, self._max_size)))
        self._given += size
        return size

    def _worthwhile_s(self, hand_over_s: float) -> float:
        """Return the least work that is worth a hand-over, in seconds."""
        worth_s = hand_over_s * (1 - MAX_ADAPTIVE_HAND_OVER_SHARE) / MAX_ADAPTIVE_HAND_OVER_SHARE
        return max(worth_s, self.workers * self._shared_s / MAX_SHARED_USE)

    def learn(self, record: BatchRecord) -> None:
        """Update the estimates with the times of one record.

        Each is an exponentially weighted moving average; those of an item's time and spread rise to
        a higher value at once.
        """
        number = len(record.durations_s)
        if not number or not record.worker:
            return
        mean_s = sum(record.durations_s) / number
        spread_s = (max(record.durations_s) - mean_s) / 2
        if self._item_s is None or mean_s > self._item_s:
            self._item_s = mean_s
        else:
            self._item_s += NEWEST_WEIGHT * (mean_s - self._item_s)
        smoothed_s = (1 - NEWEST_WEIGHT) * self._spread_s + NEWEST_WEIGHT * spread_s
        self._spread_s = max(spread_s, smoothed_s)
        ended_s = self._ended_s.get(record.worker)
        if ended_s is not None:
            gap_s = min(self._max_hand_over_s, max(0.0, record.started_s - ended_s))
            self._hand_over_s += NEWEST_WEIGHT * (gap_s - self._hand_over_s)
        self._ended_s[record.worker] = record.ended_s
