"""Decides whether, and when, an item is tried again, by what its attempt raised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from batchmap.records import RetryDecision
from batchmap.retry_errors import Pause, Permanent, RetryAfter, Stop, seconds_of
from batchmap.worker.back_off import AS_USUAL
from batchmap.worker.http_errors import HttpError, http_error
from batchmap.worker.interruption import SignalHandlers

__all__ = ["RetryIf", "decide_retry"]

RetryIf = Callable[[BaseException], bool | float | timedelta | None]
"""Says of an error whether the item is tried again, or after how many seconds."""

MAX_WAIT_S = 86_400.0
"""An item that would have to wait longer, a day, fails."""

FINAL = RetryDecision(is_final=True)


def decide_retry(error: BaseException, retry_if: RetryIf | None = None) -> RetryDecision | None:
    """Return what follows from `error`: what the function said, then `retry_if`, then HTTP.

    `None` where none of them says anything. Where `retry_if` fails, or returns what is neither, no
    attempt follows and `problem` says so.
    """
    alone = _alone(error)
    http = http_error(alone)
    decision = _requested(alone) or _decided(error, http, retry_if)
    if http is not None:
        return replace(decision, http_status=http.status)
    return None if decision is AS_USUAL else decision


def _alone(error: BaseException) -> BaseException:
    """Return the only member of a group, which an `asyncio.TaskGroup` makes of one error."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _requested(error: BaseException) -> RetryDecision | None:
    """Return what the function said itself, `None` where it did not."""
    if isinstance(error, Permanent):
        return FINAL
    if isinstance(error, RetryAfter):
        return _after(error.seconds, is_requested=True)
    if isinstance(error, Stop) or (isinstance(error, Pause) and error.seconds > MAX_WAIT_S):
        return RetryDecision(is_final=True, is_requested=True, stops=True)
    if isinstance(error, Pause):
        return RetryDecision(after_s=error.seconds, is_requested=True, pause_s=error.seconds)
    return None


def _decided(
    error: BaseException, http: HttpError | None, retry_if: RetryIf | None
) -> RetryDecision:
    if retry_if is not None:
        try:
            says = _checked(retry_if(error))
        except BaseException as problem:
            if SignalHandlers().raised(problem):
                raise
            why = f"retry_if failed: {type(problem).__name__}: {problem!s:.200}"
            return RetryDecision(is_final=True, problem=why)
        if says is False:
            return FINAL
        if says is not True:
            return _after(says)
    elif http is not None and http.is_final:
        return FINAL
    wait_s = http.retry_after_s if http is not None else None
    return AS_USUAL if wait_s is None else RetryDecision(wait_s > MAX_WAIT_S, at_least_s=wait_s)


def _after(seconds: float, *, is_requested: bool = False) -> RetryDecision:
    return RetryDecision(seconds > MAX_WAIT_S, after_s=seconds, is_requested=is_requested)


def _checked(says: Any) -> bool | float:
    """Return what `retry_if` said as a truth value or seconds."""
    if says is None or type(says).__name__ in ("bool", "bool_"):  # NumPy has one, too
        return bool(says)
    try:
        return seconds_of(says, "")
    except ValueError:
        raise TypeError(
            f"it must return True, False, seconds from 0 or a timedelta, and returned {says!r:.60}"
        ) from None
