"""Prints the number of each page that the API has, a line each: the input of `run`."""

from __future__ import annotations

import httpx
from tasks import API_TOKEN, API_URL


def count_pages() -> int:
    """Ask the API; an API that is just starting is asked again for a few seconds."""
    patient = httpx.HTTPTransport(retries=5)  # of the connection alone
    with httpx.Client(transport=patient) as client:
        response = client.get(
            API_URL.join("/pages"), headers={"Authorization": f"Bearer {API_TOKEN}"}
        )
    return int(response.raise_for_status().json()["pages"])


if __name__ == "__main__":
    for number in range(1, count_pages() + 1):
        print(number)
