"""Functions of every shape, for tests of how functions are called.

This module imports next to nothing, so that worker processes start quickly.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any


def told(*arguments: Any, **keywords: Any) -> tuple[Any, ...]:
    return arguments, keywords


async def told_later(*arguments: Any, **keywords: Any) -> tuple[Any, ...]:
    await asyncio.sleep(0)
    return arguments, keywords


def counted(number: int) -> Iterator[int]:
    yield from range(number)


async def counted_later(number: int) -> AsyncIterator[int]:
    for one in range(number):
        await asyncio.sleep(0)
        yield one


async def counted_from(number: int, first: int) -> AsyncIterator[int]:
    for one in range(number):
        yield first + one


async def listed_later(number: int) -> list[int]:
    return list(range(number))


def breaks_at_two(number: int) -> Iterator[int]:
    for one in range(number):
        if one == 2:
            raise ValueError(f"two of {number}")
        yield one


def doubled(items: list[int]) -> list[int]:
    assert type(items) is list
    return [2 * item for item in items]


async def doubled_later(items: list[int]) -> list[int]:
    await asyncio.sleep(0)
    return doubled(items)
