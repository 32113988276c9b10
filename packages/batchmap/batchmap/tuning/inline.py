"""Takes first items in a plain loop, for as long as nothing else could be faster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import ItemRecord
from batchmap.worker.failures import describe_failure, is_fatal

__all__ = ["run_inline"]

CHEAP_S = 10e-6
"""Dearer items are soon worth measuring."""

NEVER_WORTH_IT_S = 2e-7
"""What pickling the smallest item and its result costs; cheaper ones stay, however many."""

UNDECIDED_S = 0.02
"""How long the loop goes on with items between the two."""

MOST_TOGETHER = 256
"""How many items the loop takes without a look at the clock."""


def run_inline(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    results: list[Any],
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> tuple[Iterator[Any] | None, list[ItemRecord]]:
    """Append to `results` what `function` gives for `items`, `None` for those that fail.

    Returns the items that are left, `None` when there are none, and the records of the failed
    ones. Stops early when items cost so much, or take so long together, that a pool might pay.
    """
    # Slices of these cost nothing an item.
    whole = items if isinstance(items, list | tuple | range) else None
    left = iter(items)
    failed: list[ItemRecord] = []
    now = clock.now
    size = 1
    started_s = then_s = now()
    while True:
        goal = len(results) + size
        try:
            for item in whole[goal - size : goal] if whole is not None else islice(left, size):
                results.append(function(item))
        except BaseException as error:
            if is_fatal(error):
                raise
            failed.append(ItemRecord(len(results), None, describe_failure(error), 1, 0.0))
            results.append(None)
        else:
            if len(results) < goal:
                return None, failed
        now_s = now()
        item_s = (now_s - then_s) / size
        too_long = now_s - started_s > UNDECIDED_S and item_s > NEVER_WORTH_IT_S
        if item_s > CHEAP_S or too_long:
            return left if whole is None else islice(left, len(results), None), failed
        size = min(2 * size, MOST_TOGETHER)
        then_s = now_s
