"""What is called with each item: the function, its coroutines awaited, its results encoded."""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import Any

from batchmap.records import UnreadableRecord
from batchmap.row_blocks import OpenedBlock
from batchmap.worker.coroutine_results import Awaiter
from batchmap.worker.failures import FailedForGood

__all__ = ["Encode", "called", "refusing_unreadable", "result_of"]

Encode = Callable[[Any], Any]
"""Turns a result into what is sent and written; raises `Unwritable` where that cannot be."""


def called(
    function: Callable[[Any], Any],
    awaiter: Awaiter,
    encode: Encode | None,
    block: OpenedBlock | None = None,
    *,
    is_async: bool,
) -> Callable[[Any], Any]:
    """Return what gives an item's result, encoded; a plain function may give a coroutine.

    Items of `block` that cannot be read fail without a call.
    """
    if block is not None and block.has_unreadable:
        return refusing_unreadable(called(function, awaiter, encode, is_async=is_async))
    if is_async:
        return _awaited(function, awaiter, encode)
    if encode is None:
        return function

    def encoded(item: Any) -> Any:
        result = function(item)
        return result if type(result) is CoroutineType else encode(result)

    return encoded


def _awaited(
    function: Callable[[Any], Any], awaiter: Awaiter, encode: Encode | None
) -> Callable[[Any], Any]:
    """Return `function` with the coroutines that it returns run to their end."""
    if encode is None:
        return lambda item: awaiter.result(function(item))
    return lambda item: encode(awaiter.result(function(item)))


def refusing_unreadable(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that fails at items that cannot be read, and calls `function` otherwise."""

    def refusing(item: Any) -> Any:
        if type(item) is UnreadableRecord:
            raise FailedForGood(item.failure)
        return function(item)

    return refusing


def result_of(value: Any, awaiter: Awaiter, encode: Encode | None) -> Any:
    """Return what `called` gave, coroutines run to their end."""
    if type(value) is not CoroutineType:
        return value
    result = awaiter.run(value)
    return result if encode is None else encode(result)
