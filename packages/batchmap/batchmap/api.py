"""The library in a program of one's own: a function over items, to results or to records."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import chain, islice
from typing import Any, Literal

import batchmap.executors.process.pool  # noqa: F401  # here, so that the first call does not wait for it
from batchmap.calls.call import checked_call
from batchmap.calls.failed_items import NOT_BEGUN, add_failures, put_in_place
from batchmap.calls.options import Auto, length
from batchmap.calls.progress import ShowsProgress, shown
from batchmap.calls.stream import StreamCall, source_of
from batchmap.engine import RunState, stream_batches
from batchmap.records import ItemRecord, Plan
from batchmap.scheduling.keyed_starts import LimitPer
from batchmap.stopping import Urgency
from batchmap.tuning.inline import run_inline
from batchmap.worker.coroutine_results import Begun
from batchmap.worker.failures import ItemsFailedError, RunStoppedError
from batchmap.worker.retry_decision import RetryIf
from batchmap.worker.setup import SetupFunction, SetupPer
from batchmap.worker_pool import WorkerPool

__all__ = ["astream_map", "parallel_map", "stream_map"]


def parallel_map(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    backend: str = "auto",
    workers: int | str = "auto",
    batch_size: int | Auto = "auto",
    retries: int | None = None,
    retry_if: RetryIf | None = None,
    retry_for: float | str | timedelta | None = None,
    timeout_s: float | None = None,
    rate: float | str | Sequence[float | str] | None = None,
    cost: Callable[[Any], float] | None = None,
    limit_per: LimitPer | None = None,
    setup: SetupFunction | None = None,
    setup_per: SetupPer = "worker",
    star: bool = False,
    index: bool = False,
    expand: bool = False,
    skip_none: bool = False,
    batched: int | Auto | None = None,
    progress: ShowsProgress = False,
    on_plan: Callable[[Plan], object] | None = None,
    seed: int | None = None,
    pool: WorkerPool | None = None,
    on_error: Literal["raise", "stop", "record"] = "raise",
) -> list[Any]:
    """Return `function(item)` for each item, in input order, computed in parallel where it pays.

    What is left at `"auto"` is measured while the first items run: `backend` (in place, threads or
    processes; coroutines for an `async def` function), `workers` (a number, `"50%"` of the usable
    cores, or bounds, `"4..200"`, within which what the other side bears is found) and `batch_size`
    (items handed to a worker together). Functions that wait, or release the GIL, run in threads of
    this process, several calls at once: such a function must be thread-safe; `backend="process"`
    runs one call at a time in each worker.

    `function` gets the item alone. With `star`, an item that is a tuple or a list is spread over
    the positional arguments, and a dict over the keywords; any other fails. With `index`, the
    keyword `index` is the item's index in `items`, from 0. It returns the item's result. With
    `expand`, it gives any number of them, as a list, a tuple or a generator, and those of all items
    are returned in one list; an item whose generator raises has failed. With `skip_none`, results
    of `None` are left out. With `batched`, a number or `"auto"`, it gets a list of so many items
    and returns a list with the result of each; a list that fails, or comes back with another
    length, is halved until the bad item is alone. Retries and time limits are those of a list.

    A failed item is tried again up to `retries` times after growing waits; without that, up to 10
    times where it raised `RetryAfter`, or where `retry_if` is given. `retry_if(error)` says whether
    an error is tried again, or after how many seconds (a number, or a `timedelta`); where it is not
    given, those are not that raised `Permanent`, or an HTTP error of the client's (4xx, but for
    408, 425 and 429). The wait is that of `RetryAfter`, or of the server's `Retry-After`, where
    there is one. `retry_for` (seconds, `"10m"`) bounds all attempts and waits of an item together.
    An attempt fails when it takes longer than `timeout_s` seconds.

    `on_error="raise"`: after all else is done, one
    `ItemsFailedError` has all results, the failures, and the first exception as its `__cause__`.
    `"stop"`: it is raised as soon as one item has failed and the batches that run have ended, and
    has the results until then. `"record"`: the failed item's `ItemRecord` stands in its place.

    At most `rate` items are started a second, or by `"100/m"` a minute, in every window of that
    length, retries included; of several rates in a list, all hold. With `cost`, a rate is of what
    `cost(item)` says, a number from 0 such as tokens or bytes: `rate="250k/m", cost=tokens_of`. The
    function may tell the truth with `spent(amount)`. An item whose cost is more than a window ever
    holds, or cannot be told, fails. `"10 items/s"` counts items beside a cost.

    With `limit_per={host_of: 2}`, at most two items run at once for which `host_of(item)` is the
    same, and items of other keys do not wait for them. A key is anything hashable; an item for
    which the function raises fails. All limits of several functions hold.

    `progress=True` shows a bar in a terminal or a notebook; a function is called with a `Progress`
    now and then, and at the end. `on_plan` is called with the `Plan` once it is made, and whenever
    it changes. With `seed`, an item's streams of `random` and of NumPy's global generator follow
    from it and from the item's index; items then run in processes, unless `backend="sequential"`. A
    `WorkerPool` as `pool` has workers that are kept from one call to the next, in place of
    `backend` and `workers`.

    `setup` is called once in each worker (or once in each process, by `setup_per`) before its first
    item, and what it gives, unless `None`, is the function's second argument. Where it is a
    generator or a context manager, its second half runs when the worker leaves. It may be async.

    What `items` raise is raised once the items before are done. Raises `RunStoppedError`, which has
    the results so far, when the function raised `Stop`; `ValueError` for options out of range, and
    `WorkersLostError` when workers cannot be had or be set up.
    """
    if on_error not in ("raise", "stop", "record"):
        raise ValueError(f"on_error must be 'raise', 'stop' or 'record', got {on_error!r}")
    stops = on_error == "stop"
    halves = batched is not None  # a list that fails, which then does not end the call yet
    call = checked_call(
        function, backend=backend, workers=workers, batch_size=batch_size, retries=retries,
        retry_if=retry_if, retry_for=retry_for, timeout_s=timeout_s, rate=rate, cost=cost,
        limit_per=limit_per, setup=setup, setup_per=setup_per, star=star, index=index,
        expand=expand, skip_none=skip_none, batched=batched, progress=progress, on_plan=on_plan,
        seed=seed, pool=pool, stops_at_failure=stops and not halves,
    )  # fmt: skip
    processor, options, stop = call.processor, call.options, call.stop
    if stops and halves:
        options = replace(options, batch_size=1)
    total = length(items)
    items = enumerate(items) if call.shape.takes_pairs else items
    results: list[Any] = []
    failed: list[ItemRecord] = []
    rest: Iterable[Any] | None = None
    started = None
    if call.may_begin_in_place:
        inline = run_inline(
            processor.function, items, results, handlers=processor.handlers, stop_at_failure=stops
        )
        rest, failed, started = inline.rest, inline.failed, inline.started
        if rest is not None and inline.has_coroutines:
            processor = processor.as_async()
            old = len(results) - len(inline.last_items)
            begun = map(Begun, islice(results, old, None), inline.last_items)
            rest = chain(map(Begun, islice(results, old)), begun, rest)
            results = []
    else:
        rest = iter(items)
    if rest is not None:
        first = len(results) + (started is not None)
        left = None if total is None else max(0, total - first)
        records = stream_batches(
            processor,
            rest,
            options,
            limits=call.limits(),
            total=left,
            first_item=first,
            stop=stop,
            state=RunState(on_plan=call.on_plan),
            started=started,
            pool=call.pool,
        )
        for record in shown(records, call.progress, total=total):
            if record.first_item > len(results):
                results.extend([NOT_BEGUN] * (record.first_item - len(results)))
            results[record.first_item : record.first_item + len(record.results)] = record.results
            if record.failures:
                add_failures(failed, record)
                if stops:
                    stop.request(Urgency.DRAIN)
    number = len(results)
    if stop.reason:
        put_in_place(failed, results, f"not done, as the function stopped the run: {stop.reason}")
    elif failed:
        first_index = min(item.index for item in failed)
        put_in_place(failed, results, f"not begun, as item {first_index} had failed")
    if call.shape.gives_many:  # a failed item has its record
        results = list(chain.from_iterable([one] if _failed(one) else one for one in results))
    if stop.reason:
        raise RunStoppedError(stop.reason, results=results, failures=failed)
    if failed and on_error != "record":
        raise ItemsFailedError.of(results, failed, number=number, stopped=stops)
    return results


def _failed(one: Any) -> bool:
    return isinstance(one, ItemRecord)


def stream_map(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    backend: str = "auto",
    workers: int | str = "auto",
    batch_size: int | Auto = "auto",
    retries: int | None = None,
    retry_if: RetryIf | None = None,
    retry_for: float | str | timedelta | None = None,
    timeout_s: float | None = None,
    rate: float | str | Sequence[float | str] | None = None,
    cost: Callable[[Any], float] | None = None,
    limit_per: LimitPer | None = None,
    setup: SetupFunction | None = None,
    setup_per: SetupPer = "worker",
    star: bool = False,
    index: bool = False,
    expand: bool = False,
    skip_none: bool = False,
    batched: int | Auto | None = None,
    progress: ShowsProgress = False,
    on_plan: Callable[[Plan], object] | None = None,
    seed: int | None = None,
    pool: WorkerPool | None = None,
    keep_order: bool = False,
) -> Iterator[ItemRecord]:
    """Yield the `ItemRecord` of each item as it finishes, or with `keep_order` in input order.

    Items are taken lazily, and a bounded number of them is in flight. In input order, records wait
    for those before them. It takes the options of `parallel_map`, `on_error` apart, and raises the
    same errors; a failed item is yielded as a record and never raised. What `items` raise is raised
    once the records of all items before have been yielded.
    """
    call = checked_call(
        function, backend=backend, workers=workers, batch_size=batch_size, retries=retries,
        retry_if=retry_if, retry_for=retry_for, timeout_s=timeout_s, rate=rate, cost=cost,
        limit_per=limit_per, setup=setup, setup_per=setup_per, star=star, index=index,
        expand=expand, skip_none=skip_none, batched=batched, progress=progress, on_plan=on_plan,
        seed=seed, pool=pool,
    )  # fmt: skip
    source = source_of(items, numbered=call.shape.takes_pairs)
    stream = StreamCall(call=call, source=source, total=length(items), keep_order=keep_order)
    return stream.records()


def astream_map(
    function: Callable[..., Any],
    items: Iterable[Any] | AsyncIterable[Any],
    *,
    backend: str = "auto",
    workers: int | str = "auto",
    batch_size: int | Auto = "auto",
    retries: int | None = None,
    retry_if: RetryIf | None = None,
    retry_for: float | str | timedelta | None = None,
    timeout_s: float | None = None,
    rate: float | str | Sequence[float | str] | None = None,
    cost: Callable[[Any], float] | None = None,
    limit_per: LimitPer | None = None,
    setup: SetupFunction | None = None,
    setup_per: SetupPer = "worker",
    star: bool = False,
    index: bool = False,
    expand: bool = False,
    skip_none: bool = False,
    batched: int | Auto | None = None,
    progress: ShowsProgress = False,
    on_plan: Callable[[Plan], object] | None = None,
    seed: int | None = None,
    pool: WorkerPool | None = None,
    keep_order: bool = False,
) -> AsyncGenerator[ItemRecord]:
    """Return an async iterator of the `ItemRecord` of each item, for use in a running event loop.

    It takes what `stream_map` takes, and async iterables as `items`, and never blocks the loop:
    plain functions run in threads or processes, plain iterators in a thread. Coroutine functions
    run as tasks of the loop, so that what belongs to it can be used; with a `pool` they run in the
    pool's workers. The loop must be running when this is called. Items are taken as records are
    asked for. Where it is left early, by `aclose` or when its task is cancelled, what runs is
    cancelled, killed or abandoned.

    Raises `RuntimeError` where no loop runs, and what `stream_map` raises.
    """
    from batchmap.calls.async_stream import open_async_stream  # which loads asyncio

    call = checked_call(
        function, backend=backend, workers=workers, batch_size=batch_size, retries=retries,
        retry_if=retry_if, retry_for=retry_for, timeout_s=timeout_s, rate=rate, cost=cost,
        limit_per=limit_per, setup=setup, setup_per=setup_per, star=star, index=index,
        expand=expand, skip_none=skip_none, batched=batched, progress=progress, on_plan=on_plan,
        seed=seed, pool=pool,
    )  # fmt: skip
    return open_async_stream(call, items, keep_order=keep_order)
