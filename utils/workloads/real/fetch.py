"""Real work that waits: pages fetched over HTTP from a server on this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from batchmap.errors import OutputError

from .base import RealWork, WorkItems

__all__ = ["FetchPage", "prepare_fetching"]

SERVICE_TIME_S = 0.02
"""How long the server lets each request wait, as a network would."""

PAGE_BYTES = 16_384
PATIENCE_S = 30.0

SERVER = Path(__file__).with_name("fetch_server.py")


@dataclass(frozen=True, slots=True)
class FetchPage:
    """Fetch a page of the server on `port` of this machine, and tell its digest."""

    port: int

    def __call__(self, page: str) -> str:
        """Return the digest of what is at the path `page`; raises `OSError` when nothing is."""
        from http.client import HTTPConnection, HTTPException

        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", page)
            answer = connection.getresponse()
            body = answer.read()
        except HTTPException as error:
            raise OSError(f"{page}: the server broke off ({error!r:.100})") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise OSError(f"{page}: the server answered {answer.status}")
        return blake2b(body, digest_size=16).hexdigest()


@contextmanager
def prepare_fetching(_: Path, count: int, seed: int) -> Iterator[RealWork]:
    """Start a server with `count` pages for as long as the context lasts."""
    # A process of its own: as a thread, it would share the interpreter lock with its clients.
    # It leaves when its standard input is closed, thus even when this process is killed.
    server = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SERVER), str(SERVICE_TIME_S), str(PAGE_BYTES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        function = FetchPage(_port_of(server))
        function("/ready")  # loads what a client needs, so that the first page is like the rest
        pages = tuple(f"/{seed}/page-{index:04}" for index in range(count))
        yield RealWork(function, WorkItems("pages", pages))
    finally:
        server.kill()  # closing its input would not do while forked workers hold it too
        server.communicate()


def _port_of(server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    told = server.stdout.readline().strip()
    if not told.isdecimal():
        why = told or f"it ended with exit code {server.wait()}"
        raise OutputError(
            f"the local server of the fetching scenario did not start ({why:.200}); "
            "allow connections to 127.0.0.1, or use --suite simulated"
        )
    return int(told)
