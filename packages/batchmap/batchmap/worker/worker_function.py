"""Functions that each worker makes ready before it calls them, as those with a set-up."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from typing import Any, Self

from batchmap.errors import TaskUnusableError
from batchmap.worker.call_shape import PLAIN_CALL, CallShape
from batchmap.worker.coroutine_results import Awaited, Awaiter, is_async
from batchmap.worker.setup import Setup, SetupFunction, SetupPer
from batchmap.worker.worker_scope import current_scope

__all__ = [
    "Function",
    "FunctionWithSetup",
    "WorkerFunction",
    "awaited",
    "called_by",
    "has_setup",
    "in_shape",
    "made_ready",
    "ready",
    "ready_in_loop",
    "setup_of",
    "with_setup",
]

Function = Callable[[Any], Any]


class WorkerFunction(ABC):
    """A function of one item that a worker makes ready, once for each batch."""

    _shape = PLAIN_CALL
    _awaits = False
    """Whether what it returns is awaited where it is a coroutine."""

    @property
    def called(self) -> Function:
        """The function that is called in the end, as far as it is known here."""
        return self

    @abstractmethod
    def ready(self) -> Function:
        """Return what to call with each item in the worker that this thread is."""

    @abstractmethod
    async def ready_in_loop(self) -> Function:
        """Return it in a worker that is the event loop which runs now."""

    def in_shape(self, shape: CallShape) -> Self:
        """Return the same, called in this shape."""
        one = copy(self)
        one._shape = shape
        return one

    def awaited(self) -> Self:
        """Return the same with what it returns awaited where that is a coroutine."""
        one = copy(self)
        one._awaits = True
        return one

    def __call__(self, item: Any) -> Any:
        """Return the function's result for `item`."""
        return self.ready()(item)


class FunctionWithSetup(WorkerFunction):
    """A function, and the set-up whose result is its second argument unless it is `None`."""

    _is_checked = False
    """Whether it is known to take a second argument."""

    def __init__(self, function: Callable[..., Any], setup: Setup) -> None:
        self.function = function
        self.setup = setup
        self.__name__ = getattr(function, "__name__", repr(function))

    @property
    def called(self) -> Function:
        """The function itself."""
        return self.function

    def ready(self) -> Function:
        """Return the function with what was set up; raises `TaskUnusableError` where that fails."""
        return self._bound(current_scope().ready(self.setup))

    async def ready_in_loop(self) -> Function:
        """Do the same in an event loop."""
        return self._bound(await current_scope().ready_in_loop(self.setup))

    def _bound(self, made: Any) -> Function:
        if made is None:
            bound = self._shape.around(self.function)
        else:
            if not self._is_checked:
                _check_call(self.function, self._shape, self.setup, made)
                self._is_checked = True
            bound = self._shape.around(self.function, made)
        return Awaited(bound) if self._awaits else bound


class _AsyncFunctionWithSetup(FunctionWithSetup):
    async def __call__(self, item: Any) -> Any:
        """Return the function's result for `item`."""
        return await (await self.ready_in_loop())(item)


def called_by(function: Function) -> Function:
    """Return what is called in the end, whose kind tells what results may be."""
    return function.called if isinstance(function, WorkerFunction) else function


def in_shape(function: Callable[..., Any], shape: CallShape) -> Function:
    """Return what is called with each item so that `function` is called in this shape."""
    if isinstance(function, WorkerFunction):
        return function.in_shape(shape)
    return shape.around(function)


def awaited(function: Function) -> Function:
    """Return `function` with what it returns awaited where that is a coroutine."""
    return function.awaited() if isinstance(function, WorkerFunction) else Awaited(function)


def ready(function: Function) -> tuple[Function, Awaiter]:
    """Return what to call with each item in this worker, and what awaits coroutines there."""
    if isinstance(function, WorkerFunction):
        return function.ready(), Awaiter(current_scope().lease)
    return function, Awaiter()


async def ready_in_loop(function: Function) -> Function:
    """Return what to call with each item in the event loop that runs."""
    return await function.ready_in_loop() if isinstance(function, WorkerFunction) else function


def with_setup(function: Callable[..., Any], setup: Setup) -> FunctionWithSetup:
    """Return `function` with what `setup` makes in each worker as its second argument."""
    if is_async(function) or inspect.isasyncgenfunction(function):  # the latter to be expanded
        return _AsyncFunctionWithSetup(function, setup)
    return FunctionWithSetup(function, setup)


def made_ready(
    function: Callable[..., Any], setup: SetupFunction | None, per: SetupPer
) -> Callable[..., Any]:
    """Return `function` as the keywords `setup` and `setup_per` of a call want it.

    Raises `TypeError` and `ValueError` where these are wrong.
    """
    if setup is not None:
        return with_setup(function, Setup(setup, per))
    if per != "worker":
        raise ValueError("setup_per says where setup is called; give setup")
    return function


def setup_of(function: Any) -> Setup | None:
    """Return the set-up of a function, `None` where it has none."""
    return function.setup if isinstance(function, FunctionWithSetup) else None


def has_setup(call: Any) -> bool:
    """Tell whether a call, such as that of a processor's method, makes its worker ready first."""
    return bool(getattr(getattr(call, "__self__", None), "has_setup", False))


def _check_call(function: Callable[..., Any], shape: CallShape, setup: Setup, made: Any) -> None:
    if shape.star:  # what an item is spread over is known with the item only
        return
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return
    try:
        signature.bind(None, made, **dict.fromkeys(shape.keywords))
    except TypeError as error:
        name = getattr(function, "__name__", repr(function))
        raise TaskUnusableError(
            f"{setup.name} gives a {type(made).__name__}, which is the second argument of "
            f"{name}(): {error}; have the set-up return None where it is not wanted"
        ) from None
