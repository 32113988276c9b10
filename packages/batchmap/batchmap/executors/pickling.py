"""Pickles functions on their way to another process, and what comes of a call on its way back."""

from __future__ import annotations

import functools
import io
import pickle
import sys
import weakref
from collections import ChainMap
from collections.abc import Callable
from typing import Any, ClassVar

import cloudpickle

from batchmap.errors import UsageError
from batchmap.records import BatchRecord, ItemFailure
from batchmap.worker.failures import describe_failure

__all__ = ["dumps", "pickled_error", "pickled_function", "pickled_result"]


def dumps(value: Any) -> bytes:
    """Return `value` pickled for another process, which does not have the script as a module.

    What the script defines is pickled by value: functions and classes as `cloudpickle` does it, and
    also what decorators of `functools` make of them, which it does not know.
    """
    with io.BytesIO() as file:
        _Pickler(file).dump(value)
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


_REDUCTIONS: dict[type, Callable[[Any], Any]] = {
    functools._lru_cache_wrapper: _reduced_cache,
    functools.cached_property: _reduced_property,
    weakref.WeakKeyDictionary: _reduced_weak_keys,
}


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    # A table costs nothing where an object is of none of these types.
    dispatch_table: ClassVar[Any] = ChainMap(_REDUCTIONS, *cloudpickle.Pickler.dispatch_table.maps)


def pickled_function(function: Callable[..., Any], *, destination: str) -> bytes:
    """Return `function` pickled, by value where it is of the script, a lambda or a closure.

    Raises `UsageError`, which names the `destination`, for one that cannot be.
    """
    try:
        return dumps(function)
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
    results = list(record.results)
    failures = dict(record.failures)
    for offset, result in enumerate(results):
        try:
            dumps(result)
        except Exception as error:
            results[offset] = None
            failures[offset] = ItemFailure(
                type(error).__qualname__,
                f"returned a {type(result).__qualname__}, which cannot leave its worker: "
                f"{describe_failure(error).error}",
                "",
            )
    values = {name: getattr(record, name) for name in record.__slots__}
    return dumps(BatchRecord(**values | {"results": results, "failures": failures}))


def pickled_error(error: Exception) -> bytes:
    """Return `error` pickled, or a `RuntimeError` of its name and text where it cannot be."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
        return data
    except Exception:
        failure = describe_failure(error)
        return pickle.dumps(RuntimeError(f"{failure.error_type}: {failure.error}"))
