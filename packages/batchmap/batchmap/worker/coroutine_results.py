"""Coroutines that a plain function returns: a lambda, a decorated function, one that may await.

Which functions do so is seen by what they return.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Iterable
from functools import partial
from types import (
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchmap.worker.event_loop import LoopLease

__all__ = [
    "Awaited",
    "Awaiter",
    "Begun",
    "SeenResults",
    "holds_coroutine",
    "is_async",
    "never_returns_coroutines",
    "often_returns_coroutines",
]


def is_async(function: Callable[[Any], Any]) -> bool:
    """Tell whether `function` is a coroutine function, or an object whose call is one."""
    by_class = getattr(type(function), "__call__", None)  # noqa: B004  # looked at, not called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(by_class)


def holds_coroutine(results: Iterable[Any]) -> bool:
    """Tell whether there is a coroutine among the results."""
    return CoroutineType in map(type, results)


def never_returns_coroutines(function: Callable[[Any], Any]) -> bool:
    """Tell whether `function` cannot return a coroutine, so that nobody has to look.

    That holds for classes and what is written in C, and for functions that call only such.
    """
    if type(function) in _WRITTEN_IN_C:
        return True
    if type(function) is not FunctionType:
        return False
    code, known = function.__code__, function.__globals__
    for name in code.co_names:
        if name in known or type(getattr(builtins, name, None)) not in _WRITTEN_IN_C:
            return False
    return not code.co_freevars and CodeType not in map(type, code.co_consts)


def often_returns_coroutines(function: Callable[[Any], Any]) -> bool:
    """Tell whether functions of this kind, no coroutine functions, often return coroutines.

    That is what lambdas, decorated and partial functions, and objects are used for.
    """
    by_class = getattr(type(function), "__call__", None)  # noqa: B004  # looked at, not called
    return (
        isinstance(function, partial)
        or hasattr(by_class, "__code__")
        or hasattr(function, "__wrapped__")
        or bool(getattr(function, "__closure__", None))
        or getattr(function, "__name__", "") == "<lambda>"
    )


_WRITTEN_IN_C = (type, BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType)


class Awaiter:
    """Runs coroutines to their end, one after another, in a loop that it leases for the first.

    With `lease`, that is the loop that this gives, and who gives it releases it.
    """

    def __init__(self, lease: Callable[[], LoopLease] | None = None) -> None:
        self._lease: LoopLease | None = None
        self._given = lease

    def result(self, value: Any) -> Any:
        """Return `value`, or what it returns in the end where it is a coroutine."""
        return self.run(value) if type(value) is CoroutineType else value

    def run(self, awaitable: Any) -> Any:
        """Return what `awaitable` gives in the end."""
        if self._lease is None:
            from batchmap.worker.event_loop import lease_loop

            self._lease = (self._given or lease_loop)()
        return self._lease.run(awaitable)

    def release(self) -> None:
        """Give the loop back."""
        if self._lease is not None and self._given is None:
            self._lease.release()


class Begun:
    """In place of an item: what the function has returned for it, perhaps a coroutine.

    `item` is the item itself, where it is kept, for another call if the coroutine fails.
    """

    def __init__(self, returned: Any, *item: Any) -> None:
        self._returned = returned
        self._item = item
        self._is_taken = False

    def take(self, function: Callable[[Any], Any]) -> Any:
        """Return it the first time, and then what `function` returns for the item."""
        if self._is_taken and self._item:
            return function(*self._item)
        self._is_taken = True
        return self._returned


class Awaited:
    """A function that may return coroutines, as one that is always awaited."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    async def __call__(self, item: Any) -> Any:
        function = self._function
        value = item.take(function) if type(item) is Begun else function(item)
        return await value if type(value) is CoroutineType else value


class SeenResults:
    """What is known of a function once it was called, shared by the processors of it."""

    results = False
    """Whether any have been looked at."""
    coroutines = False
    """Whether a coroutine was among them."""
    setup_s = 0.0
    """What making a worker ready for it took here at most, in seconds."""
