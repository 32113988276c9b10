"""Collects an API page by page: `run` calls `fetch_page` with each line of a file of page numbers.

API_URL and API_TOKEN in the environment name the API; without them it is the one of `server.py`.
What is tried again, when, and how long an attempt may take is the command's business.
"""

from __future__ import annotations

import asyncio
import json
import os
from ipaddress import ip_address
from typing import Any

import httpx
from batchmap import Permanent, Stop

API_URL = httpx.URL(os.environ.get("API_URL", "http://127.0.0.1:8765"))
API_TOKEN = os.environ.get("API_TOKEN", "example-token")
LARGEST_BODY = 1_000_000  # bytes, after decompression


async def fetch_page(number: str) -> dict[str, Any]:
    """Return a page of the API; raises whatever is wrong with it.

    It is tried again after the time that a `Retry-After` says, or else after a short one, but for
    what stays as it is: a page that is not there, `Permanent`, and a token that is refused.
    """
    body = bytearray()
    async with client.stream("GET", "/items", params={"page": int(number)}) as response:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise Permanent(f"{response.url}: the body has over {LARGEST_BODY:,} bytes")
    if response.status_code == httpx.codes.UNAUTHORIZED:  # so would be all other pages
        raise Stop(f"{API_URL} refuses the token; set API_TOKEN and go on")
    response.raise_for_status()
    page = json.loads(body)
    return {"page": page["page"], "items": page["items"]}


async def check_address(request: httpx.Request) -> None:
    """Raise `Permanent` unless a request, or the redirect of one, may go where it goes.

    The API itself may be anywhere. What it redirects to must be public, lest it send us to a
    neighbour on our own network. (A name that changes its address right after this gets through.)
    """
    url = request.url
    if url.scheme not in ("http", "https"):
        raise Permanent(f"{url}: only http and https are fetched")
    if (url.scheme, url.host, url.port) == (API_URL.scheme, API_URL.host, API_URL.port):
        return
    for *_, address in await asyncio.get_running_loop().getaddrinfo(url.host, url.port):
        if not ip_address(address[0]).is_global:
            raise Permanent(f"{url}: refused, {address[0]} is not a public address")


client = httpx.AsyncClient(
    base_url=API_URL,
    headers={"Authorization": f"Bearer {API_TOKEN}"},  # not sent on to another host
    timeout=None,  # --timeout limits the whole attempt
    follow_redirects=True,
    event_hooks={"request": [check_address]},
    trust_env=False,  # a proxy would look up the names instead of us
)
