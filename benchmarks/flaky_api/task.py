"""What a user writes: an item of the API, by a client with default options."""

from __future__ import annotations

import os
from typing import Any

import httpx

URL = os.environ["FLAKY_API"]

client = httpx.AsyncClient()


async def fetch(number: str) -> Any:
    """Return an item of the API; raises for a status that is an error."""
    response = await client.get(f"{URL}/items/{number}")
    return response.raise_for_status().json()
