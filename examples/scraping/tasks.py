"""Fetches a page and finds its title, words and links: `fetch_page` for `main.py run`.

The item is an address. Where it redirects to is a link like others, for the caller to follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from batchmap import Permanent
from selectolax.lexbor import LexborHTMLParser

AGENT, TIMEOUT_S = "example-crawler", 10.0
LARGEST_BODY = 2_000_000  # bytes, after decompression

client = httpx.Client(headers={"User-Agent": AGENT}, timeout=TIMEOUT_S, trust_env=False)


def host_of(address: str) -> str | None:
    """Return the host of an address, for `--limit-per`."""
    return urlsplit(address).hostname


def fetch_page(address: str) -> dict[str, Any]:
    """Return what is on the page at `address`; raises for one that cannot be had.

    That is `Permanent` where asking again would bring the same, as is an error of HTTP like 404.
    """
    body = bytearray()
    with client.stream("GET", address) as response:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise Permanent(f"{address}: the body has over {LARGEST_BODY:,} bytes")
    if response.has_redirect_location:
        return {"title": None, "links": in_full(address, [response.headers["Location"]])}
    response.raise_for_status()
    kind = response.headers.get("Content-Type", "of no kind")
    if not kind.startswith("text/html"):
        raise Permanent(f"{address} is no page: {kind}")
    return parse_page(body.decode(response.encoding or "utf-8", errors="replace"), address)


def parse_page(html: str, address: str) -> dict[str, Any]:
    """Return title, words and links of a page; bad markup is read as a browser reads it."""
    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style"])
    title = tree.css_first("title")
    text = tree.body.text(separator=" ", strip=True) if tree.body else ""
    return {
        "title": title.text(strip=True) if title else "",
        "words": len(text.split()),
        "digest": sha256(text.encode()).hexdigest(),
        "links": in_full(address, [link.attributes["href"] or "" for link in tree.css("a[href]")]),
    }


def in_full(address: str, links: Iterable[str]) -> list[str]:
    """Return the links of the page at `address` in full, each once; leaves out what is none."""
    whole: dict[str, None] = {}
    for link in links:
        with suppress(ValueError):
            whole[urljoin(address, link.strip())] = None
    return list(whole)
