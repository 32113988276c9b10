"""What came of a call in another process, pickled whatever it is."""

from __future__ import annotations

import pickle
from typing import Any

from batchmap.records import BatchRecord, ItemFailure
from batchmap.worker.failures import describe_failure

__all__ = ["pickled_error", "pickled_result"]


def pickled_result(result: Any) -> bytes:
    """Return `result` pickled; in the record of a batch, what cannot be is that item's failure."""
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
    for place, result in enumerate(results):
        try:
            cloudpickle.dumps(result)
        except Exception as error:
            results[place] = None
            failures[place] = ItemFailure(
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
    """Return the error pickled, or one of its name and text when it would not survive that."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
        return data
    except Exception:
        told = describe_failure(error)
        return pickle.dumps(RuntimeError(f"{told.error_type}: {told.error}"))
