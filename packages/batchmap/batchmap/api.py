"""The library in a program of one's own: a function over items, to results or to records."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sized
from dataclasses import replace
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

import batchmap.executors.process.pool  # noqa: F401  # here, so that the first call does not wait for it
from batchmap.engine import RunState, limits_of, stream_batches
from batchmap.errors import UsageError
from batchmap.options import EngineOptions, OptionReader
from batchmap.ordering import ReorderBuffer, in_order, results_bytes
from batchmap.records import ItemRecord
from batchmap.scheduling.live_source import LiveSource
from batchmap.tuning.inline import run_inline
from batchmap.worker.failures import ItemsFailedError
from batchmap.worker.processor import BatchProcessor

__all__ = ["parallel_map", "stream_map"]

T = TypeVar("T")
R = TypeVar("R")

Auto = Literal["auto"]


MAX_STREAM_BATCH = 16384
"""How many items a batch of a stream has at most, unless more are asked for: however quick they
are, those in flight must fit in memory."""

_DEFAULTS = ("auto", "auto", "auto", 0, None)
_DEFAULT_OPTIONS = EngineOptions(backend="auto")
"""Read once: a call of few cheap items must not pay for checking options that nobody gave."""


class _Options(TypedDict, total=False):
    """The options that both calls have, for type checkers."""

    backend: str
    workers: int | str
    batch_size: int | Auto
    retries: int
    timeout_s: float | None


@overload
def parallel_map(
    function: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    on_error: Literal["raise"] = ...,
    **options: Unpack[_Options],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T],
    *,
    on_error: Literal["record"],
    **options: Unpack[_Options],
) -> list[R | ItemRecord]: ...
@overload
def parallel_map(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    on_error: Literal["raise"] = ...,
    **options: Unpack[_Options],
) -> list[R]: ...
@overload
def parallel_map(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    on_error: Literal["record"],
    **options: Unpack[_Options],
) -> list[R | ItemRecord]: ...


def parallel_map(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    backend: str = "auto",
    workers: int | str = "auto",
    batch_size: int | Auto = "auto",
    retries: int = 0,
    timeout_s: float | None = None,
    on_error: Literal["raise", "record"] = "raise",
) -> list[Any]:
    """Return `function(item)` for each item, in input order, computed in parallel where it pays.

    What is left at `"auto"` is measured while the first items run: `backend` (in place, threads or
    processes; coroutines for an `async def` function), `workers` (a number, or `"50%"` of the
    usable cores) and `batch_size` (items handed to a worker together). Functions that wait, or
    release the GIL, run in threads of this process, several calls at once: such a function must be
    thread-safe; `backend="process"` runs one call at a time in each worker.

    A failed item is tried again up to `retries` times after growing waits, and fails when it takes
    longer than `timeout_s` seconds. It does not stop the others. `on_error="raise"`: after all else
    is done, one `ItemsFailedError` counts the failures and shows the first. `"record"`: the failed
    item's `ItemRecord` stands in its place. Raises `ValueError` for options out of range and
    `WorkersLostError` when workers cannot be had.
    """
    if on_error not in ("raise", "record"):
        raise ValueError(f"on_error must be 'raise' or 'record', got {on_error!r}")
    options = _read(backend, workers, batch_size, retries, timeout_s)
    processor = BatchProcessor(function)
    total = len(items) if isinstance(items, Sized) else None
    results: list[Any] = []
    failed: list[ItemRecord] = []
    rest: Iterable[Any] | None = items
    started = None
    if backend == "auto" and not (processor.is_async or retries or timeout_s):
        rest, failed, started = run_inline(function, items, results)
    if rest is not None:
        first = len(results) + (started is not None)
        left = None if total is None else max(0, total - first)
        for record in stream_batches(
            processor, rest, options, total=left, first_item=first, started=started
        ):
            end = record.first_item + len(record.results)
            if record.first_item == len(results):
                results.extend(record.results)
            else:
                results.extend([None] * (end - len(results)))
                results[record.first_item : end] = record.results
            if record.failures:
                failed += [item for item in record.item_records() if item.failure]
    failed.sort(key=lambda item: item.index)
    if failed and on_error == "raise":
        raise ItemsFailedError(failed, total=len(results))
    for item in failed:
        results[item.index] = item
    return results


def stream_map(
    function: Callable[[T], Any],
    items: Iterable[T],
    *,
    backend: str = "auto",
    workers: int | str = "auto",
    batch_size: int | Auto = "auto",
    retries: int = 0,
    timeout_s: float | None = None,
    keep_order: bool = False,
) -> Iterator[ItemRecord]:
    """Yield the `ItemRecord` of each item as it finishes, or with `keep_order` in input order.

    Items are taken lazily, and a bounded number of them is in flight. In input order, records wait
    for those before them. It takes the options of `parallel_map`, `on_error` apart, and raises the
    same errors; a failed item is yielded as a record and never raised.
    """
    options = _read(backend, workers, batch_size, retries, timeout_s)
    return _stream(BatchProcessor(function), items, options, keep_order=keep_order)


def _stream(
    processor: BatchProcessor, items: Iterable[Any], options: EngineOptions, *, keep_order: bool
) -> Iterator[ItemRecord]:
    state = RunState()
    limits = replace(limits_of(options), max_batch_size=lambda: MAX_STREAM_BATCH)
    total = len(items) if isinstance(items, Sized) else None
    if keep_order:
        waiting = ReorderBuffer(size_of=results_bytes)
        limits = replace(limits, has_room=waiting.has_room)
    # An iterator may wait for what its consumer does; what can be iterated again does not.
    source = LiveSource(items) if isinstance(items, Iterator) else None
    if source is not None:
        source.on_items = state.wake
    try:
        batches = stream_batches(
            processor, source or items, options, total=total, limits=limits, state=state
        )
        for record in in_order(batches, waiting) if keep_order else batches:
            yield from record.item_records()
    finally:
        if source is not None:
            source.close()


def _read(
    backend: str, workers: int | str, batch_size: int | str, retries: int, timeout_s: float | None
) -> EngineOptions:
    """Return the options by the table of all; raises `ValueError` with all that is wrong."""
    if (backend, workers, batch_size, retries, timeout_s) == _DEFAULTS:
        return _DEFAULT_OPTIONS
    given = {
        "backend": backend,
        "workers": workers,
        "batch_size": batch_size,
        "retries": retries,
        "timeout_s": timeout_s,
    }
    reader = OptionReader(given)
    options = EngineOptions(**reader.read_rows(EngineOptions))
    try:
        reader.close()
    except UsageError as error:
        raise ValueError("; ".join(error.messages)) from None
    return options
