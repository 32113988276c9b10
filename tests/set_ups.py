"""Set-ups of every kind, which write down when they begin and end, for tests of set-up.

This module imports next to nothing, so that worker processes start quickly.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from batchmap.records import ItemRecord


class Log:
    """Lines that any process appends to a file, each with who wrote it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, what: str) -> str:
        who = f"{os.getpid()}:{threading.get_ident()}"
        with self.path.open("a") as file:
            file.write(f"{what} {who}\n")
        return who

    def who(self, what: str) -> list[str]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return sorted(line.split()[1] for line in lines if line.split()[0] == what)

    def whats(self) -> list[str]:
        return [line.split()[0] for line in self.path.read_text().splitlines()]


def plain(log: Log) -> Callable[[], Any]:
    return lambda: log.add("begin")


def generator(log: Log) -> Callable[[], Any]:
    def set_up() -> Iterator[str]:
        yield log.add("begin")
        log.add("end")

    return set_up


def manager(log: Log) -> Callable[[], Any]:
    @contextmanager
    def set_up() -> Iterator[str]:
        try:
            yield log.add("begin")
        finally:
            log.add("end")

    return set_up


def of_a_class(log: Log) -> Callable[[], Any]:
    class SetUp:
        def __enter__(self) -> str:
            return log.add("begin")

        def __exit__(self, *error: object) -> None:
            log.add("end")

    return SetUp


def coroutine(log: Log) -> Callable[[], Any]:
    async def set_up() -> str:
        await asyncio.sleep(0)
        return log.add("begin")

    return set_up


def async_generator(log: Log) -> Callable[[], Any]:
    async def set_up() -> AsyncIterator[str]:
        async with asyncio.timeout(None):  # which can be left in the task that entered it alone
            yield log.add("begin")
            await asyncio.sleep(0)
            log.add("end")

    return set_up


def async_manager(log: Log) -> Callable[[], Any]:
    return asynccontextmanager(async_generator(log))


KINDS = (plain, generator, manager, of_a_class, coroutine, async_generator, async_manager)
WITH_SECOND_HALF = (generator, manager, of_a_class, async_generator, async_manager)


def same_worker(item: int, made: str) -> tuple[int, str, bool]:
    return item, made, made == f"{os.getpid()}:{threading.get_ident()}"


async def same_worker_async(item: int, made: str) -> tuple[int, str, bool]:
    await asyncio.sleep(0)
    return same_worker(item, made)


def one(item: int) -> int:
    return item


def licence() -> str:
    return "yes"


def one_made(item: int, made: str) -> str:
    return f"{item} {made.partition(':')[2] != ''}"


class Resource:
    """What a function returns that could also be entered."""

    is_entered = False

    def __enter__(self) -> None:
        self.is_entered = True

    def __exit__(self, *error: object) -> None:
        raise AssertionError


def drawn(item: int) -> tuple[int, float, float]:
    try:
        import numpy.random

        other = float(numpy.random.random())
    except ImportError:
        other = random.random()
    return item, random.random(), other


async def drawn_later(item: int) -> tuple[int, float, float]:
    await asyncio.sleep(0)
    return drawn(item)


def where(item: int) -> tuple[int, str]:
    return item, f"{os.getpid()}:{threading.get_ident()}"


async def where_later(item: int) -> tuple[int, str]:
    await asyncio.sleep(0)
    return where(item)


def more(item: int) -> int:
    return item + 1


def twice(record: ItemRecord) -> tuple[int, int]:
    return record.index, 2 * record.result


def end_by_signal() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
