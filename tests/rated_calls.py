"""Functions that tests of rates call, in processes, too, and the windows that they check."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.request import urlopen

from batchmap import RetryAfter, spent
from batchmap.worker.back_off import current_attempt

__all__ = ["asks", "asks_a_loop", "asks_twice", "counted", "fullest_window"]


def fullest_window(starts: Iterable[tuple[float, float]], length_s: float) -> float:
    """Return the most that any window of `length_s` holds of what started: (time, amount) each."""
    inside: list[tuple[float, float]] = []
    most = 0.0
    for time_s, amount in sorted(starts):
        inside = [one for one in inside if one[0] > time_s - length_s] + [(time_s, amount)]
        most = max(most, sum(amount for _, amount in inside))
    return most


def asks(url: str) -> str:
    """Return the server's answer."""
    with urlopen(url, timeout=30) as response:
        return str(response.read().decode())


async def asks_a_loop(url: str) -> str:
    """Return the server's answer, in a coroutine."""
    import asyncio

    host, _, rest = url.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(f"GET /{rest} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode().rpartition("\r\n")[2]


def asks_twice(url: str) -> str:
    """Ask, and have a third of the items tried again at once."""
    answer = asks(url)
    if current_attempt.get() == 1 and int(url.rpartition("/")[2].rstrip("?")) % 3 == 0:
        raise RetryAfter(0)
    return answer


def counted(amount: float) -> float:
    """Tell that an item cost twice what it says."""
    spent(amount)
    spent(amount)
    return amount
