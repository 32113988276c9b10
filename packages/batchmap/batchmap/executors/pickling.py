"""Pickles functions on their way to another process, and what comes of a call on its way back."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from batchmap.errors import UsageError
from batchmap.records import BatchRecord, ItemFailure
from batchmap.worker.failures import describe_failure

__all__ = ["pickled_error", "pickled_function", "pickled_result"]


def pickled_function(function: Callable[..., Any], *, destination: str) -> bytes:
    """Return `function` pickled, by value where it is of the script, a lambda or a closure.

    Raises `UsageError`, which names the `destination`, for one that cannot be.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(function))
    except Exception as error:
        raise UsageError(
            f"the function cannot be sent to {destination} ({type(error).__name__}: "
            f"{error!s:.200})",
            advice="{backend:thread} needs no pickling",
        ) from error


def pickled_result(result: Any) -> bytes:
    """Return `result` pickled.

    In a batch record, a result that cannot be pickled becomes the failure of its item; any other
    that cannot raises `TypeError`.
    """
    try:
        return pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        if isinstance(result, BatchRecord):
            return _pickled_item_by_item(result)
        raise TypeError(f"a result cannot be pickled: {error}") from error


def _pickled_item_by_item(record: BatchRecord) -> bytes:
    import cloudpickle

    results = list(record.results)
    failures = dict(record.failures)
    for offset, result in enumerate(results):
        try:
            cloudpickle.dumps(result)
        except Exception as error:
            results[offset] = None
            failures[offset] = ItemFailure(
                type(error).__qualname__,
                f"returned a {type(result).__qualname__}, which cannot leave its worker: "
                f"{describe_failure(error).error}",
                "",
            )
    values = {name: getattr(record, name) for name in record.__slots__}
    return bytes(
        cloudpickle.dumps(BatchRecord(**values | {"results": results, "failures": failures}))
    )


def pickled_error(error: Exception) -> bytes:
    """Return `error` pickled, or a `RuntimeError` of its name and text where it cannot be."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
        return data
    except Exception:
        failure = describe_failure(error)
        return pickle.dumps(RuntimeError(f"{failure.error_type}: {failure.error}"))
