"""Pickles functions on their way to another process, and what comes of a call on its way back."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from typing import Any

from batchmap.errors import UsageError
from batchmap.records import BatchRecord, ItemFailure
from batchmap.worker.failures import describe_failure

__all__ = ["RemoteTraceback", "pickled_error", "pickled_function", "pickled_result"]


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

    In a batch record, a result that cannot be pickled becomes the failure of its item; for any
    other, what pickling raises is raised.
    """
    try:
        return pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
    except BaseException:
        if isinstance(result, BatchRecord):
            return _pickled_item_by_item(result)
        raise


def _pickled_item_by_item(record: BatchRecord) -> bytes:
    import cloudpickle

    results = list(record.results)
    failures = dict(record.failures)
    for offset, result in enumerate(results):
        try:
            cloudpickle.dumps(result)
        except BaseException as error:
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


class RemoteTraceback(Exception):
    """The traceback of an error in another process, as text: the cause of the error in this one."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def pickled_error(error: BaseException) -> bytes:
    """Return `error` pickled, or a `RuntimeError` of its name and text where it cannot be."""
    text = ""
    try:
        text = "".join(traceback.format_exception(error))
        data = pickle.dumps(_WithTraceback(error, text))
        pickle.loads(data)
        return data
    except BaseException:
        failure = describe_failure(error)
        instead = RuntimeError(f"{failure.error_type}: {failure.error}")
        return pickle.dumps(_WithTraceback(instead, text))


class _WithTraceback:
    """Pickled, it is the error, with its traceback as cause."""

    def __init__(self, error: BaseException, text: str) -> None:
        self._error = error
        self._text = text

    def __reduce__(self) -> tuple[Callable[..., BaseException], tuple[BaseException, str]]:
        return _caused_by_traceback, (self._error, self._text)


def _caused_by_traceback(error: BaseException, text: str) -> BaseException:
    error.__cause__ = RemoteTraceback(text)
    return error
