"""A small HTTP server on the loopback interface, as a program that imports nothing of this project.

Its arguments are the wait before each response (seconds) and the size of a page (bytes); it prints
its port.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from hashlib import shake_128

__all__ = ["serve"]

BACKLOG = 1024


def exit_with_parent() -> None:
    """End this process when its standard input is closed, however the parent process ended."""
    sys.stdin.buffer.read()
    os._exit(0)


async def serve(service_time_s: float, page_bytes: int) -> None:
    """Respond to every request for a path with a page that follows from that path alone."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readline()
            while (await reader.readline()).strip():
                pass
            await asyncio.sleep(service_time_s)
            page = shake_128(request).hexdigest(page_bytes // 2).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + page)
            await writer.drain()
        except (OSError, ValueError):  # the client has closed the connection, or sent no HTTP
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    # Ctrl-C goes to the whole process group, but requests in flight still need this server.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    try:
        asyncio.run(serve(float(sys.argv[1]), int(sys.argv[2])))
    except OSError as error:
        print(error, flush=True)


if __name__ == "__main__":
    main()
