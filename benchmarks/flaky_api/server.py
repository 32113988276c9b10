"""Serves items as JSON on loopback, as an API does that has a bad day: in a process of its own.

    GET /items/17    {"id": 17}
    GET /counts      {"200": 5000, "429": 12, ...}, with "hang" for what was never answered

Of the requests that it lets in, some get 500 and some no answer at all; which ones follows from the
seed, the item, and how often it was asked for. What goes beyond the rate gets 429 with Retry-After.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import Counter, deque
from typing import Any

RETRY_AFTER_S = 1

REASONS = {200: "OK", 429: "Too Many Requests", 500: "Internal Server Error"}


class Api:
    """What the server does with a request, and what it remembers."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._asked: Counter[str] = Counter()
        self._let_in: deque[float] = deque(maxlen=options.rate or 1)
        self.counts: Counter[str] = Counter()

    def answer(self, path: str, now_s: float) -> tuple[int, float] | None:
        """Return the status for a request, and after how many seconds; `None` for no answer."""
        options = self._options
        if options.rate:
            if len(self._let_in) == options.rate and now_s - self._let_in[0] < 1:
                return 429, 0.0
            self._let_in.append(now_s)
        self._asked[path] += 1
        drawn = random.Random(f"{options.seed}{path} {self._asked[path]}").random()
        if drawn < options.hangs:
            return None
        return (500 if drawn < options.hangs + options.errors else 200), options.latency


class Connection(asyncio.Protocol):
    """The requests of one client, one after another."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._loop = asyncio.get_running_loop()
        self._read = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request once its head is there; none has a body."""
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, path: str) -> None:
        counts = self._api.counts
        if path == "/counts":
            self._send(200, counts)
            return
        found = self._api.answer(path, self._loop.time())
        if found is None:
            counts["hang"] += 1
            return
        status, after_s = found
        counts[str(status)] += 1
        self._loop.call_later(after_s, self._send, status, {"id": int(path.rpartition("/")[2])})

    def _send(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        told = f"Retry-After: {RETRY_AFTER_S}\r\n" if status == 429 else ""
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n{told}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process ends, and say where."""
    api = Api(options)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(api), "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--rate", type=int, default=0, help="requests that it lets in a second; 0: all")
    add("--latency", type=float, default=0.05, help="seconds that an answer takes")
    add("--errors", type=float, default=0.0, help="share of those let in that get 500")
    add("--hangs", type=float, default=0.0, help="share of them that get no answer")
    add("--seed", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
