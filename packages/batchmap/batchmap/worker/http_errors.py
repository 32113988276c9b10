"""What an HTTP error tells: its status code, and when the server wants to be asked again.

Errors of httpx, requests, aiohttp, urllib and of libraries built on them are known by what they
have, so that none of these is imported:

    error.response.status_code, error.response.headers     httpx, requests
    error.status, error.headers                            aiohttp
    error.code, error.headers                              urllib
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

__all__ = ["HttpError", "close_answer", "http_error"]

MOST_CAUSES = 10
"""How many causes of one another are looked at."""

_TRY_AGAIN = frozenset((408, 425, 429))
"""Request Timeout, Too Early, Too Many Requests: of the client's errors, those that pass."""


class HttpError(NamedTuple):
    """What an HTTP error tells."""

    status: int
    retry_after_s: float | None
    """The seconds that `Retry-After` asks to wait; `None` where it does not."""

    @property
    def is_final(self) -> bool:
        """Whether the same request would get the same answer: an error of the client's."""
        is_clients = 400 <= self.status < 500 and self.status not in _TRY_AGAIN
        return is_clients and self.retry_after_s is None


def http_error(error: BaseException, now_s: Callable[[], float] = time.time) -> HttpError | None:
    """Return what `error`, or what it was raised from, tells; `None` where neither is of HTTP.

    `now_s` gives the time of day, in seconds since 1970, for a server that sends no `Date`.
    """
    try:
        for one in _with_causes(error):
            if (found := _answer(one)) is not None:
                status, headers = found
                return HttpError(status, _retry_after_s(headers, now_s))
    except Exception:  # attributes and headers are anybody's code
        pass
    return None


def close_answer(error: BaseException | None) -> None:
    """Close the answer that an error of urllib still holds open, with its connection.

    To be called where nobody gets the error any more.
    """
    with suppress(Exception):
        for one in _with_causes(error):
            if _is_status(getattr(one, "code", None)) and hasattr(one, "headers"):
                one.close()  # type: ignore[attr-defined]


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(MOST_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__


def _answer(error: BaseException) -> tuple[int, Any] | None:
    """Return the status code and the headers of the answer that an error is about."""
    response = getattr(error, "response", None)
    if response is not None:
        headers = getattr(response, "headers", None)
        for name in ("status_code", "status"):
            status: Any = getattr(response, name, None)
            if _is_status(status):
                return status, headers
    if hasattr(error, "headers"):  # other errors have a status and a code, too
        for name in ("status", "code"):
            status = getattr(error, name, None)
            if _is_status(status):
                return status, error.headers
    return None


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599


def _retry_after_s(headers: Any, now_s: Callable[[], float]) -> float | None:
    """Return the seconds that `Retry-After` names, as such or as a date (RFC 9110, 10.2.3)."""
    text = _header(headers, "Retry-After")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        due_s, sent_s = _date_s(text), _date_s(_header(headers, "Date"))
        if due_s is None:
            return None
        # The server's own clock, where it tells the time: ours may be another.
        seconds = due_s - (now_s() if sent_s is None else sent_s)
        return max(0.0, seconds)
    return seconds if 0 <= seconds < math.inf else None


def _header(headers: Any, name: str) -> str | None:
    get = getattr(headers, "get", None)
    if get is None:
        return None
    value = get(name)
    if value is None:  # a plain dict tells upper case from lower
        value = get(name.lower())
    return value.strip() if isinstance(value, str) else None


def _date_s(text: str | None) -> float | None:
    """Return a date of HTTP as seconds since 1970."""
    from email.utils import parsedate_to_datetime  # which takes some milliseconds

    if text is None:
        return None
    try:
        date: datetime = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
