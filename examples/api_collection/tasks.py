"""Collects an API page by page: `run` calls `fetch_page` with each line of a file of page numbers.

API_URL and API_TOKEN in the environment name the API; without them it is the one of `server.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
from ipaddress import ip_address
from typing import Any

import httpx

API_URL = httpx.URL(os.environ.get("API_URL", "http://127.0.0.1:8765"))
API_TOKEN = os.environ.get("API_TOKEN", "example-token")
TIMEOUT_S = 2.0
LARGEST_BODY = 1_000_000  # bytes, after decompression


async def fetch_page(number: str) -> dict[str, Any]:
    """Return a page of the API; raises whatever is wrong with it, and `--retries` tries again.

    That waits as long as a `Retry-After` says, and gives up a page that is not there at once.
    """
    body = bytearray()
    async with client.stream("GET", "/items", params={"page": int(number)}) as response:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise ValueError(f"{response.url}: the body has over {LARGEST_BODY:,} bytes")
    response.raise_for_status()
    page = json.loads(body)
    return {"page": page["page"], "items": page["items"]}


async def check_address(request: httpx.Request) -> None:
    """Raise `ValueError` unless a request, or the redirect of one, may go where it goes.

    The API itself may be anywhere. What it redirects to must be public, lest it send us to a
    neighbour on our own network. (A name that changes its address right after this gets through.)
    """
    url = request.url
    if url.scheme not in ("http", "https"):
        raise ValueError(f"{url}: only http and https are fetched")
    if (url.scheme, url.host, url.port) == (API_URL.scheme, API_URL.host, API_URL.port):
        return
    for *_, address in await asyncio.get_running_loop().getaddrinfo(url.host, url.port):
        if not ip_address(address[0]).is_global:
            raise ValueError(f"{url}: refused, {address[0]} is not a public address")


client = httpx.AsyncClient(
    base_url=API_URL,
    headers={"Authorization": f"Bearer {API_TOKEN}"},  # not sent on to another host
    timeout=httpx.Timeout(TIMEOUT_S, pool=None),
    follow_redirects=True,
    event_hooks={"request": [check_address]},
    trust_env=False,  # a proxy would look up the names instead of us
)
