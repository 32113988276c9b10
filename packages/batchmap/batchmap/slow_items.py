"""Finds the slowest items of a run, and what they have in common that most items do not."""

from __future__ import annotations

import heapq
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.item_facts import host_of, size_of
from batchmap.records import BatchRecord
from batchmap.run_outcome import SlowItem

__all__ = ["Facts", "SlowItems"]

MAX_SLOW = 10

MIN_SLOW_S = 0.01
"""An item that took less is not slow, and what is known of it not looked up."""

MIN_SAMPLED_S = 0.001
"""Items are sampled where they take so long on average: looking one up costs some of that."""

MAX_SAMPLED = 200
"""Items that stand for all in comparisons."""

MOST = 0.7
"""What so many of the slowest have in common is told, if it is rarer among all."""

FACTOR = 2.0
"""How many times as common it must be, or as large."""

MIN_TOLD = 4
"""Fewer items have something in common by chance."""

SHORT_SHARE = 0.1
"""Items that began within this share of the run's time began at about the same time."""

Facts = tuple[int, str, Any]
"""The index of an item in the input, where it stands, in words, and the item."""


@dataclass(frozen=True, slots=True)
class _Sampled:
    index: int
    size_bytes: int | None
    host: str | None


class SlowItems:
    """The slowest items of the records that are added, and a sample of the others.

    Memory does not grow with their number. `look_up`, given to `add` with a record, returns what is
    known of the item at an offset; it is asked for few.
    """

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._began_s = math.inf
        self._ended_s = -math.inf
        self._slowest: list[tuple[float, int, _Slow]] = []
        self._sampled: list[_Sampled] = []
        self._seen = 0
        self._dice = random.Random(0)
        self._workers: Counter[str] = Counter()
        self._items = 0
        self._retried = 0

    def add(self, record: BatchRecord, look_up: Callable[[int], Facts] | None = None) -> None:
        """Add what came of a batch; without `look_up`, its items are told by index alone."""
        times_s = record.durations_s
        if not times_s:
            return
        self._began_s = min(self._began_s, record.started_s)
        self._ended_s = max(record.ended_s, self._ended_s)
        self._items += len(times_s)
        self._retried += len(record.attempts)
        if record.worker:
            self._workers[record.worker] += len(times_s)
        longest_s = max(times_s)
        if longest_s < MIN_SAMPLED_S:
            return
        least_s = self._slowest[0][0] if len(self._slowest) == MAX_SLOW else MIN_SLOW_S
        if longest_s > least_s:
            self._add_slow(record, least_s, look_up)
        if look_up is not None and sum(times_s) >= MIN_SAMPLED_S * len(times_s):
            self._sample(record, look_up)

    def _add_slow(
        self, record: BatchRecord, least_s: float, look_up: Callable[[int], Facts] | None
    ) -> None:
        times_s = record.durations_s
        for offset in heapq.nlargest(MAX_SLOW, range(len(times_s)), key=times_s.__getitem__):
            if times_s[offset] <= least_s:
                return
            index = record.first_item + offset
            place, item = f"item {index}", None
            if look_up is not None:
                index, place, item = look_up(offset)
            one = _Slow(
                index=index,
                place=place,
                worker=record.worker,
                attempts=record.attempts.get(offset, 1),
                started_s=record.started_s,
                size_bytes=size_of(item),
                host=host_of(item),
            )
            entry = (times_s[offset], -index, one)
            if len(self._slowest) < MAX_SLOW:
                heapq.heappush(self._slowest, entry)
            else:
                heapq.heappushpop(self._slowest, entry)

    def _sample(self, record: BatchRecord, look_up: Callable[[int], Facts]) -> None:
        """Take one of the record's items into the sample, each record as likely as any other."""
        self._seen += 1
        at = len(self._sampled)
        if at == MAX_SAMPLED and (at := self._dice.randrange(self._seen)) >= MAX_SAMPLED:
            return
        offset = self._dice.randrange(len(record.durations_s))
        index, _, item = look_up(offset)
        self._sampled[at : at + 1] = [_Sampled(index, size_of(item), host_of(item))]

    def look_up_afterwards(self, items_at: Callable[[Collection[int]], Mapping[int, Any]]) -> None:
        """Take sizes and hosts from `items_at`, called once with the indexes it is to know.

        For items that could not be had while they ran; where none was slow, it is not called.
        """
        if not self._slowest:
            return
        found = items_at(
            {one.index for _, _, one in self._slowest} | {one.index for one in self._sampled}
        )

        def known(one: Any) -> Any:
            item = found.get(one.index)
            return replace(one, size_bytes=size_of(item), host=host_of(item))

        self._slowest = [(time_s, order, known(one)) for time_s, order, one in self._slowest]
        self._sampled = [known(one) for one in self._sampled]

    def slowest(self) -> tuple[SlowItem, ...]:
        """Return the slowest items, the slowest first; another thread may add some meanwhile."""
        numbers = {worker: number for number, worker in enumerate(list(self._workers))}
        since_s = datetime.now().astimezone().timestamp() - self._clock.now()
        entries = sorted(self._slowest, key=lambda entry: entry[:2], reverse=True)
        return tuple(
            SlowItem(
                index=one.index,
                place=one.place,
                duration_s=duration_s,
                attempts=one.attempts,
                worker=numbers.get(one.worker),
                started=datetime.fromtimestamp(since_s + one.started_s)
                .astimezone()
                .isoformat(timespec="milliseconds"),
                size_bytes=one.size_bytes,
                host=one.host,
            )
            for duration_s, _, one in entries
        )

    def in_common(self) -> tuple[str, ...]:
        """Return what most of the slowest items have in common and most others do not, in words."""
        slow = [one for _, _, one in self._slowest]
        if len(slow) < MIN_TOLD or self._items < 2 * len(slow):
            return ()
        found = (
            self._same_worker(slow),
            self._retried_items(slow),
            self._same_host(slow),
            self._large(slow),
            self._same_time(slow),
        )
        return tuple(filter(None, found))

    def _same_worker(self, slow: Sequence[_Slow]) -> str | None:
        worker, number = Counter(one.worker for one in slow).most_common(1)[0]
        ran = self._workers[worker] / self._items
        if not worker or not _is_telling(number / len(slow), ran):
            return None
        which = list(self._workers).index(worker)
        return f"{number} of {len(slow)} ran on worker {which}, which ran {ran:.1%} of all items"

    def _retried_items(self, slow: Sequence[_Slow]) -> str | None:
        number, retried = sum(one.attempts > 1 for one in slow), self._retried / self._items
        if not _is_telling(number / len(slow), retried):
            return None
        return f"{number} of {len(slow)} were tried more than once, of all items {retried:.1%}"

    def _same_host(self, slow: Sequence[_Slow]) -> str | None:
        host, number = Counter(one.host for one in slow).most_common(1)[0]
        if host is None or not self._sampled:
            return None
        usual = sum(one.host == host for one in self._sampled) / len(self._sampled)
        if not _is_telling(number / len(slow), usual):
            return None
        return f"{number} of {len(slow)} are of host {host}, of all items about {usual:.1%}"

    def _large(self, slow: Sequence[_Slow]) -> str | None:
        sizes = [one.size_bytes for one in slow if one.size_bytes is not None]
        others = [one.size_bytes for one in self._sampled if one.size_bytes is not None]
        if len(sizes) < MOST * len(slow) or not others:
            return None
        usual, limit = statistics.median(others), FACTOR * statistics.median(others)
        large = sum(size >= limit for size in sizes)
        if not usual or not _is_telling(
            large / len(slow), sum(size >= limit for size in others) / len(others)
        ):
            return None
        return (
            f"{large} of {len(slow)} are large: half of them have {statistics.median(sizes):,.0f} "
            f"bytes or more, half of all items about {usual:,.0f}"
        )

    def _same_time(self, slow: Sequence[_Slow]) -> str | None:
        run_s = self._ended_s - self._began_s
        starts_s = sorted(one.started_s - self._began_s for one in slow)
        most = -int(-MOST * len(slow) // 1)
        span_s, first_s = min(
            (starts_s[at + most - 1] - starts_s[at], starts_s[at])
            for at in range(len(starts_s) - most + 1)
        )
        if span_s > SHORT_SHARE * run_s:
            return None
        return (
            f"{most} of {len(slow)} began within {span_s:.2f}s, {first_s:.2f}s after the start of "
            f"{run_s:.2f}s in all"
        )


@dataclass(frozen=True, slots=True)
class _Slow:
    index: int
    place: str
    worker: str
    attempts: int
    started_s: float
    size_bytes: int | None
    host: str | None


def _is_telling(share: float, usual: float) -> bool:
    """Tell whether so many of the slowest have something in common that is rarer among all."""
    return share >= MOST and share >= FACTOR * usual
