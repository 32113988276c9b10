"""Pickles functions and arguments on their way to another process, and what comes back of a call.

Whatever pickling raises, be it `SystemExit`, is what became of the call, and never ends the run.
"""

from __future__ import annotations

import functools
import io
import pickle
import sys
import traceback
import weakref
from collections import ChainMap
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import replace
from types import CodeType
from typing import Any, ClassVar, TypeVar

import cloudpickle

from batchmap.errors import BatchmapError, UsageError
from batchmap.records import BatchRecord
from batchmap.worker.failures import BatchInterrupted, describe_failure
from batchmap.worker.interruption import SignalHandlers

__all__ = [
    "FunctionPickler",
    "RemoteTraceback",
    "call_error",
    "dumps",
    "pickled_arguments",
    "pickled_error",
    "pickled_function",
    "pickled_result",
]

Dumped = TypeVar("Dumped")
"""What becomes of what is pickled: bytes, or where they are."""


def dumps(value: Any) -> bytes:
    """Return `value` pickled for another process, which does not have the script as a module.

    What the script defines is pickled by value: functions and classes as `cloudpickle` does it, and
    also what decorators of `functools` make of them, which it does not know.
    """
    with io.BytesIO() as file:
        FunctionPickler(file).dump(value)
        return file.getvalue()


def _reduced_cache(cached: Any) -> Any:
    """Reduce a function of `lru_cache` to its name, or to the function without what it has kept."""
    module = getattr(cached, "__module__", None)
    if module != "__main__" and module not in cloudpickle.list_registry_pickle_by_value():
        found: Any = sys.modules.get(module or "")
        for name in cached.__qualname__.split("."):
            found = getattr(found, name, None)
        if found is cached:
            return cached.__qualname__
    attributes = {
        name: value
        for name, value in vars(cached).items()
        if name not in ("__wrapped__", "cache_parameters")
    }
    return _cached_again, (cached.__wrapped__, cached.cache_parameters()), attributes or None


def _cached_again(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _reduced_property(prop: Any) -> Any:
    """Reduce a `cached_property`; up to Python 3.11, it holds a lock."""
    attributes = {name: value for name, value in vars(prop).items() if name != "lock"}
    return type(prop), (prop.func,), attributes


def _reduced_weak_keys(weak: weakref.WeakKeyDictionary[Any, Any]) -> Any:
    """Reduce what `singledispatch` has in its closure."""
    return weakref.WeakKeyDictionary, (dict(weak),)


_NO_FILE = "<dynamic-code>"
"""What `cloudpickle` sends instead of the name of a function's file, which tracebacks show."""

_reduced_code = cloudpickle.Pickler.dispatch_table[CodeType]


def _reduced_code_with_file(code: CodeType) -> Any:
    make, parts = _reduced_code(code)
    return make, tuple(code.co_filename if part == _NO_FILE else part for part in parts)


_REDUCTIONS: dict[type, Callable[[Any], Any]] = {
    CodeType: _reduced_code_with_file,
    functools._lru_cache_wrapper: _reduced_cache,
    functools.cached_property: _reduced_property,
    weakref.WeakKeyDictionary: _reduced_weak_keys,
}


class FunctionPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles what the script defines by value; the base of all that pickle for processes."""

    # A table costs nothing where an object is of none of these types.
    dispatch_table: ClassVar[Any] = ChainMap(_REDUCTIONS, *cloudpickle.Pickler.dispatch_table.maps)


def pickled_function(
    function: Callable[..., Any], dump: Callable[[Any], Dumped], *, destination: str
) -> Dumped:
    """Return `function` pickled by `dump`.

    Raises `UsageError`, which names the `destination`, for one that cannot be.
    """
    try:
        return dump(function)
    except BaseException as error:
        if SignalHandlers().raised(error):
            raise
        failure = describe_failure(error)
        raise UsageError(
            f"the function cannot be sent to {destination} ({failure.error_type}: "
            f"{failure.error:.200})",
            advice="{backend:thread} needs no pickling",
        ) from error


def pickled_arguments(
    arguments: tuple[Any, ...], dump: Callable[[Any], Dumped], future: Future[Any]
) -> Dumped | None:
    """Return `arguments` pickled by `dump`; where they cannot be, `future` raises why."""
    try:
        return dump(arguments)
    except BaseException as error:
        if SignalHandlers().raised(error):
            raise
        future.set_running_or_notify_cancel()
        future.set_exception(call_error(error))
        return None


def call_error(error: BaseException) -> BaseException:
    """Return what pickling a call raised, so that it is not taken for an error of the executor."""
    if isinstance(error, BrokenExecutor | CancelledError | BatchmapError | BatchInterrupted):
        wrapped = pickle.PicklingError(f"{type(error).__qualname__}: {error}")
        wrapped.__cause__ = error
        return wrapped
    return error


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
    results = list(record.results)
    failures = dict(record.failures)
    for offset, result in enumerate(results):
        try:
            dumps(result)
        except BaseException as error:
            failure = describe_failure(error)
            results[offset] = None
            failures[offset] = replace(
                failure,
                error=f"returned a {type(result).__qualname__}, which cannot leave its worker: "
                f"{failure.error}",
            )
    values = {name: getattr(record, name) for name in record.__slots__}
    return dumps(BatchRecord(**values | {"results": results, "failures": failures}))


class RemoteTraceback(Exception):
    """The traceback of an error in another process, as text: the cause of the error in this one."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def pickled_error(error: BaseException) -> bytes:
    """Return `error` pickled, or a `RuntimeError` of its name and text where it cannot be."""
    text = ""
    try:
        if not isinstance(error, BatchmapError):  # which says in itself what there is to say
            text = "".join(traceback.format_exception(error))
        data = pickle.dumps(_WithTraceback(error, text))
        if type(pickle.loads(data)) is type(error):
            return data
        raise TypeError
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
    if text:
        error.__cause__ = RemoteTraceback(text)
    return error
