"""Answers requests for the page of a run, as a WSGI application: to its token alone, to read.

What is refused, and why: a name of the host that is not this machine's own, as of a page of the
web whose name has been pointed here (DNS rebinding); a method that might change something; a token
that is not the run's. The token stands in the URL's query. A cookie would be sent to every other
server on this machine, whatever its port.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from batchmap.command.monitoring.live_page import LiveView, figures_html, page_html

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["LiveAnswers"]

REFRESH_S = 1.0
"""How long a request for new figures waits for them."""

HOSTS = ("127.0.0.1", "localhost")
"""With any port: that of a tunnel may be another one."""

_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)

_HTML = "text/html; charset=utf-8"


class LiveAnswers:
    """The page of one run: `view` tells what is to be shown at the moment."""

    def __init__(self, token: str, view: Callable[[], LiveView]) -> None:
        self._token = token.encode()
        self._view = view
        self._has_ended = threading.Event()
        self._waiting = 0
        self._all_answered = threading.Condition()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        """Answer a request."""
        with self._all_answered:
            self._waiting += 1
        try:
            status, kind, text, more = self._answer(environ)
        except BaseException:
            self._answered()
            raise
        body = text.encode()
        headers = [*_HEADERS, *more, ("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return _Body(b"" if environ["REQUEST_METHOD"] == "HEAD" else body, self._answered)

    def end(self, within_s: float) -> None:
        """Answer what waits for new figures now; return when that is sent, or the time is over."""
        self._has_ended.set()
        with self._all_answered:
            self._all_answered.wait_for(lambda: not self._waiting, within_s)

    def _answer(
        self, environ: WSGIEnvironment
    ) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
        """Return the status, the type and the text of an answer, and further headers."""
        host, _, _ = environ.get("HTTP_HOST", "").partition(":")
        if host not in HOSTS:
            return "403 Forbidden", "text/plain", "This host is not served here.\n", ()
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            allowed = (("Allow", "GET, HEAD"),)
            return "405 Method Not Allowed", "text/plain", "This page is read-only.\n", allowed
        given = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])[0]
        if not hmac.compare_digest(given.encode(errors="replace"), self._token):
            problem = "This needs the token; use the URL that the command has printed.\n"
            return "403 Forbidden", "text/plain", problem, ()
        if environ["PATH_INFO"] == "/":
            nonce = secrets.token_urlsafe(16)
            return "200 OK", _HTML, page_html(self._view(), nonce), (_policy(nonce),)
        if environ["PATH_INFO"] == "/figures":
            self._has_ended.wait(REFRESH_S)
            return "200 OK", _HTML, figures_html(self._view()), (_policy(""),)
        return "404 Not Found", "text/plain", "There is no such page.\n", ()

    def _answered(self) -> None:
        with self._all_answered:
            self._waiting -= 1
            self._all_answered.notify_all()


class _Body:
    """The body of an answer; `when_sent` is called when the server is done with it."""

    def __init__(self, body: bytes, when_sent: Callable[[], None]) -> None:
        self._parts = iter((body,))
        self.close = when_sent

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def __next__(self) -> bytes:
        return next(self._parts)


def _policy(nonce: str) -> tuple[str, str]:
    """Return the header by which a browser runs and loads nothing but what has the `nonce`."""
    allowed = f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
    return "Content-Security-Policy", (
        f"default-src 'none'; {allowed if nonce else ''}"
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
