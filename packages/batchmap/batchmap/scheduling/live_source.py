"""Iterates a source in a thread of its own, so that nobody has to wait for its next item.

A generator may wait for a message, for the time to come, or for results that it has seen to bring
new items. Results are handed out meanwhile, and what has come is processed without delay.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import GeneratorType
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.scheduling.batching import BatchSource
from batchmap.threads import started_if_possible
from batchmap.worker.call_context import copied_context

__all__ = ["LiveSource"]

GATHER_S = 0.002
"""How long to wait for more items, in seconds, when fewer have come than were asked for."""

QUICK_S = 0.001
"""While so many items come within this time, in seconds, twice as many are taken at once."""


class LiveSource(BatchSource):
    """The items of an iterator, taken in a thread that never runs further ahead than asked.

    Context variables are those of the code that made it. An iterator that belongs to the thread
    that made it, as a cursor of `sqlite3` does, is iterated by whoever calls `take`.
    """

    def __init__(self, items: Iterator[Any]) -> None:
        self.on_items: Callable[[], None] = _nothing
        """Called, in the source's thread, when items have come after `take` had none."""
        self._items = items
        self._needs_caller = _belongs_to_a_thread(items)
        self._context = copied_context()
        self._changed = threading.Condition()
        self._got: deque[Any] = deque()
        self._taken = 0
        self._fetched = 0
        """How many items the source was asked for."""
        self._target = 0
        """How many items have been asked for, from the first one on."""
        self._is_started = self._is_closed = self._ended = False
        self._error: BaseException | None = None
        self._is_awaited = False
        """Whether `take` had nothing and nothing has come since."""

    def take(self, number: int) -> tuple[Any, ...] | None:
        """Return up to `number` items that have come: none at the end, `None` when none has come.

        Raises what the source raised, once all items before that were taken.
        """
        if self._needs_caller or not self._start():
            return tuple(islice(self._items, number))
        with self._changed:
            self._target = self._taken + number
            self._changed.notify_all()
            if not self._is_awaited:
                until_s = SYSTEM_CLOCK.now() + GATHER_S
                while len(self._got) < number and not self._ended:
                    if not self._changed.wait(max(0.0, until_s - SYSTEM_CLOCK.now())):
                        break
            some = tuple(self._got.popleft() for _ in range(min(number, len(self._got))))
            self._taken += len(some)
            if not some and not self._ended:
                self._is_awaited = True
                return None
            if not some and self._error is not None:
                raise self._error
            return some

    def close(self) -> None:
        """Take no more items, and forget the iterator, once it has given up its next one.

        What nobody else refers to then ends, as a stream does that another one was made of.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            if not self._is_started:
                self._items = iter(())
        self.on_items = _nothing

    def _start(self) -> bool:
        """Start the thread, if it has not started; where none can be had, the caller iterates."""
        if not self._is_started:
            act = self._context.run
            thread = threading.Thread(
                target=act, args=(self._fetch_all,), name="source", daemon=True
            )
            self._is_started = started_if_possible(thread)
            self._needs_caller = not self._is_started
        return self._is_started

    # In the thread --------------------------------------------------------------------------

    def _fetch_all(self) -> None:
        size = 1
        while (number := self._wait_for_demand(size)) > 0:
            began_s = SYSTEM_CLOCK.now()
            try:
                self._got.extend(islice(self._items, number))
            except BaseException as error:
                self._error = error
            size = 2 * number if SYSTEM_CLOCK.now() - began_s < QUICK_S else 1
            with self._changed:
                self._fetched += number
                self._ended = self._error is not None or self._num_got() < self._fetched
                self._changed.notify_all()
                awaited, self._is_awaited = self._is_awaited, False
            if awaited:
                self.on_items()
            if self._ended:
                break
        self._items = iter(())

    def _wait_for_demand(self, most: int) -> int:
        """Wait until items are asked for; return how many, up to `most`, and 0 for no more."""
        with self._changed:
            while not self._is_closed and self._num_got() >= self._target:
                self._changed.wait()
            return 0 if self._is_closed else min(most, self._target - self._num_got())

    def _num_got(self) -> int:
        return self._taken + len(self._got)


def _nothing() -> None:
    pass


def _belongs_to_a_thread(items: Iterable[Any], depth: int = 0) -> bool:
    """Tell whether items come from an object of `sqlite3`, which works in one thread only."""
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None or depth > 2:
        return False
    if isinstance(items, sqlite3.Cursor | sqlite3.Connection):
        return True
    if not isinstance(items, GeneratorType) or items.gi_frame is None:
        return False
    frame = items.gi_frame
    named = [frame.f_globals.get(name) for name in items.gi_code.co_names]
    return any(
        _belongs_to_a_thread(value, depth + 1) for value in [*frame.f_locals.values(), *named]
    )
