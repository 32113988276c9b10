"""Real work in a database: aggregate queries over a table in a SQLite file."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..seeded import generator
from .base import RealWork, WorkItems

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


class _Connections:
    """The open connections of this process, one for each thread; a pickled copy has none."""

    def __init__(self) -> None:
        self._of_thread = threading.local()
        self._opened: list[tuple[int, sqlite3.Connection]] = []
        """Every connection, with the process that opened it."""

    def __reduce__(self) -> tuple[type[_Connections], tuple[()]]:
        # The function is sent to workers as code, and its module's variables with it.
        return _Connections, ()

    def of_this_thread(self, database: str) -> sqlite3.Connection:
        """Return this thread's connection to the file at the path `database`."""
        # A connection must not be used after a fork, so the child opens one of its own.
        key = (os.getpid(), database)
        if getattr(self._of_thread, "key", None) != key:
            self._of_thread.connection = self._open(database)
            self._of_thread.key = key
        connection: sqlite3.Connection = self._of_thread.connection
        return connection

    def _open(self, database: str) -> sqlite3.Connection:
        import sqlite3

        # Another thread closes it, at the end, when no thread uses it any more.
        connection = sqlite3.connect(
            f"{Path(database).as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        self._opened.append((os.getpid(), connection))
        return connection

    def close_all(self) -> None:
        """Close every connection that this process opened."""
        while self._opened:
            process, connection = self._opened.pop()
            if process == os.getpid():
                with suppress(Exception):  # a thread that was given up may still run a query
                    connection.close()


_connections = _Connections()


@dataclass(frozen=True, slots=True)
class SumOrders:
    """Sums up the orders of some days by region; each thread has a connection of its own."""

    database: str
    """Path of the file."""

    def __call__(self, days: tuple[int, int]) -> tuple[tuple[Any, ...], ...]:
        """Return region, number, sum and largest order (cents), for days from first to last."""
        return tuple(_connections.of_this_thread(self.database).execute(QUERY, days))


@contextmanager
def prepare_querying(directory: Path, count: int, seed: int) -> Iterator[RealWork]:
    """Make a table of orders; the items are `count` ranges of days."""
    database = directory / "orders.db"
    _make_table(database, seed)
    spans = [(first, last) for first in range(DAYS // 2) for last in range(first + 60, first + 150)]
    generator(seed, "spans").shuffle(spans)
    days = tuple(spans[index % len(spans)] for index in range(count))
    try:
        yield RealWork(SumOrders(str(database)), WorkItems("queries", days))
    finally:
        _connections.close_all()


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
