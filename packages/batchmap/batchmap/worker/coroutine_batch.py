"""Runs the items of a batch side by side, each in a coroutine of its own."""

from __future__ import annotations

from array import array
from asyncio import CancelledError, current_task, gather
from collections.abc import Callable, Sequence
from typing import Any

from batchmap.clock import Clock
from batchmap.records import Batch, BatchRecord, ItemFailure
from batchmap.row_blocks import RowBlock
from batchmap.stopping import StopRequest
from batchmap.worker.back_off import current_attempt
from batchmap.worker.failures import describe_failure
from batchmap.worker.forked_child import end_forked_child, forks
from batchmap.worker.interruption import SignalHandlers
from batchmap.worker.item_call import refusing_unreadable
from batchmap.worker.monitor import current_coroutine_monitor
from batchmap.worker.record_builder import worker_name
from batchmap.worker.spending import Spending, current_spending

__all__ = ["process_coroutines"]


class _NotBegunError(Exception):
    """Raised in place of a coroutine that must not begin any more."""


async def process_coroutines(
    function: Callable[[Any], Any],
    batch: Batch,
    clock: Clock,
    stop: StopRequest,
    handlers: SignalHandlers,
    encode: Callable[[Any], Any] | None = None,
    describe: Callable[[BaseException], ItemFailure] = describe_failure,
    *,
    stops_at_failure: bool = False,
    with_index: bool = False,
) -> BatchRecord:
    """Return the record of `batch`; failed items are not tried again here.

    The monitor of the loop decides when each item begins and how long it may take. While `stop` is
    on hold, or after a failure that is about all items, none begins; with `stops_at_failure`, nor
    after any failure, or the request to stop. The record lacks those. With `with_index`, rows of a
    block become pairs of their index in the input and the item.
    """
    monitor = current_coroutine_monitor.get()
    now = clock.now
    number = len(batch.items)
    started_s = now()
    block = batch.items.opened() if isinstance(batch.items, RowBlock) else None
    items = batch.items
    if block is not None:
        items = block.numbered() if with_index else block.items
    if block is not None and block.has_unreadable:
        function = refusing_unreadable(function)
    num_forks = forks.count
    results: list[Any] = [None] * number
    durations = array("d", bytes(8 * number))
    failures: dict[int, ItemFailure] = {}
    not_begun: list[int] = []
    current_attempt.set(batch.attempt)
    spending = Spending()
    current_spending.set(spending)

    async def run(offset: int, item: Any) -> None:
        nonlocal stops_at_failure
        begun_s = now()

        async def start() -> Any:
            nonlocal begun_s
            begun_s = now()
            if not_begun or stop.on_hold or (stops_at_failure and (failures or stop.requested)):
                raise _NotBegunError
            if begun_s > batch.begin_by_s:
                raise _NotBegunError
            try:
                result = await function(item)
                if encode is not None:
                    result = encode(result)
            except BaseException as error:
                if forks.count != num_forks:
                    end_forked_child(error)
                raise
            if forks.count != num_forks:
                end_forked_child()
            return result

        try:
            results[offset] = await (start() if monitor is None else monitor.guard(start))
        except BaseException as error:
            task = current_task()
            if type(error) is _NotBegunError:
                not_begun.append(offset)
                return
            # `asyncio.TaskGroup` leaves its task as one that is being cancelled, up to Python 3.12.
            is_cancelled = isinstance(error, CancelledError) and task and task.cancelling()
            if is_cancelled or handlers.raised(error):
                raise
            failure = failures[offset] = describe(error)
            stops_at_failure = stops_at_failure or failure.is_for_all
        durations[offset] = now() - begun_s

    if number == 1:
        await run(0, items[0])
    else:
        await gather(*(run(offset, item) for offset, item in enumerate(items)))
    if not_begun:  # they begin in their order, so none after these has
        number = min(not_begun)
    if number:
        durations[0] += batch.spent_s
    given: Sequence[Any] = results[:number]
    if block is not None:
        given = block.results(0, given, failures)
    return BatchRecord(
        batch_index=batch.index,
        first_item=batch.first_item,
        results=given,
        durations_s=durations[:number],
        failures=failures,
        attempts=dict.fromkeys(range(number), batch.attempt) if batch.attempt > 1 else {},
        worker=worker_name(),
        started_s=started_s,
        ended_s=now(),
        cpu_s=0.0,
        spent=spending.amount,
    )
