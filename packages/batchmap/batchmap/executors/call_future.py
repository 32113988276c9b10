"""The future of a call: settled once, and by a thread that no callback can end.

The futures of the standard library let what a callback raises through to the thread that settles
them, unless it is an `Exception`. That thread would end, and all other calls would wait for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

__all__ = ["CallFuture", "begin", "cancel", "fail", "settles_futures", "start_task", "succeed"]

_logger = logging.getLogger("concurrent.futures")

_thread = threading.local()


def settles_futures() -> None:
    """Note that this thread is an executor's own, and is not to end by what a callback raises."""
    _thread.settles = True


class CallFuture(Future[Any]):
    """A future whose callbacks are all called, whatever one of them raises in an executor's thread.

    In any other thread, as one that cancels a call, what a callback raises is its caller's.
    """

    def add_done_callback(self, fn: Callable[[Future[Any]], Any]) -> None:
        """Have `fn(self)` called when the call is done or cancelled; now if it is already."""
        super().add_done_callback(partial(_call, fn))


def _call(fn: Callable[[Future[Any]], Any], future: Future[Any]) -> None:
    try:
        fn(future)
    except BaseException as error:
        # What is an `Exception` the standard library logs itself.
        if isinstance(error, Exception) or not getattr(_thread, "settles", False):
            raise
        _logger.exception("exception calling callback for %r", future)


def begin(future: Future[Any]) -> bool:
    """Note that the call runs; tell whether it should: not when it was cancelled or settled."""
    try:
        return future.set_running_or_notify_cancel()
    except RuntimeError:  # somebody else has settled it
        return False


def succeed(future: Future[Any], result: Any) -> None:
    """Give the call its result, unless it is settled already."""
    try:  # noqa: SIM105  # quicker than `suppress`
        future.set_result(result)
    except InvalidStateError:
        pass


def fail(future: Future[Any], error: BaseException) -> None:
    """Give the call its exception, unless it is settled already."""
    with suppress(InvalidStateError):
        future.set_exception(error)


def cancel(future: Future[Any]) -> None:
    """Cancel a call that has not begun and never will, and tell those who wait for it."""
    if future.cancel():
        with suppress(RuntimeError, CancelledError):  # they are told already
            future.set_running_or_notify_cancel()


def start_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, None],
    future: Future[Any],
    context: Context,
) -> asyncio.Task[None] | None:
    """Return a task of `loop` that runs `coroutine`, and settles `future`, in a copy of `context`.

    The loop may have a task factory of the program's: it is given what every such factory takes,
    and no `context`. What it raises is what `future` raises, and there is no task.
    """
    try:
        return context.copy().run(loop.create_task, coroutine)
    except Exception as error:
        coroutine.close()
        fail(future, error)
        return None
