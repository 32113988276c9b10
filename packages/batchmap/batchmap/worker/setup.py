"""Set-up of a worker: what is called before its first item, and handed to the function.

A set-up is a function without arguments, and what it gives is the function's second argument. Where
it has a second half (a generator, a context manager), that runs when the worker leaves.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from batchmap.errors import TaskUnusableError
from batchmap.worker.failures import describe_failure
from batchmap.worker.interruption import SignalHandlers

if TYPE_CHECKING:
    from batchmap.worker.event_loop import LoopLease

__all__ = [
    "SETUP_PER",
    "SetUp",
    "Setup",
    "SetupFunction",
    "SetupPer",
    "async_manager_of",
    "described_error",
    "manager_of",
    "set_up",
]

SetupPer = Literal["worker", "process"]
SetupFunction = Callable[[], Any]
"""Gives what a worker's items share: itself, or what it yields first, or what entering it gives."""

SETUP_PER: tuple[SetupPer, ...] = ("worker", "process")


@dataclass(frozen=True, slots=True)
class Setup:
    """A function that makes a worker ready, and how often it is called."""

    function: SetupFunction
    per: SetupPer = "worker"
    token: str = field(default_factory=lambda: os.urandom(16).hex())
    """The same in all workers: what was made for it is found by this."""

    def __post_init__(self) -> None:
        """Raise `TypeError` for what cannot be called so, `ValueError` for what `per` excludes."""
        if not callable(self.function):
            raise TypeError(f"setup must be callable, got {type(self.function).__name__}")
        if self.per not in SETUP_PER:
            raise ValueError(f"setup_per must be 'worker' or 'process', got {self.per!r:.60}")
        try:
            inspect.signature(self.function).bind()
        except TypeError as error:
            raise TypeError(f"setup {self._name} must take no argument: {error}") from None
        except ValueError:  # some built-in functions have no signature
            pass
        plain = inspect.unwrap(self.function)
        if self.per == "process" and (
            inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)
        ):
            raise ValueError(self.not_per_process)

    @property
    def _name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"setup {self._name}"

    @property
    def not_per_process(self) -> str:
        """Why it cannot be called once a process, where it is a coroutine."""
        return (
            f"setup {self._name} is async, and what it makes belongs to the event loop of one "
            "worker; leave setup_per='process' out"
        )

    def failure(self, error: BaseException) -> TaskUnusableError:
        """Return what to raise for what it raised, with the traceback as a note."""
        text, trace = described_error(self, error)
        unusable = TaskUnusableError(f"{self._name} failed in a worker: {text}", option="setup")
        if trace:
            unusable.add_note(trace)
        return unusable


def described_error(setup: Setup, error: BaseException) -> tuple[str, str]:
    """Return what an error says in a line, and its traceback without the frames of this package."""
    failure = describe_failure(error)
    text = f"{failure.error_type}: {failure.error:.200}" if failure.error else failure.error_type
    return text.replace("\n", " "), failure.traceback.rstrip()


def _is_entered(made: Any, function: Callable[[], Any], kind: type, method: str) -> bool:
    """Tell whether what a set-up gave has a second half.

    That is so for context managers that say so by their class, as those of `contextlib` do, and
    where the set-up is itself a class of such; a connection or a file that a function returns is
    handed over as it is.
    """
    return kind in type(made).__mro__ or (
        isinstance(function, type) and type(made) is function and hasattr(function, method)
    )


def manager_of(made: Any, function: SetupFunction) -> AbstractContextManager[Any] | None:
    """Return the context manager that a set-up gave, `None` where that has no second half."""
    if inspect.isgenerator(made):
        return contextmanager(lambda: made)()
    if _is_entered(made, function, AbstractContextManager, "__enter__"):
        manager: AbstractContextManager[Any] = made
        return manager
    return None


def async_manager_of(made: Any, function: SetupFunction) -> AbstractAsyncContextManager[Any] | None:
    """Return the same where it is to be entered in an event loop."""
    if inspect.isasyncgen(made):
        return asynccontextmanager(lambda: made)()
    if _is_entered(made, function, AbstractAsyncContextManager, "__aenter__"):
        manager: AbstractAsyncContextManager[Any] = made
        return manager
    return None


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a set-up gave in a worker, and its second half."""

    setup: Setup
    value: Any
    undo: Callable[[], object] = _nothing

    @property
    def has_second_half(self) -> bool:
        """Whether there is something to do when the worker leaves."""
        return self.undo is not _nothing


def set_up(setup: Setup, lease: Callable[[], LoopLease] | None) -> SetUp:
    """Call the set-up, in a thread without a running loop or beside one; `lease` gives its loop.

    Without `lease` it may not be async. Raises `TaskUnusableError` with what it raises.
    """
    try:
        made = setup.function()
        if inspect.isawaitable(made) or async_manager_of(made, setup.function) is not None:
            if lease is None:
                if inspect.iscoroutine(made):
                    made.close()
                raise TypeError(setup.not_per_process)
            from batchmap.worker.setup_in_loop import HalvesInLoop

            halves, loop = HalvesInLoop(setup, made), lease()
            value = loop.run(halves.begun())
            if not halves.has_second_half:
                return SetUp(setup, value)
            return SetUp(setup, value, lambda: loop.run(halves.end()))
        manager = manager_of(made, setup.function)
        if manager is None:
            return SetUp(setup, made)
        return SetUp(setup, manager.__enter__(), lambda: manager.__exit__(None, None, None))
    except BaseException as error:
        if isinstance(error, TaskUnusableError) or SignalHandlers().raised(error):
            raise
        raise setup.failure(error) from error
