"""Runs the first items inline, for as long as nothing else could be faster.

Inline means in place, in the calling thread, in a plain loop and without the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import ItemRecord
from batchmap.worker.failures import describe_failure, is_fatal
from batchmap.worker.forked_child import end_forked_child, forks

__all__ = ["run_inline"]

MEASURE_FROM_S = 10e-6
"""The loop ends at the first item, or run of items, whose mean time is longer than this, in
seconds: the engine then measures whether workers pay."""

NEVER_WORTH_IT_S = 2e-7
"""What pickling the smallest item and its result costs, in seconds. Items that take less stay in
the loop."""

UNDECIDED_S = 0.02
"""How long the loop may take, in seconds, when an item takes between `NEVER_WORTH_IT_S` and
`MEASURE_FROM_S`; after that, the engine takes over."""

MAX_SLICE = 256
"""How many items the loop runs at most without reading the clock."""


def run_inline(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    results: list[Any],
    *,
    clock: Clock = SYSTEM_CLOCK,
) -> tuple[Iterator[Any] | None, list[ItemRecord]]:
    """Append to `results` what `function` returns for each of `items`, `None` where it fails.

    Returns the items that are left, `None` when there are none, and the records of the failed
    ones. Stops early when one item, or all together, take so long that workers might pay.
    """
    # These can be sliced, which takes no time an item.
    whole = items if isinstance(items, list | tuple | range) else None
    left = iter(items)
    failed: list[ItemRecord] = []
    now = clock.now
    size = 1
    num_forks = forks.count
    started_s = then_s = now()
    while True:
        goal = len(results) + size
        try:
            for item in whole[goal - size : goal] if whole is not None else islice(left, size):
                results.append(function(item))
        except BaseException as error:
            if forks.count != num_forks:
                end_forked_child(error)
            if is_fatal(error):
                raise
            failed.append(ItemRecord(len(results), None, describe_failure(error), 1, 0.0))
            results.append(None)
        else:
            if forks.count != num_forks:
                end_forked_child()
            if len(results) < goal:
                return None, failed
        now_s = now()
        item_s = (now_s - then_s) / size
        too_long = now_s - started_s > UNDECIDED_S and item_s > NEVER_WORTH_IT_S
        if item_s > MEASURE_FROM_S or too_long:
            return left if whole is None else islice(left, len(results), None), failed
        size = min(2 * size, MAX_SLICE)
        then_s = now_s
