"""Holds items back while as many of the same key run as may run at once.

    next batch -> admits? --yes--> the scheduler starts it -> end: its keys have room again
                     |                                                     |
                     +--no--> waits here, for a key that is full <--freed--+

How much waits is bounded: beyond that, nothing is taken from the input.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

from batchmap.records import Batch, BatchRecord
from batchmap.worker.failures import refused_record
from batchmap.worker.interruption import SignalHandlers

__all__ = ["MAX_AHEAD_BYTES", "MAX_AHEAD_ITEMS", "KeyedStarts", "LimitPer"]

LimitPer = Mapping[Callable[[Any], Hashable], int]
"""How many items run at once for which a function says the same, such as their host."""

MAX_AHEAD_ITEMS = 10_000
MAX_AHEAD_BYTES = 32 * 2**20
"""How many items, and about how many bytes of them, may wait while others are taken from behind
them."""

LOOKED_INTO = 3
LOOKED_AT = 64
"""For its size, an item is looked into to so many levels of lists and mappings, and at so many
values of each."""


@dataclass(slots=True, eq=False)
class _Key:
    """What some items have in common that run or wait."""

    name: tuple[int, Hashable]
    """The number of the limit, and what its function returned."""
    limit: int
    running: int = 0
    users: int = 0
    """How many items that run or wait have it."""
    waiting: list[_Waiting] = field(default_factory=list)
    """A heap of those that wait for it, the first one in the input first."""

    @property
    def is_full(self) -> bool:
        """Whether no more of its items may start."""
        return self.running >= self.limit


class _Waiting(NamedTuple):
    """A batch that waits."""

    first_item: int
    """No other one that waits has the same."""
    batch: Batch
    keys: tuple[_Key, ...]
    size_bytes: int


class KeyedStarts:
    """Says which items may start where `limits` maps functions to how many of a key run at once.

    A function is called with the item before each attempt. An item whose key is full waits here,
    and holds up no item of other keys; it is there to be taken once its key has room. One that
    waits for its next attempt does not count. Each batch has one item. With `takes_pairs`, that is
    a pair of an index and the item.
    """

    def __init__(self, limits: LimitPer, *, takes_pairs: bool = False) -> None:
        self._limits = tuple(limits.items())
        self._takes_pairs = takes_pairs
        self.refused: list[BatchRecord] = []
        """The records of items that have no key; whoever hands them on empties it."""
        self._keys: dict[tuple[int, Hashable], _Key] = {}
        """Those of items that run or wait."""
        self._asked: tuple[Batch | None, tuple[_Key, ...]] = (None, ())
        """The batch that was asked about, or had waited and was taken, last; and its keys."""
        self._running: dict[int, tuple[_Key, ...]] = {}
        """The keys of what runs, by the index of its item."""
        self._ended: dict[_Key, None] = {}
        """Keys of which an item has ended since one had to wait for them, the first one first."""
        self._waiting_items = self._waiting_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether so many items wait that no further ones may be taken from the input."""
        return self._waiting_items >= MAX_AHEAD_ITEMS or self._waiting_bytes >= MAX_AHEAD_BYTES

    @property
    def has_freed(self) -> bool:
        """Whether there is an item that had to wait and whose key has room now."""
        return self._first_with_room() is not None

    def admits(self, batch: Batch) -> bool:
        """Tell whether a batch may start; if not, it waits here from now on, or is refused."""
        if not self._limits:
            return True
        if self._asked[0] is not batch:
            try:
                self._asked = batch, self._keys_of(batch)
            except BaseException as error:
                if SignalHandlers().raised(error):
                    raise
                self.refused.append(refused_record(batch, error, "limit_per failed: "))
                return False
        keys = self._asked[1]
        if not any(key.is_full for key in keys):
            return True
        self._wait(batch, keys)
        return False

    def freed(self) -> Batch | None:
        """Return a batch that had to wait and whose key has room now, `None` when there is none.

        It is to be asked about again, as another key of it may have become full.
        """
        key = self._first_with_room()
        if key is None:
            return None
        found = heapq.heappop(key.waiting)
        self._count_users(found.keys, -1)
        self._waiting_items -= 1
        self._waiting_bytes -= found.size_bytes
        self._asked = found.batch, found.keys
        return found.batch

    def begin(self, batch: Batch) -> None:
        """Take note that a batch runs now; one that was not asked about last runs alone."""
        if self._asked[0] is not batch:
            return
        _, keys = self._asked
        self._asked = None, ()
        self._running[batch.first_item] = keys
        self._count_users(keys, 1)
        for key in keys:
            key.running += 1

    def end(self, batch: Batch) -> None:
        """Take note that a batch runs no more."""
        keys = self._running.pop(batch.first_item, ())
        self._count_users(keys, -1)
        for key in keys:
            key.running -= 1
            if key.waiting:
                self._ended[key] = None

    def _keys_of(self, batch: Batch) -> tuple[_Key, ...]:
        item = batch.items[0][1] if self._takes_pairs else batch.items[0]
        found = []
        for number, (key_of, limit) in enumerate(self._limits):
            says = key_of(item)
            name = number, says
            try:
                found.append(self._keys.get(name) or _Key(name, limit))
            except TypeError:
                raise TypeError(f"a key must be hashable, and it returned {says!r:.60}") from None
        return tuple(found)

    def _first_with_room(self) -> _Key | None:
        """Return the first key that has room again, and for which a batch waits."""
        while self._ended:
            key = next(iter(self._ended))
            if key.waiting and not key.is_full:
                return key
            del self._ended[key]
        return None

    def _wait(self, batch: Batch, keys: tuple[_Key, ...]) -> None:
        """Have a batch wait for the first of its keys that is full."""
        size_bytes = _size_bytes(batch.items[0])
        full = next(key for key in keys if key.is_full)
        heapq.heappush(full.waiting, _Waiting(batch.first_item, batch, keys, size_bytes))
        self._count_users(keys, 1)
        self._waiting_items += 1
        self._waiting_bytes += size_bytes

    def _count_users(self, keys: tuple[_Key, ...], more: int) -> None:
        for key in keys:
            key.users += more
            if key.users:
                self._keys[key.name] = key
            else:
                del self._keys[key.name]


def _size_bytes(item: Any, levels: int = LOOKED_INTO) -> int:
    """Estimate the memory that an item takes, in bytes."""
    size = sys.getsizeof(item, 0)
    kind = type(item)
    if not levels or kind not in (dict, list, tuple) or not item:
        return size
    values = chain(item.keys(), item.values()) if kind is dict else item
    looked_at = [_size_bytes(one, levels - 1) for one in islice(values, LOOKED_AT)]
    number = 2 * len(item) if kind is dict else len(item)
    return size + sum(looked_at) * number // len(looked_at)
