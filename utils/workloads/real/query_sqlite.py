"""Real work in a database: aggregate queries over a table in a SQLite file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import RealWork, WorkItems
from .sample_text import generator

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SumOrders", "prepare_querying"]

ROWS = 40_000
REGIONS = 8
DAYS = 365

QUERY = """
    SELECT region, COUNT(*), SUM(cents), MAX(cents) FROM orders
    WHERE day BETWEEN ? AND ? GROUP BY region ORDER BY region
"""

_mine = threading.local()
"""The calling thread's connection, as `connections` of it."""

_opened: list[tuple[int, sqlite3.Connection]] = []
"""Every connection that is open, with the process that opened it."""


@dataclass(frozen=True, slots=True)
class SumOrders:
    """Sum up the orders of some days, by region, through a connection of each worker's own."""

    database: str
    """Path of the file."""

    def __call__(self, days: tuple[int, int]) -> tuple[tuple[Any, ...], ...]:
        """Return region, number, sum and largest order (cents) of the days from first to last."""
        return tuple(self._connection().execute(QUERY, days))

    def _connection(self) -> sqlite3.Connection:
        # A connection must not be used in a forked process: whoever inherits one opens another.
        key = (os.getpid(), self.database)
        if getattr(_mine, "key", None) != key:
            _mine.connection = _connect(self.database)
            _mine.key = key
        connection: sqlite3.Connection = _mine.connection
        return connection


def _connect(database: str) -> sqlite3.Connection:
    import sqlite3

    # Another thread closes it, at the end, when nobody uses it any more.
    connection = sqlite3.connect(
        f"{Path(database).as_uri()}?mode=ro", uri=True, check_same_thread=False
    )
    _opened.append((os.getpid(), connection))
    return connection


def _close_all() -> None:
    while _opened:
        process, connection = _opened.pop()
        if process == os.getpid():
            with suppress(Exception):  # a thread that was given up may still be at a query
                connection.close()


@contextmanager
def prepare_querying(directory: Path, count: int, seed: int) -> Iterator[RealWork]:
    """Make a table of orders, and `count` ranges of days to ask for."""
    database = directory / "orders.db"
    _make_table(database, seed)
    spans = [(first, last) for first in range(DAYS // 2) for last in range(first + 60, first + 150)]
    generator(seed, "spans").shuffle(spans)
    days = tuple(spans[index % len(spans)] for index in range(count))
    try:
        yield RealWork(SumOrders(str(database)), WorkItems("queries", days))
    finally:
        _close_all()


def _make_table(database: Path, seed: int) -> None:
    import sqlite3

    random = generator(seed, "orders")
    rows = (
        (
            random.randrange(DAYS),
            f"region {random.randrange(REGIONS)}",
            random.randrange(100, 90_000),
        )
        for _ in range(ROWS)
    )
    connection = sqlite3.connect(database)
    try:
        with connection:
            connection.execute("CREATE TABLE orders (day INT, region TEXT, cents INT)")
            connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    except sqlite3.OperationalError as error:  # a full disk, say
        raise OSError(f"{database.name}: {error}") from error
    finally:
        connection.close()
