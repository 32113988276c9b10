"""The engine: items to batch records, by a plan that is given or made while the first items run.

    items -> batches -> scheduler -> executor: processor -> batch records, as they finish

What the caller leaves open (backend, workers, batch size) is measured in `tuning`; `plan_runs` does
what is asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from batchmap.concurrency import WorkerBounds
from batchmap.options import EngineOptions
from batchmap.plan_runs import LentWorkers, run_as_asked, run_as_seen, run_coroutines, run_plan
from batchmap.records import BatchRecord, Plan
from batchmap.resources import usable_cores
from batchmap.scheduling.batching import BatchSizing
from batchmap.scheduling.item_lists import ItemLists
from batchmap.scheduling.keyed_starts import KeyedStarts, LimitPer
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.list_sizes import ListSizing
from batchmap.scheduling.rate_limiter import Cost, RateLimiter
from batchmap.scheduling.run_state import RunState
from batchmap.stopping import StopRequest
from batchmap.tuning.engine_request import EngineRequest
from batchmap.worker.back_off import RetryLimits
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker.setup import Setup
from batchmap.worker.worker_scope import held_in_process

if TYPE_CHECKING:
    from batchmap.executors.dask.address import DaskAddress
    from batchmap.tuning.inline import StartedBatch

__all__ = ["LentWorkers", "RunState", "limits_of", "open_plan", "run_plan", "stream_batches"]


def stream_batches(
    processor: BatchProcessor,
    items: Iterable[Any],
    options: EngineOptions | None = None,
    *,
    total: int | None,
    expected: int | None = None,
    first_item: int = 0,
    limits: Limits | None = None,
    stop: StopRequest | None = None,
    state: RunState | None = None,
    cluster: DaskAddress | None = None,
    started: StartedBatch | None = None,
    pool: LentWorkers | None = None,
) -> Iterator[BatchRecord]:
    """Yield the records of `items` in batches as they finish; choose what `options` leave open.

    `total` counts the items, `None` when unknown; `expected` is a guess at it then. `first_item`
    is the index of the first of them in the input. `limits` stand in for those of `options`.
    `state` is kept up to date with the plan and with what is in flight. `cluster` is a Dask cluster
    that is there already, `pool` are workers that are there, with the backend that `options` name.
    `started` is the item before them, which runs already; for the backend `auto` alone. Raises
    `ValueError` for the async backend and a plain function.
    """
    options, stop, state = options or EngineOptions(), stop or StopRequest(), state or RunState()
    limits = limits or limits_of(options, processor.retry_if)
    state.has_key_limits = limits.keyed is not None
    lists = None
    if processor.shape.batched is not None:
        lists = _lists_of(processor, items, options, total, first_item, stop, state)
        items, first_item, limits = lists, 0, lists.limits(limits)
        total, expected = lists.num_lists(), None
    backend = options.backend or "auto"
    is_chosen = backend == "auto" and processor.is_async
    if is_chosen:
        backend = "async"
    if backend == "async" and not processor.is_async:
        if not processor.often_returns_coroutines:
            raise ValueError("the async backend needs an `async def` function")
        processor = processor.as_async()
    run = EngineRequest(
        processor=processor,
        items=items,
        total=total,
        expected=expected,
        first_item=first_item,
        workers=options.workers,
        batch_size=options.batch_size,
        limits=limits,
        stop=stop,
        state=state,
        started=started,
    )
    if backend == "async":
        why = "Backend chosen: async, for an `async def` function" if is_chosen else None
        records = run_coroutines(run, why, pool)
    elif backend == "auto":
        records = run_as_seen(run)
    else:
        records = run_as_asked(run, backend, cluster, pool)
    setup = processor.setup
    if setup is not None and setup.per == "process":
        records = _holding(setup, records)
    return records if lists is None else lists.settled(records)


def _lists_of(
    processor: BatchProcessor,
    items: Iterable[Any],
    options: EngineOptions,
    total: int | None,
    first_item: int,
    stop: StopRequest,
    state: RunState,
) -> ItemLists:
    """Return the items in lists, for a function that takes lists of them."""
    batched = processor.shape.batched
    asked = 1 if options.backend == "sequential" else _number(options)
    sizing = ListSizing(
        None if batched == "auto" else batched,
        workers=lambda: asked if state.plan is None else state.plan.workers,
    )
    return ItemLists(items, sizing, total=total, first_item=first_item, stop=stop)


def _number(options: EngineOptions) -> int:
    """Return how many workers there are as far as is known before anything was measured."""
    asked = options.workers
    return (
        asked.nearest(usable_cores())
        if isinstance(asked, WorkerBounds)
        else asked or usable_cores()
    )


def _holding(setup: Setup, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
    """Yield the records while what `setup` makes once a process is kept in this one."""
    with held_in_process(setup), closing(cast(Generator[BatchRecord], records)):
        yield from records


def limits_of(
    options: EngineOptions,
    retry_if: RetryIf | None = None,
    *,
    cost: Cost | None = None,
    limit_per: LimitPer | None = None,
    takes_pairs: bool = False,
) -> Limits:
    """Return the limits that every call can ask for; they are for one run.

    `cost` says what an item counts towards the rate, and `limit_per` how many of the same key run
    at once. With `takes_pairs`, what is to be run are pairs of an index and the item.
    """
    rated = None
    if options.rate is not None:
        rated = RateLimiter(options.rate, cost=cost, takes_pairs=takes_pairs)
    keyed = None if limit_per is None else KeyedStarts(limit_per, takes_pairs=takes_pairs)
    return Limits(
        retries=RetryLimits.of(
            options.retries,
            options.retry_for,
            attempt_s=options.timeout_s,
            has_retry_if=retry_if is not None,
        ),
        timeout_s=options.timeout_s,
        rate=rated,
        keyed=keyed,
    )


def open_plan(options: EngineOptions, total: int | None) -> tuple[Plan, BatchSizing]:
    """Return the plan before anything was measured, and how batches are cut until then.

    That is the batch size that `options` ask for, else one item a batch.
    """
    sizing = BatchSizing(options.batch_size or 1)
    plan = Plan(
        backend=options.backend or "auto",
        workers=_number(options),
        batch_size=sizing.size,
        num_batches=sizing.num_batches(total),
        why=("Backend, workers and batch size: to be measured",),
        is_open=True,
    )
    return plan, sizing
