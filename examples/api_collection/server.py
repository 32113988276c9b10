"""Serves a paged JSON API on the loopback interface, with the failures that real ones have.

    GET /pages           {"pages": 300}
    GET /items?page=7    {"page": 7, "items": [{"id": 121, ...}, ...]}
    GET /log             [[when in seconds, status, path], ...]

All but the last want the bearer token. Every third page or so is in trouble at its first requests:
too many requests (429 with Retry-After), an error of the server, too slow, cut off, no JSON, or
moved. Pages 10, 20, 30 and 40 are never to be had: missing, too large, moved to a private address
or to another protocol. What becomes of a page follows from the seed, its number, and how often it
was asked for.
Ends with the process that started it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE_SIZE = 20
TROUBLED = 0.3  # share of the pages
TROUBLES = ("busy", "error", "down", "slow", "cut", "garbled", "moved")
LOST = {10: "missing", 20: "huge", 30: "inward", 40: "ftp"}
HUGE = 3_000_000  # bytes


def page_of(number: int) -> dict[str, Any]:
    """Return a page, which follows from its number alone."""
    first = (number - 1) * PAGE_SIZE + 1
    items = [
        {"id": place, "name": f"item {place}", "price_cents": place * 7919 % 10_000}
        for place in range(first, first + PAGE_SIZE)
    ]
    return {"page": number, "items": items}


class Api(ThreadingTCPServer):
    """The server and what it remembers of its requests."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", options.port), Answer)
        self.options = options
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: Counter[int] = Counter()
        self.log: list[tuple[float, int, str]] = []
        self._served: deque[float] = deque(maxlen=options.limit)
        self._lock = threading.Lock()

    def has_room(self) -> bool:
        """Tell whether one more request is within the limit of the last second."""
        with self._lock:
            now = time.monotonic()
            full = len(self._served) == self.options.limit and now - self._served[0] < 1
            if not full:
                self._served.append(now)
            return not full

    def trouble_with(self, number: int) -> str:
        """Return what is wrong with a page this time, empty for nothing."""
        with self._lock:
            self.asked[number] += 1
            asked = self.asked[number]
        if number in LOST:
            return LOST[number]
        chance = random.Random(f"{self.options.seed}/{number}")
        failures = chance.sample(TROUBLES, 2) if chance.random() < TROUBLED else []
        return failures[asked - 1] if asked <= len(failures) else ""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that left."""


class Answer(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Api

    def do_GET(self) -> None:
        """Answer a request."""
        place = urlsplit(self.path)
        options = self.server.options
        if place.path == "/log":
            self.send_body(200, json.dumps(self.server.log).encode(), {})
        elif self.headers.get("Authorization") != f"Bearer {options.token}":
            self.send(401, {"error": "the bearer token is missing or wrong"})
        elif not self.server.has_room():
            self.send(429, {"error": "too many requests"}, {"Retry-After": "1"})
        elif place.path == "/pages":
            self.send(200, {"pages": options.pages})
        elif place.path in ("/items", "/moved"):
            time.sleep(options.latency)
            self.send_page(place.path, parse_qs(place.query).get("page", ["none"])[0])
        else:
            self.send(404, {"error": "there is nothing here"})

    def send_page(self, path: str, text: str) -> None:
        """Answer with a page, or with what is wrong with it."""
        if not text.isdecimal() or not 1 <= int(text) <= self.server.options.pages:
            self.send(404, {"error": f"there is no page {text}"})
            return
        number = int(text)
        trouble = "" if path == "/moved" else self.server.trouble_with(number)
        match trouble:
            case "busy":
                self.send(429, {"error": "too many requests"}, {"Retry-After": "1"})
            case "error":
                self.send(500, {"error": "something went wrong"})
            case "down":
                self.send(503, {"error": "back soon"}, {"Retry-After": "1"})
            case "missing":
                self.send(404, {"error": f"page {number} was lost"})
            case "huge":
                self.send(200, {"padding": "x" * HUGE})
            case "moved":
                self.send(307, {}, {"Location": f"/moved?page={number}"})
            case "inward":
                away = self.server.url.replace("127.0.0.1", "localhost")
                self.send(307, {}, {"Location": f"{away}/moved?page={number}"})
            case "ftp":
                self.send(307, {}, {"Location": f"ftp://example.org/{number}.json"})
            case "cut" | "garbled":
                self.send_half(page_of(number), says_so=trouble == "garbled")
            case _:
                time.sleep(self.server.options.slow if trouble == "slow" else 0)
                self.send(200, page_of(number))

    def send(
        self, status: int, value: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        """Send a value as JSON."""
        self.send_body(status, json.dumps(value).encode(), headers or {})

    def send_half(self, value: dict[str, Any], *, says_so: bool) -> None:
        """Send the first half of a page, as if it were the whole or else cut off on the way."""
        body = json.dumps(value).encode()
        half = body[: len(body) // 2]
        self.send_body(200, half, {} if says_so else {"Content-Length": str(len(body))})
        self.close_connection = True

    def send_body(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send a body with its length, unless `headers` tell another."""
        self.server.log.append((time.monotonic(), status, self.path))
        self.send_response(status)
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, text in (sent | headers).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *words: Any) -> None:
        """Print nothing: the log is at `/log`."""


def end_with(parent: int) -> None:
    """End this process when the one that started it has ended."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--port", type=int, default=8765, help="0 for any that is free (default: 8765)")
    add("--pages", type=int, default=300, help="how many pages there are (default: 300)")
    add("--seed", type=int, default=0, help="what the failures follow from (default: 0)")
    add("--token", default="example-token", help="the bearer token (default: example-token)")
    add("--limit", type=int, default=100, help="requests a second (default: 100)")
    add("--latency", type=float, default=0.1, help="seconds an answer takes (default: 0.1)")
    add("--slow", type=float, default=3.0, help="seconds a slow one takes more (default: 3)")
    options = parser.parse_args()
    threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    try:
        api = Api(options)
    except OSError as error:
        parser.error(f"--port {options.port}: {error.strerror}; name another")
    print(f"serving {options.pages} pages at {api.url}", flush=True)
    with suppress(KeyboardInterrupt):
        api.serve_forever()


if __name__ == "__main__":
    main()
