"""The same by a script of one's own: a semaphore, and tenacity with what the server asks for.

FLAKY_API=URL python by_hand.py NUMBERS OUTPUT AT_ONCE
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx
from tenacity import (
    RetryCallState,
    retry,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

URL = os.environ["FLAKY_API"]
TIMEOUT_S = 2.0
RETRY_FOR_S = 120.0

usual_wait = wait_random_exponential(multiplier=0.1, max=10)


def is_temporary(error: BaseException) -> bool:
    """Tell whether the same request may succeed later."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in (408, 425, 429) or error.response.is_server_error
    return isinstance(error, httpx.TransportError)


def wait_as_told(state: RetryCallState) -> float:
    """Return the seconds that the server asks for, or else a growing wait."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, httpx.HTTPStatusError):
        told = error.response.headers.get("Retry-After", "")
        if told.isdecimal():
            return float(told)
    return float(usual_wait(state))


async def fetch_once(client: httpx.AsyncClient, at_once: asyncio.Semaphore, number: str) -> Any:
    """Return an item; the place among those at once is not held while it waits for a retry."""
    async with at_once:
        response = await client.get(f"{URL}/items/{number}")
    return response.raise_for_status().json()


fetch = retry(
    retry=retry_if_exception(is_temporary),
    wait=wait_as_told,
    stop=stop_after_delay(RETRY_FOR_S),
    reraise=True,
)(fetch_once)


async def main(numbers: Path, output: Path, most: int) -> None:
    """Fetch all items, and write those that were to be had."""
    at_once = asyncio.Semaphore(most)
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        fetching = [fetch(client, at_once, number) for number in numbers.read_text().split()]
        results = await asyncio.gather(*fetching, return_exceptions=True)
    with output.open("w") as file:
        for result in results:
            if not isinstance(result, BaseException):
                file.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
