"""A function that is called with items: how it is called, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Self

from batchmap.worker.call_shape import CallShape
from batchmap.worker.coroutine_results import (
    SeenResults,
    is_async,
    never_returns_coroutines,
    often_returns_coroutines,
)
from batchmap.worker.worker_function import (
    WorkerFunction,
    awaited,
    called_by,
    in_shape,
    setup_of,
)

__all__ = ["ItemFunction"]


class ItemFunction:
    """A function, plain or `async`, that is called with items in the shape of `shape`.

    Raises `TypeError` for a function that cannot be called.
    """

    def __init__(self, function: Callable[..., Any], shape: CallShape) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable, got {type(function).__name__}")
        self.function = in_shape(function, shape)
        """What is called with each item."""
        self._given = function
        self.shape = shape
        """How it is called."""
        self._is_paired = shape.takes_pairs and shape.batched is None
        self._seen = SeenResults()
        self.is_async = is_async(self.function)
        """Whether the function is a coroutine function."""
        self.has_setup = isinstance(function, WorkerFunction)
        """Whether a worker makes the function ready before its first batch."""
        self.setup = setup_of(function)
        """What makes it ready, where that is known here."""
        self.shares_setup = self.setup is not None and self.setup.per == "process"
        """Whether the threads of a process share what was set up."""
        self._looks = not (self.is_async or never_returns_coroutines(called_by(function)))
        """Whether its results may be coroutines, and so have to be looked at."""

    @property
    def has_returned_coroutines(self) -> bool:
        """Whether the function, which is no coroutine function, has returned a coroutine here."""
        return self._seen.coroutines

    @property
    def often_returns_coroutines(self) -> bool:
        """Whether functions of this kind, no coroutine functions, often return coroutines."""
        return often_returns_coroutines(called_by(self._given))

    @property
    def setup_s(self) -> float:
        """What the function's set-up took here, in seconds; 0 before it was called."""
        return self._seen.setup_s

    def as_async(self) -> Self:
        """Return the same with the function as one that is awaited."""
        one = copy(self)
        one.function, one.is_async = awaited(self.function), True
        one._looks = False
        return one
