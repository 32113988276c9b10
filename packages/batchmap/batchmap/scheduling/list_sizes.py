"""How many items a function gets together that takes a list: found while it runs.

A call mostly costs something itself and something an item, T(n) = c + i n, up to where memory or
caches say no. From two sizes that were tried follow c and i, and with them the size at which the
calls themselves cost a small share of the time; whether it is better is seen when it is tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["ListSizing", "is_of_memory"]

FIRST_SIZE = 4
"""How many items the first lists have."""

LEAST_GROWTH, MOST_GROWTH = 4.0, 16.0
"""How many times as large the next size is that is tried: less than what seems to be the best, as
that is known the better the nearer it is."""

_NEAR = 0.25
"""Two sizes are near whose ratio is above this: no third one is tried between them."""

_TOLD_APART = math.log(1.5)

MUCH_QUICKER = 0.7
"""Where an item of a size takes less than this of what it took before, larger sizes may pay."""

BENT = 1.3
"""The items of larger lists cost more than those of smaller ones, where it is so many times."""

CALL_SHARE = 0.02
"""The share of the time that the calls themselves may cost, beside their items."""

TAIL_CALL_SHARE = 0.2
"""The same for the last lists, which are shorter so that all workers end together."""

GAIN = 1.03
"""A size is better than a smaller one only when it makes an item so many times as quick."""

LONGEST_LIST_S = 2.0
"""No list is meant to take longer, in seconds: its failure would cost as much."""

ENOUGH_S = 0.005
ENOUGH_LISTS = 3
"""A size is judged once its lists took so long together, in seconds, or were so many; the quickest
counts, as something else may have held up the others."""

LONG_CALL_S = 0.01
"""A list that takes so long, in seconds, is enough; of quicker ones there are two at least."""


def is_of_memory(error_type: str) -> bool:
    """Tell whether an error says that a list was too large: memory gave out, or the worker died."""
    return error_type == "WorkerDied" or error_type.endswith(("MemoryError", "OutOfMemoryError"))


class ListSizing:
    """The size of the next list: always `size` where it is given, and else what is found.

    `workers` says among how many workers the lists are shared now.
    """

    def __init__(self, size: int | None, *, workers: Callable[[], int] = lambda: 1) -> None:
        self._workers = workers
        self.is_given = self.is_found = size is not None
        """Whether the size stays, unless it turns out to be too large."""
        self._size = size or FIRST_SIZE
        self._most = math.inf
        """What is larger was too large for memory."""
        self._item_s: dict[int, float] = {}
        """The least time of an item in lists of each size that was tried, in seconds."""
        self._lists, self._took_s = 0, 0.0
        """How many lists of the present size there were, and how long they took."""
        self._least_tail = FIRST_SIZE

    @property
    def size(self) -> int:
        """How many items lists have now, the last ones apart."""
        return self._size

    def next_size(self, left: int | None) -> int:
        """Return the size of the next list when `left` items are left (`None`: unknown).

        Near the end it is a worker's share of half of what is left.
        """
        if self.is_given or left is None or (workers := self._workers()) == 1:
            return self._size
        share = math.ceil(left / (2 * workers))
        return max(1, min(self._size, max(share, self._least_tail)))

    def learn(self, number: int, took_s: float) -> None:
        """Take in how long a list of `number` items took, in seconds."""
        if self.is_found or number != self._size:
            return
        self._lists += 1
        self._took_s += took_s
        item_s = took_s / number
        self._item_s[number] = min(item_s, self._item_s.get(number, item_s))
        least = 1 if took_s >= LONG_CALL_S else 2
        if self._lists >= least and (self._took_s >= ENOUGH_S or self._lists >= ENOUGH_LISTS):
            self._step()

    def too_large(self, number: int) -> None:
        """Note that a list of `number` items took more memory than there is."""
        if self.is_given:
            return
        self._most = min(self._most, max(1, number // 2))
        if self._size > self._most:
            self._try(int(self._most))
            self.is_found = False  # which the next list shows

    def _try(self, size: int) -> None:
        self._size, self._lists, self._took_s = size, 0, 0.0

    def _step(self) -> None:
        """Go to a size that may be better, or settle for the smallest that is about the best."""
        known, size = self._item_s, self._size
        best = min(known, key=known.__getitem__)
        longest = min(self._most, LONGEST_LIST_S / max(known[size], 1e-12))
        target = min(self._target(), longest)
        if size == best and target > GAIN * size:
            growth = max(LEAST_GROWTH, min(MOST_GROWTH, math.sqrt(target / size)))
            self._try(int(min(target, size * growth)))
            return
        between = [one for one in known if one != best and not _NEAR < one / best < 1 / _NEAR]
        for other in sorted(between, key=lambda one: abs(math.log(one / best))):
            middle = math.isqrt(best * other)
            if all(abs(math.log(one / middle)) > _TOLD_APART for one in known):
                self._try(middle)
                return
        good = [one for one in known if known[one] <= known[best] * GAIN and one <= self._most]
        self._try(min(good, default=size))
        self.is_found = True

    def _target(self) -> float:
        """Return the size at which a call is as quick an item as it gets, by those that were tried.

        With c and i, that is where c costs a small share. Where the larger sizes cost more an item
        than the smaller ones, T(n) = c + i n + q n^2, it is at most the square root of c / q.
        """
        known = self._item_s
        if len(known) < 2:
            return math.inf
        *before, first, second = sorted(known)
        slope_s = _slope_s(known, first, second)
        call_s = max(0.0, first * known[first] - slope_s * first)
        self._least_tail = max(FIRST_SIZE, int(call_s / slope_s / TAIL_CALL_SHARE))
        target = call_s / slope_s / CALL_SHARE
        if before:
            earlier_s = _slope_s(known, before[-1], first)
            bend_s = (slope_s - earlier_s) / (second - before[-1])
            call_s = max(0.0, before[-1] * known[before[-1]] - earlier_s * before[-1])
            is_quicker = known[second] < MUCH_QUICKER * known[first]
            if slope_s > BENT * earlier_s and bend_s > 0 and not is_quicker:
                target = min(target, math.sqrt(call_s / bend_s))
        return target


def _slope_s(item_s: dict[int, float], first: int, second: int) -> float:
    """Return the seconds that each further item costs between two sizes of lists."""
    more_s = second * item_s[second] - first * item_s[first]
    return max(more_s / (second - first), 1e-12)
