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
"""How long each request waits in the server, as it would in a network."""

PAGE_BYTES = 16_384
TIMEOUT_S = 30.0

SERVER_PROGRAM = Path(__file__).with_name("fetch_server.py")


@dataclass(frozen=True, slots=True)
class FetchPage:
    """Fetches a page of the server on `port` of this machine, and returns its digest."""

    port: int

    def __call__(self, page: str) -> str:
        """Return the digest of the page at the path `page`; raises `OSError` when it has none."""
        from http.client import HTTPConnection, HTTPException

        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", page)
            response = connection.getresponse()
            body = response.read()
        except HTTPException as error:
            raise OSError(f"{page}: the server broke off ({error!r:.100})") from error
        finally:
            connection.close()
        if response.status != 200:
            raise OSError(f"{page}: the server answered {response.status}")
        return blake2b(body, digest_size=16).hexdigest()


@contextmanager
def prepare_fetching(_: Path, count: int, seed: int) -> Iterator[RealWork]:
    """Start a server with `count` pages for as long as the context lasts."""
    # A process of its own: as a thread, it would share the GIL with its clients. It exits when its
    # standard input is closed, and so even when this process is killed.
    server = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SERVER_PROGRAM), str(SERVICE_TIME_S), str(PAGE_BYTES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        function = FetchPage(_port_of(server))
        function(
            "/ready"
        )  # imports what a client needs, so that the first page takes no longer than the rest
        pages = tuple(f"/{seed}/page-{index:04}" for index in range(count))
        yield RealWork(function, WorkItems("pages", pages))
    finally:
        server.kill()  # forked workers may hold its input open, so closing that is not enough
        server.communicate()


def _port_of(server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    line = server.stdout.readline().strip()
    if not line.isdecimal():
        why = line or f"it ended with exit code {server.wait()}"
        raise OutputError(
            f"the local server of the fetching scenario did not start ({why:.200}); "
            "allow connections to 127.0.0.1, or use --suite simulated"
        )
    return int(line)
