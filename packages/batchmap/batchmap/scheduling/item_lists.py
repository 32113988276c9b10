"""Lists of items for a function that takes one: the engine runs each as if it were an item.

    items -> ItemLists -> lists -> engine -> records of lists -> ItemLists -> records of items
                 ^                                                    |
                 +-------- halves of the lists that have failed <-----+

So time limits, retries and what becomes of a worker's death are those of a list. One that fails is
halved, until the bad item is alone: its failure is that of the list of itself.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from batchmap.records import BatchRecord, ItemFailure, ItemList
from batchmap.scheduling.batching import BatchSource
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.list_sizes import ListSizing, is_of_memory
from batchmap.stopping import StopRequest
from batchmap.worker.interruption import SignalHandlers
from batchmap.worker.list_call import FailedResult

__all__ = ["ItemLists"]


@dataclass(slots=True)
class _List:
    """Items in a row that go to the function together."""

    first: int
    """Index of the first of them."""
    items: Sequence[Any]
    attempts: int = 0
    """Calls of lists that these items were in."""
    spent_s: float = 0.0
    """What these took, in seconds an item."""

    def halves(self, attempts: int, spent_s: float) -> tuple[_List, _List]:
        middle = (len(self.items) + 1) // 2
        return (
            _List(self.first, self.items[:middle], attempts, spent_s),
            _List(self.first + middle, self.items[middle:], attempts, spent_s),
        )


class ItemLists(BatchSource):
    """The lists of `items`, of the sizes that `sizing` gives, and the halves of those that fail.

    `total` counts the items, `None` when unknown; `first_item` is the index of the first of them.
    After a request to `stop`, failed lists are not halved: their items were not begun.
    """

    def __init__(
        self,
        items: Iterable[Any],
        sizing: ListSizing,
        *,
        total: int | None,
        first_item: int = 0,
        stop: StopRequest,
    ) -> None:
        self._take = items.take if isinstance(items, BatchSource) else None
        self._left = iter(()) if self._take is not None else iter(items)
        self._sizing = sizing
        self._total = total
        self._next_item = self._first_item = first_item
        self._stop = stop
        self._halves: deque[_List] = deque()
        self._out: dict[int, _List] = {}
        """Lists that have no record yet, by their number."""
        self._number = 0
        self._is_at_end = False
        self._error: BaseException | None = None

    def num_lists(self) -> int | None:
        """Return how many lists there will be if none fails; `None` when that is unknown."""
        if self._total is None or not self._sizing.is_given:
            return None
        return math.ceil(self._total / self._sizing.size)

    def limits(self, limits: Limits) -> Limits:
        """Return the limits of lists where those of items are these."""
        most_items, sizing = limits.max_batch_size, self._sizing
        if most_items is None:
            return limits
        return replace(limits, max_batch_size=lambda: max(1, most_items() // sizing.size))

    def take(self, number: int) -> Sequence[Any] | None:
        taken: list[ItemList] = []
        if not self._sizing.is_found:  # what is taken ahead has a size that may be outdated
            number = 1
        while len(taken) < number and (one := self._next()) is not None:
            self._out[self._number] = one
            self._number += 1
            taken.append(ItemList(one.items))
        if taken:
            return taken
        if not self._is_at_end or self._out:
            return None
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return ()

    def _next(self) -> _List | None:
        """Return the next list, halves first; `None` where there is none now."""
        if self._halves:
            return self._halves.popleft()
        if self._is_at_end:
            return None
        done = self._next_item - self._first_item
        left = None if self._total is None else max(1, self._total - done)
        items = self._next_items(self._sizing.next_size(left))
        if items is None:
            return None
        self._is_at_end = not items or self._error is not None
        if not items:
            return None
        self._next_item += len(items)
        return _List(self._next_item - len(items), items)

    def _next_items(self, size: int) -> Sequence[Any] | None:
        items: list[Any] = []
        try:
            if self._take is None:
                items.extend(islice(self._left, size))
                return items
            while len(items) < size:
                some = self._take(size - len(items))
                if not some:
                    return items or some
                items += some
        except BaseException as error:  # what came before it has been taken
            if SignalHandlers().raised(error):
                raise
            self._error = error
        return items

    def settled(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Yield the records of items that those of lists tell of; the rest is taken again."""
        with closing(records):  # type: ignore[type-var]
            for record in records:
                for offset in range(len(record.results)):
                    found = self._settle(record, offset)
                    if found is not None:
                        yield found

    def _settle(self, record: BatchRecord, offset: int) -> BatchRecord | None:
        """Return the record of the items of a list, `None` where it has failed and is halved."""
        one = self._out.pop(record.first_item + offset)
        number, failure = len(one.items), record.failures.get(offset)
        took_s = record.durations_s[offset]
        attempts = one.attempts + record.attempts.get(offset, 1)
        item_s = one.spent_s + took_s / number
        if failure is None:
            if record.worker:
                self._sizing.learn(number, took_s)
        else:
            if is_of_memory(failure.error_type) and number > 1:
                self._sizing.too_large(number)
            if number > 1:
                if not self._stop.requested:
                    self._halves.extend(one.halves(attempts, item_s))
                return None
        failures: dict[int, ItemFailure] = {}
        results: list[Any] = [None]
        if failure is not None:
            failures[0] = failure
        else:
            results = list(record.results[offset])
            for at, result in enumerate(results):
                if type(result) is FailedResult:
                    failures[at], results[at] = result.failure, None
        return BatchRecord(
            batch_index=record.batch_index,
            first_item=one.first,
            results=results,
            durations_s=array("d", [item_s]) * number,
            failures=failures,
            attempts=dict.fromkeys(range(number), attempts) if attempts > 1 else {},
            worker=record.worker,
            started_s=record.started_s,
            ended_s=record.ended_s,
            cpu_s=record.cpu_s / len(record.results),
        )
