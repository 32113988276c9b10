"""A server on loopback with a limit: so many requests are served at once, the others wait or not.

    python -m benchmarks.limited_server SLOTS SERVICE_S [--most N] [--spread 0.2]

Prints its port. `GET /` takes `SERVICE_S` seconds, spread at random, once one of the `SLOTS` is
free; with more than `--most` in it, it answers 503 at once. `GET /slots/N/most/M` changes both, 0
standing for no limit. Ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import deque
from contextlib import suppress


class LimitedServer:
    """What serves the requests, and the queue of those that wait."""

    def __init__(self, slots: int, service_s: float, most: int, spread: float) -> None:
        self._slots = slots
        self._service_s = service_s
        self._most = most
        self._spread = spread
        self._draw = random.Random(1)
        self._serving = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                status = await self._serve() if path == "/" else self._change(path)
                writer.write(b"HTTP/1.1 %d .\r\nContent-Length: 2\r\n\r\nok" % status)
                await writer.drain()
        writer.close()

    def _change(self, path: str) -> int:
        _, _, slots, _, most = path.split("/")
        self._slots, self._most = int(slots), int(most)
        self._wake()
        return 200

    async def _serve(self) -> int:
        if self._most and self._serving + len(self._waiting) >= self._most:
            return 503
        if self._serving >= self._slots:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        else:
            self._serving += 1
        spread = self._draw.uniform(1 - self._spread, 1 + self._spread)
        await asyncio.sleep(self._service_s * spread)
        self._serving -= 1
        self._wake()
        return 200

    def _wake(self) -> None:
        while self._waiting and self._serving < self._slots:
            self._serving += 1
            self._waiting.popleft().set_result(None)


async def serve(server: LimitedServer) -> None:
    """Serve on a free port until standard input ends."""
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0, backlog=1000)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("slots", type=int)
    parser.add_argument("service_s", type=float)
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--spread", type=float, default=0.2)
    asked = parser.parse_args()
    server = LimitedServer(asked.slots, asked.service_s, asked.most, asked.spread)
    asyncio.run(serve(server))


if __name__ == "__main__":
    main()
