"""Requests to a server on loopback for some seconds, by `stream_map`, and what became of them.

    python -m benchmarks.server_clients URL KIND WORKERS SECONDS

`KIND` is `thread` or `async`; `WORKERS` a number, bounds or `auto`. Prints a line of JSON: when
each request was answered, how many were refused, and the limits over time.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.parse import urlsplit

from batchmap import stream_map
from batchmap.records import Plan

URL = urlsplit(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1/")
refused: deque[float] = deque()
kept = threading.local()
idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()


def fetch(number: int) -> float:
    """Make a request on the connection of this thread."""
    connection = getattr(kept, "connection", None)
    if connection is None:
        connection = kept.connection = http.client.HTTPConnection(URL.hostname or "", URL.port)
    try:
        connection.request("GET", URL.path)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        raise
    _check(answer.status)
    return time.perf_counter()


async def fetch_async(number: int) -> float:
    """Make a request on a connection that no other coroutine uses."""
    reader, writer = idle.pop() if idle else await asyncio.open_connection(URL.hostname, URL.port)
    writer.write(f"GET {URL.path} HTTP/1.1\r\nHost: {URL.hostname}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    if b"connection: close" in head.lower():
        writer.close()
    else:
        idle.append((reader, writer))
    _check(int(head.split(b" ", 2)[1]))
    return time.perf_counter()


def _check(status: int) -> None:
    if status != 200:
        refused.append(time.perf_counter())
        raise HTTPError(URL.geturl(), status, "refused", http.client.HTTPMessage(), None)


def main() -> None:
    """Send requests for so many seconds, as the command line asks."""
    kind, workers, seconds = sys.argv[2], sys.argv[3], float(sys.argv[4])
    plans: list[Plan] = []
    began_s = time.perf_counter()

    def numbers() -> Iterator[int]:
        number = 0
        while time.perf_counter() - began_s < seconds:
            yield number
            number += 1

    backend = "auto" if workers == "auto" else kind
    answered_s = [
        record.result - began_s
        for record in stream_map(
            fetch_async if kind == "async" else fetch,
            numbers(),
            backend=backend,
            workers=workers if workers == "auto" or ".." in workers else int(workers),
            retries=1000,
            on_plan=plans.append,
        )
        if record.failure is None
    ]
    found = plans[-1].concurrency
    report = {
        "answered_s": sorted(round(at_s, 3) for at_s in answered_s),
        "refused_s": [round(at_s - began_s, 3) for at_s in refused],
        "found": found.text if found else "",
        "history": found.history if found else [],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
