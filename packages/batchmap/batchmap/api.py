"""The library in a program of one's own: a function over items, to results or to records."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

import batchmap.executors.process.pool  # noqa: F401  # here, so that the first call does not wait for it
from batchmap.engine import RunState, limits_of, stream_batches
from batchmap.errors import UsageError
from batchmap.executors.process.spawn import processes_unavailable
from batchmap.options import EngineOptions, OptionReader
from batchmap.options.values import whole
from batchmap.ordering import ReorderBuffer, in_order, results_bytes
from batchmap.progress_display import ShowsProgress, checked_progress, shown
from batchmap.records import BatchRecord, ItemFailure, ItemRecord, Plan
from batchmap.scheduling.live_source import LiveSource
from batchmap.stopping import StopRequest, Urgency
from batchmap.tuning.inline import run_inline
from batchmap.worker.call_shape import CallShape
from batchmap.worker.coroutine_results import Begun
from batchmap.worker.failures import ItemsFailedError
from batchmap.worker.processor import BatchProcessor
from batchmap.worker.setup import SetupFunction, SetupPer
from batchmap.worker.worker_function import made_ready
from batchmap.worker_pool import WorkerPool, taken_from

__all__ = ["parallel_map", "stream_map"]

T = TypeVar("T")
R = TypeVar("R")

Auto = Literal["auto"]


MAX_STREAM_BATCH = 16384
"""How many items a batch of a stream has at most, unless more are asked for: however quick they
are, those in flight must fit in memory."""

_DEFAULTS = ("auto", "auto", "auto", 0, None, None, None)
_DEFAULT_OPTIONS = EngineOptions(backend="auto")
"""Read once: a call of few cheap items must not pay for checking options that nobody gave."""


class _Options(TypedDict, total=False):
    """The options that both calls have, for type checkers."""

    backend: str
    workers: int | str
    batch_size: int | Auto
    retries: int
    timeout_s: float | None
    rate: float | str | None
    setup_per: SetupPer
    progress: ShowsProgress
    on_plan: Callable[[Plan], object] | None
    seed: int | None
    pool: WorkerPool | None


class _OptionsOrNone(_Options, total=False):
    """The same where the function takes the item alone, whatever a set-up gives."""

    setup: SetupFunction | None


@overload
def parallel_map(
    function: Callable[[T, Any], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    setup: SetupFunction,
    on_error: Literal["raise", "stop"] = ...,
    **options: Unpack[_Options],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[[T, Any], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    setup: SetupFunction,
    on_error: Literal["record"],
    **options: Unpack[_Options],
) -> list[R | ItemRecord]: ...
@overload
def parallel_map(
    function: Callable[[T, Any], R],
    items: Iterable[T],
    *,
    setup: SetupFunction,
    on_error: Literal["raise", "stop"] = ...,
    **options: Unpack[_Options],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[[T, Any], R],
    items: Iterable[T],
    *,
    setup: SetupFunction,
    on_error: Literal["record"],
    **options: Unpack[_Options],
) -> list[R | ItemRecord]: ...
@overload
def parallel_map(
    function: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    on_error: Literal["raise", "stop"] = ...,
    **options: Unpack[_OptionsOrNone],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    on_error: Literal["record"],
    **options: Unpack[_OptionsOrNone],
) -> list[R | ItemRecord]: ...
@overload
def parallel_map(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    on_error: Literal["raise", "stop"] = ...,
    **options: Unpack[_OptionsOrNone],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    on_error: Literal["record"],
    **options: Unpack[_OptionsOrNone],
) -> list[R | ItemRecord]: ...
@overload
def parallel_map(
    function: Callable[..., Coroutine[Any, Any, R]],
    items: Iterable[Any],
    *,
    star: Literal[True],
    index: bool = ...,
    on_error: Literal["raise", "stop"] = ...,
    **options: Unpack[_OptionsOrNone],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[..., Coroutine[Any, Any, R]],
    items: Iterable[Any],
    *,
    star: Literal[True],
    index: bool = ...,
    on_error: Literal["record"],
    **options: Unpack[_OptionsOrNone],
) -> list[R | ItemRecord]: ...
@overload
def parallel_map(
    function: Callable[..., R],
    items: Iterable[Any],
    *,
    star: Literal[True],
    index: bool = ...,
    on_error: Literal["raise", "stop"] = ...,
    **options: Unpack[_OptionsOrNone],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[..., R],
    items: Iterable[Any],
    *,
    star: Literal[True],
    index: bool = ...,
    on_error: Literal["record"],
    **options: Unpack[_OptionsOrNone],
) -> list[R | ItemRecord]: ...
@overload
def parallel_map(
    function: Callable[..., Coroutine[Any, Any, R]],
    items: Iterable[Any],
    *,
    star: Literal[False] = ...,
    index: Literal[True],
    on_error: Literal["raise", "stop"] = ...,
    **options: Unpack[_OptionsOrNone],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[..., Coroutine[Any, Any, R]],
    items: Iterable[Any],
    *,
    star: Literal[False] = ...,
    index: Literal[True],
    on_error: Literal["record"],
    **options: Unpack[_OptionsOrNone],
) -> list[R | ItemRecord]: ...
@overload
def parallel_map(
    function: Callable[..., R],
    items: Iterable[Any],
    *,
    star: Literal[False] = ...,
    index: Literal[True],
    on_error: Literal["raise", "stop"] = ...,
    **options: Unpack[_OptionsOrNone],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[..., R],
    items: Iterable[Any],
    *,
    star: Literal[False] = ...,
    index: Literal[True],
    on_error: Literal["record"],
    **options: Unpack[_OptionsOrNone],
) -> list[R | ItemRecord]: ...


def parallel_map(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    backend: str = "auto",
    workers: int | str = "auto",
    batch_size: int | Auto = "auto",
    retries: int = 0,
    timeout_s: float | None = None,
    rate: float | str | None = None,
    setup: SetupFunction | None = None,
    setup_per: SetupPer = "worker",
    star: bool = False,
    index: bool = False,
    progress: ShowsProgress = False,
    on_plan: Callable[[Plan], object] | None = None,
    seed: int | None = None,
    pool: WorkerPool | None = None,
    on_error: Literal["raise", "stop", "record"] = "raise",
) -> list[Any]:
    """Return `function(item)` for each item, in input order, computed in parallel where it pays.

    What is left at `"auto"` is measured while the first items run: `backend` (in place, threads or
    processes; coroutines for an `async def` function), `workers` (a number, or `"50%"` of the
    usable cores) and `batch_size` (items handed to a worker together). Functions that wait, or
    release the GIL, run in threads of this process, several calls at once: such a function must be
    thread-safe; `backend="process"` runs one call at a time in each worker.

    `function` gets the item alone. With `star`, an item that is a tuple or a list is spread over
    the positional arguments, and a dict over the keywords; any other fails. With `index`, the
    keyword `index` is the item's index in `items`, from 0.

    A failed item is tried again up to `retries` times after growing waits, and fails when it takes
    longer than `timeout_s` seconds. `on_error="raise"`: after all else is done, one
    `ItemsFailedError` has all results, the failures, and the first exception as its `__cause__`.
    `"stop"`: it is raised as soon as one item has failed and the batches that run have ended, and
    has the results until then. `"record"`: the failed item's `ItemRecord` stands in its place.

    At most `rate` items are started a second, or by `"100/m"` a minute. `progress=True` shows a bar
    in a terminal or a notebook; a function is called with a `Progress` now and then, and at the
    end. `on_plan` is called with the `Plan` once it is made, and whenever it changes. With `seed`,
    an item's streams of `random` and of NumPy's global generator follow from it and from the item's
    index; items then run in processes, unless `backend="sequential"`. A `WorkerPool` as `pool` has
    workers that are kept from one call to the next, in place of `backend` and `workers`.

    `setup` is called once in each worker (or once in each process, by `setup_per`) before its first
    item, and what it gives, unless `None`, is the function's second argument. Where it is a
    generator or a context manager, its second half runs when the worker leaves. It may be async.

    What `items` raise is raised once the items before are done. Raises `ValueError` for options out
    of range, and `WorkersLostError` when workers cannot be had or be set up.
    """
    if on_error not in ("raise", "stop", "record"):
        raise ValueError(f"on_error must be 'raise', 'stop' or 'record', got {on_error!r}")
    options = _read(backend, workers, batch_size, retries, timeout_s, rate, seed, pool)
    progress, state = checked_progress(progress), RunState(on_plan=_checked(on_plan))
    function = made_ready(function, setup, setup_per)
    if pool is not None:
        function = pool.known(function)
    stops, stop = on_error == "stop", StopRequest()
    shape = CallShape(star=star, index=index, seed=seed)
    processor = BatchProcessor(function, shape=shape, stop=stop, stops_at_failure=stops)
    total = _length(items)
    items = enumerate(items) if shape.takes_pairs else items
    results: list[Any] = []
    failed: list[ItemRecord] = []
    rest: Iterable[Any] | None = None
    started = None
    needs_engine = processor.is_async or processor.has_setup or progress or on_plan or rate
    if options.backend == "auto" and not (needs_engine or retries or timeout_s):
        inline = run_inline(
            processor.function, items, results, handlers=processor.handlers, stop_at_failure=stops
        )
        rest, failed, started = inline.rest, inline.failed, inline.started
        if rest is not None and inline.has_coroutines:
            processor = processor.as_async()
            rest = chain(map(Begun, results), rest)
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
            total=left,
            first_item=first,
            stop=stop,
            state=state,
            started=started,
            pool=_lent(pool, options),
        )
        for record in shown(records, progress, total=total):
            if record.first_item > len(results):
                results.extend([_NOT_BEGUN] * (record.first_item - len(results)))
            results[record.first_item : record.first_item + len(record.results)] = record.results
            if record.failures:
                _add_failures(failed, record)
                if stops:
                    stop.request(Urgency.DRAIN)
    if failed:
        _put_in_place(failed, results)
        if on_error != "record":
            raise ItemsFailedError.of(results, failed, stopped=stops)
    return results


_NOT_BEGUN = object()
"""In place of the result of an item whose batch has not ended yet."""

MOST_EXCEPTIONS = 1000
"""So many exceptions are kept as objects, and the first one: they may hold anything. All are kept
as text."""


def _add_failures(failed: list[ItemRecord], record: BatchRecord) -> None:
    for item in record.item_records():
        if item.failure is None:
            continue
        if len(failed) >= MOST_EXCEPTIONS and item.index > failed[0].index:
            item = replace(item, failure=replace(item.failure, exception=None))
        failed.append(item)
        if item.index < failed[0].index:  # the first in the input comes first
            failed[0], failed[-1] = failed[-1], failed[0]


def _put_in_place(failed: list[ItemRecord], results: list[Any]) -> None:
    """Put the records of items that failed, or were never begun, in the places of their results."""
    failed.sort(key=attrgetter("index"))
    for item in failed:
        results[item.index] = item
    why = ItemFailure("NotBegun", f"not begun, as item {failed[0].index} had failed", "")
    for index, result in enumerate(results):
        if result is _NOT_BEGUN:
            results[index] = ItemRecord(index, None, why, 0, 0.0)


def _length(items: Iterable[Any]) -> int | None:
    """Return how many items there are, `None` when they do not tell."""
    try:
        return len(items)  # type: ignore[arg-type]
    except Exception:
        return None


class _StreamOptions(_Options, total=False):
    keep_order: bool


@overload
def stream_map(
    function: Callable[[T, Any], Any],
    items: Iterable[T],
    *,
    setup: SetupFunction,
    **options: Unpack[_StreamOptions],
) -> Iterator[ItemRecord]: ...
@overload
def stream_map(
    function: Callable[[T], Any],
    items: Iterable[T],
    *,
    setup: SetupFunction | None = ...,
    **options: Unpack[_StreamOptions],
) -> Iterator[ItemRecord]: ...
@overload
def stream_map(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    star: bool,
    index: bool = ...,
    setup: SetupFunction | None = ...,
    **options: Unpack[_StreamOptions],
) -> Iterator[ItemRecord]: ...
@overload
def stream_map(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    index: bool,
    setup: SetupFunction | None = ...,
    **options: Unpack[_StreamOptions],
) -> Iterator[ItemRecord]: ...


def stream_map(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    backend: str = "auto",
    workers: int | str = "auto",
    batch_size: int | Auto = "auto",
    retries: int = 0,
    timeout_s: float | None = None,
    rate: float | str | None = None,
    setup: SetupFunction | None = None,
    setup_per: SetupPer = "worker",
    star: bool = False,
    index: bool = False,
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
    options = _read(backend, workers, batch_size, retries, timeout_s, rate, seed, pool)
    progress, state = checked_progress(progress), RunState(on_plan=_checked(on_plan))
    function = made_ready(function, setup, setup_per)
    if pool is not None:
        function = pool.known(function)
    total = _length(items)
    source: Iterator[Any] = iter(items)
    # An iterator may wait for what its consumer does; what can be iterated again does not.
    may_wait = source is items
    shape = CallShape(star=star, index=index, seed=seed)
    source = iter(enumerate(source)) if shape.takes_pairs else source
    processor = BatchProcessor(function, shape=shape)
    taken = LiveSource(source) if may_wait else source
    lent = _lent(pool, options)
    return _stream(processor, taken, total, options, keep_order, progress, state, lent)


def _stream(
    processor: BatchProcessor,
    source: LiveSource | Iterator[Any],
    total: int | None,
    options: EngineOptions,
    keep_order: bool,
    progress: ShowsProgress,
    state: RunState,
    pool: WorkerPool | None,
) -> Iterator[ItemRecord]:
    limits = replace(limits_of(options), max_batch_size=lambda: MAX_STREAM_BATCH)
    if keep_order:
        waiting = ReorderBuffer(size_of=results_bytes)
        limits = replace(limits, has_room=waiting.has_room)
    if isinstance(source, LiveSource):
        source.on_items = state.wake
    try:
        batches = stream_batches(
            processor, source, options, total=total, limits=limits, state=state, pool=pool
        )
        batches = shown(batches, progress, total=total)
        for record in in_order(batches, waiting) if keep_order else batches:
            yield from record.item_records()
    finally:
        if isinstance(source, LiveSource):
            source.close()


def _read(
    backend: str,
    workers: int | str,
    batch_size: int | str,
    retries: int,
    timeout_s: float | None,
    rate: float | str | None,
    seed: int | None,
    pool: WorkerPool | None,
) -> EngineOptions:
    """Return the options by the table of all; raises `ValueError` with all that is wrong.

    With a `seed`, what is left to be chosen runs in processes, where items run one at a time.
    """
    if pool is not None:
        backend, workers, timeout_s = taken_from(pool, backend, workers, timeout_s)
    if (backend, workers, batch_size, retries, timeout_s, rate, seed) == _DEFAULTS:
        return _DEFAULT_OPTIONS
    reader = OptionReader(
        {
            "backend": backend,
            "workers": workers,
            "batch_size": batch_size,
            "retries": retries,
            "timeout_s": timeout_s,
            "rate": rate,
            "seed": seed,
        }
    )
    options = EngineOptions(**reader.read_rows(EngineOptions))
    if reader.read("seed", whole(None, None, "for example 7")) is not None:
        if options.backend == "auto":
            options = replace(options, backend=_backend_of_seeds())
        elif options.backend not in ("sequential", "process", None):
            reader.error(
                f"seed: items that run side by side in one process share its random streams, and "
                f"backend={options.backend!r} has them do that; give 'process' or 'sequential'"
            )
    try:
        reader.close()
    except UsageError as error:
        raise ValueError("; ".join(error.messages)) from None
    return options


def _checked(on_plan: Any) -> Any:
    if on_plan is None or callable(on_plan):
        return on_plan
    raise ValueError(f"on_plan must be a function, got {on_plan!r:.60}")


def _lent(pool: WorkerPool | None, options: EngineOptions) -> WorkerPool | None:
    """Return the pool unless what was asked for is to be done in place."""
    return None if pool is None or options.backend != pool.backend else pool


def _backend_of_seeds() -> str:
    return "sequential" if processes_unavailable() else "process"
