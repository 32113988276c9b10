"""Coroutines that a plain function returns: a lambda, a decorated function, one that may await.

Which functions do so is seen by what they return, so results are looked at: each of those that take
long, and samples of those that take less than it takes to look.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchmap.worker.event_loop import LoopLease

__all__ = [
    "LOOK_FROM_S",
    "Awaited",
    "Awaiter",
    "Begun",
    "holds_coroutine",
    "is_async",
    "may_return_coroutines",
]

LOOK_FROM_S = 1e-6
"""All results are looked at where an item takes longer than this, in seconds, and where there are
at most `MOST_LOOKED_AT`; else the first and the last."""

MOST_LOOKED_AT = 64


def is_async(function: Callable[[Any], Any]) -> bool:
    """Tell whether `function` is a coroutine function, or an object whose call is one."""
    by_class = getattr(type(function), "__call__", None)  # noqa: B004  # looked at, not called
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(by_class)


def holds_coroutine(results: Sequence[Any], start: int, item_s: float) -> bool:
    """Tell whether there is a coroutine among the results from `start` on, at least one."""
    some = results[start:]
    if len(some) > MOST_LOOKED_AT and item_s < LOOK_FROM_S:
        return CoroutineType in (type(some[0]), type(some[-1]))
    return CoroutineType in map(type, some)


def may_return_coroutines(function: Callable[[Any], Any]) -> bool:
    """Tell whether it is usual that such a function, which is no `async def`, returns coroutines.

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


class Awaiter:
    """Runs coroutines to their end, one after another, in a loop that it leases for the first."""

    def __init__(self) -> None:
        self._lease: LoopLease | None = None

    def result(self, value: Any) -> Any:
        """Return `value`, or what it returns in the end where it is a coroutine."""
        return self.run(value) if type(value) is CoroutineType else value

    def run(self, awaitable: Any) -> Any:
        """Return what `awaitable` gives in the end."""
        if self._lease is None:
            from batchmap.worker.event_loop import lease_loop

            self._lease = lease_loop()
        return self._lease.run(awaitable)

    def release(self) -> None:
        """Give the loop back."""
        if self._lease is not None:
            self._lease.release()


class Begun:
    """In place of an item: what the function has returned for it, perhaps a coroutine."""

    def __init__(self, returned: Any) -> None:
        self.returned = returned


class Awaited:
    """A function that may return coroutines, as one that is always awaited."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    async def __call__(self, item: Any) -> Any:
        value = item.returned if type(item) is Begun else self._function(item)
        return await value if type(value) is CoroutineType else value
