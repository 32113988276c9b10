"""Counts how many items were in flight over a run's time, in memory that does not grow."""

from __future__ import annotations

from array import array
from itertools import accumulate

__all__ = ["InFlight"]

MAX_INTERVALS = 512
"""With more, each two that follow each other are joined."""

SHORTEST_INTERVAL_S = 1e-3


class InFlight:
    """How many items were in flight on average in each of equal intervals since `began_s`.

    Each item adds two changes: at its start one more is in flight, at its end one less. A change
    within an interval is shared out between it and the next one, by how much of it is left, so that
    the sums of the changes are the means over the intervals.
    """

    def __init__(self, *, began_s: float) -> None:
        self._began_s = began_s
        self.interval_s = SHORTEST_INTERVAL_S
        """The length of an interval."""
        self._changes = [0.0] * (MAX_INTERVALS + 2)
        self._used = 0

    def add(self, started_s: float, ended_s: float) -> None:
        """Add an item that was in flight between two times, on the clock of `began_s`."""
        while ended_s - self._began_s >= MAX_INTERVALS * self.interval_s:
            self._join_pairs()
        self._change(started_s, 1.0)
        self._change(ended_s, -1.0)

    def means(self) -> array[float]:
        """Return the mean of each interval up to the last end."""
        return array("d", (max(0.0, mean) for mean in self._all_means()[: self._used]))

    def _change(self, at_s: float, by: float) -> None:
        place = max(0.0, (at_s - self._began_s) / self.interval_s)
        interval = int(place)
        into = place - interval
        self._changes[interval] += by * (1 - into)
        self._changes[interval + 1] += by * into
        self._used = max(self._used, interval + 1)

    def _all_means(self) -> list[float]:
        return list(accumulate(self._changes))

    def _join_pairs(self) -> None:
        means = self._all_means()
        joined = [(even + odd) / 2 for even, odd in zip(means[::2], means[1::2], strict=True)] + [
            0.0
        ] * (len(means) // 2)
        self._changes = [
            mean - before for before, mean in zip([0.0, *joined], joined, strict=False)
        ]
        self._used = -(-self._used // 2)
        self.interval_s *= 2
