"""An HTTP server on loopback that answers as the request's path tells it to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qs, urlsplit

__all__ = ["Server", "serving"]


class Server(ThreadingHTTPServer):
    """Answers `/NAME?status=429&times=2&after=1` with 429 twice, and then with 200.

    `after` is sent as `Retry-After`, `date` as `Date` in place of the time.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = Lock()
        self.requests: dict[str, int] = {}
        """How often each name was asked for."""
        self.arrived_s: list[float] = []
        """When each request had been read, in seconds."""

    def url(self, name: object, **query: object) -> str:
        """Return the URL of a name; `query` says how it is answered."""
        words = "&".join(f"{key}={value}".replace(" ", "+") for key, value in query.items())
        return f"http://127.0.0.1:{self.server_address[1]}/{name}?{words}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with self.server.lock:
            self.server.arrived_s.append(time.monotonic())
            number = self.server.requests.get(parts.path[1:], 0) + 1
            self.server.requests[parts.path[1:]] = number
        fails = number <= int(query.get("times", "1000"))
        status = int(query.get("status", "200")) if fails else 200
        self.send_response_only(status)
        if "date" in query:
            self.send_header("Date", query["date"])
        if fails and "after" in query:
            self.send_header("Retry-After", query["after"])
        body = f"{number}".encode()
        self.send_header("Content-Length", f"{len(body)}")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def serving() -> Iterator[Server]:
    """Serve while the block runs."""
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
