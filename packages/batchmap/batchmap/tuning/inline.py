"""Runs the first items inline, for as long as nothing else could be faster.

Inline means in place, in the calling thread, in a plain loop and without the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dis import opname
from itertools import islice
from typing import Any

from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.records import ItemRecord
from batchmap.worker.coroutine_results import holds_coroutine, never_returns_coroutines
from batchmap.worker.failures import describe_failure
from batchmap.worker.interruption import SignalHandlers

__all__ = ["MAX_SLICE", "run_inline"]

MEASURE_FROM_S = 10e-6
"""The loop ends at the first item, or run of items, whose mean time is longer than this, in
seconds: the engine then measures whether workers pay."""

NEVER_WORTH_IT_S = 2e-7
"""What pickling the smallest item and its result costs, in seconds. Items that take less stay in
the loop."""

UNDECIDED_S = 0.02
"""How long the loop may take, in seconds, when an item takes between `NEVER_WORTH_IT_S` and
`MEASURE_FROM_S`; after that, the engine takes over."""

ALL_LOOKED_AT = 1024
LOOKED_AT_STEP = 8
"""So many results are looked at whether they are coroutines, and one of so many of those after."""

MAX_SLICE = 256
"""How many items the loop runs at most without reading the clock."""


def run_inline(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    results: list[Any],
    *,
    handlers: SignalHandlers,
    stop_at_failure: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> tuple[Iterator[Any] | None, list[ItemRecord]]:
    """Append to `results` what `function` returns for each of `items`, `None` where it fails.

    Returns the items that are left, `None` when there are none, and the records of the failed
    ones. Stops early when one item, or all together, take so long that workers might pay, and when
    there are coroutines among the last `MAX_SLICE` results. Raises what the items raise, and
    what one of the caller's signal `handlers` raises.
    """
    # These can be sliced, which takes no time an item. A subclass may iterate in its own way.
    whole: Any = items if type(items) in (list, tuple, range) else None
    left = iter(items)
    may_be_coroutines = not never_returns_coroutines(function)
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
            if _is_of_the_items(error) or handlers.is_fatal(error):
                raise
            failed.append(ItemRecord(len(results), None, describe_failure(error), 1, 0.0))
            results.append(None)
            at_end = stop_at_failure
        else:
            at_end = len(results) < goal
        now_s = now()
        item_s = (now_s - then_s) / size
        start = goal - size
        may_pay = item_s > MEASURE_FROM_S or (
            now_s - started_s > UNDECIDED_S and item_s > NEVER_WORTH_IT_S
        )
        some = results[start :: 1 if goal <= ALL_LOOKED_AT else LOOKED_AT_STEP]
        if may_be_coroutines and holds_coroutine(some):
            at_end, may_pay = False, True
        if at_end:
            return None, failed
        if may_pay:
            return left if whole is None else islice(left, len(results), None), failed
        size = min(2 * size, MAX_SLICE)
        then_s = now_s


def _is_of_the_items(error: BaseException) -> bool:
    """Tell whether the loop of `run_inline` got the error from the items, not from the function.

    It is told from the instruction of the loop that raised it, as this costs the loop nothing.
    """
    loop = error.__traceback__
    assert loop is not None
    return opname[loop.tb_frame.f_code.co_code[loop.tb_lasti]] == "FOR_ITER"
