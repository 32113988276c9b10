"""The one way in from Python: a function over items, to results or records, without a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Literal

import batchmap.executors.process.pool  # noqa: F401  # here, so that the first call does not wait for it
from batchmap.engine import stream_batches
from batchmap.executors import EXECUTORS
from batchmap.ordering import in_order
from batchmap.records import ItemRecord
from batchmap.scheduling.limits import Limits
from batchmap.tuning.inline import run_inline
from batchmap.worker.failures import ItemsFailedError
from batchmap.worker.processor import BatchProcessor

__all__ = ["parallel_map", "stream_map"]

Auto = Literal["auto"]


def parallel_map(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    backend: str = "auto",
    workers: int | Auto = "auto",
    batch_size: int | Auto = "auto",
    retries: int = 0,
    timeout_s: float | None = None,
    on_error: Literal["raise", "record"] = "raise",
) -> list[Any]:
    """Return `function(item)` for each item, in input order, computed in parallel where it pays.

    A failed item does not stop the others. `on_error="raise"`: after all else is done, one
    `ItemsFailedError` counts the failures and shows the first. `"record"`: the failed item's
    `ItemRecord` stands in its place. `function` may be `async`. Raises `ValueError` for options
    out of range and `WorkersLostError` when workers cannot be had.
    """
    if on_error not in ("raise", "record"):
        raise ValueError(f"on_error must be 'raise' or 'record', got {on_error!r}")
    options = _checked(backend, workers, batch_size, retries, timeout_s)
    processor = BatchProcessor(function)
    total = len(items) if isinstance(items, Sized) else None
    results: list[Any] = []
    failed: list[ItemRecord] = []
    rest: Iterable[Any] | None = items
    if backend == "auto" and not (processor.is_async or retries or timeout_s):
        rest, failed = run_inline(function, items, results)
    if rest is not None:
        first = len(results)
        left = None if total is None else max(0, total - first)
        for record in stream_batches(processor, rest, total=left, first_item=first, **options):
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
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    backend: str = "auto",
    workers: int | Auto = "auto",
    batch_size: int | Auto = "auto",
    retries: int = 0,
    timeout_s: float | None = None,
    keep_order: bool = False,
) -> Iterator[ItemRecord]:
    """Yield the `ItemRecord` of each item as it finishes, or with `keep_order` in input order.

    Items are taken lazily; those in flight are bounded. In input order, records wait for those
    before them. Raises as `parallel_map` does, except for failed items, which are records.
    """
    options = _checked(backend, workers, batch_size, retries, timeout_s)
    total = len(items) if isinstance(items, Sized) else None
    batches = stream_batches(BatchProcessor(function), items, total=total, **options)
    if keep_order:
        batches = in_order(batches)
    return (item for record in batches for item in record.item_records())


def _checked(
    backend: str,
    workers: int | Auto,
    batch_size: int | Auto,
    retries: int,
    timeout_s: float | None,
) -> dict[str, Any]:
    if backend not in ("auto", *EXECUTORS):
        raise ValueError(f"backend must be one of auto, {', '.join(EXECUTORS)}, got {backend!r}")
    for name, value in (("workers", workers), ("batch_size", batch_size)):
        if value != "auto" and (not isinstance(value, int) or value < 1):
            raise ValueError(f"{name} must be 'auto' or at least 1, got {value!r}")
    if retries < 0:
        raise ValueError(f"retries must be at least 0, got {retries}")
    if timeout_s is not None and timeout_s <= 0:
        raise ValueError(f"timeout_s must be above 0, got {timeout_s}")
    return {
        "backend": backend,
        "workers": None if workers == "auto" else workers,
        "batch_size": None if batch_size == "auto" else batch_size,
        "limits": Limits(retries=retries, timeout_s=timeout_s),
    }
