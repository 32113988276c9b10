"""The tables of a journal: rows with checksums, in a file that is locked and checked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from batchmap.checkpoint.journal_file import (
    DamagedJournalError,
    close_journal_file,
    open_journal_file,
    sqlite_errors,
)

__all__ = ["JournalTables", "NotedRows", "row_sum"]

FETCHED_ROWS = 16
"""How many rows are fetched at a time."""


def row_sum(*values: Any) -> bytes:
    """Return the checksum of a row's values."""
    found = blake2b(digest_size=8)
    for value in values:
        data = value if type(value) is bytes else repr(value).encode()
        found.update(b"%s %d " % (type(value).__name__.encode(), len(data)))
        found.update(data)
    return found.digest()


def _numbered(
    sql: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """Yield rows with the next ids of a table before their values."""
    [last] = sql.execute(f"SELECT max(id) FROM {table}").fetchone()
    for id, row in enumerate(rows, (last or 0) + 1):
        yield id, *row


@dataclass(slots=True)
class NotedRows:
    """Rows that are still to be inserted."""

    done: list[tuple[int, int, bytes, bytes, int]] = field(default_factory=list)
    """First item, number of items, their entries, how many rows each has (`row_counts`), and where
    the output ends after them."""
    failed: list[tuple[int, bytes, str]] = field(default_factory=list)
    """Item, its entry, and its line of the file of failed items."""
    stretches: list[tuple[int, bytes]] = field(default_factory=list)
    """Where the output ended, and the digest of what was added since the last one."""

    def insert(self, sql: sqlite3.Connection, *, tables: str = "") -> None:
        """Insert them, within a transaction, into the tables whose names begin with `tables`."""
        for name, rows in (
            (f"{tables}done", _numbered(sql, f"{tables}done", self.done)),
            (f"{tables}failed", _numbered(sql, f"{tables}failed", self.failed)),
            (f"{tables}stretch", self.stretches),
        ):
            for row in rows:
                places = ", ".join("?" * (len(row) + 1))
                sql.execute(f"INSERT INTO {name} VALUES ({places})", (*row, row_sum(*row)))


class _Reading:
    """The rows of a query that are still to be read."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self._rest: list[tuple[Any, ...]] | None = None

    def some(self) -> list[tuple[Any, ...]]:
        """Return the next rows, none at the end."""
        if self._rest is None:
            return self._cursor.fetchmany(FETCHED_ROWS)
        some, self._rest = self._rest, []
        return some

    def keep_rest(self) -> None:
        """Read all of them, for their table will be gone."""
        if self._rest is None:
            self._rest = self._cursor.fetchall()
            self._cursor.close()

    def close(self) -> None:
        self._cursor.close()


class JournalTables:
    """The tables in the file at `path`; messages call it `name`.

    Raises `OutputHeldError` when another run holds it, `OutputError` when it cannot be read or
    written, or when the file is no journal. So do its methods; a row that is not what was written
    is a `DamagedJournalError`.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self._path = path.absolute()
        self._name = name or str(path)
        self._readings: list[_Reading] = []
        self._connection: sqlite3.Connection | None = open_journal_file(self._path, self._name)

    @property
    def sql(self) -> sqlite3.Connection:
        """The connection; its errors are to be turned into `OutputError` by `transaction`."""
        assert self._connection is not None
        return self._connection

    def close(self) -> None:
        """Close the journal; what was not committed is lost."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with sqlite_errors(self._name):
                self.end_reading()  # an open cursor would keep SQLite's files beside it
                close_journal_file(connection, self._path)

    def end_reading(self) -> None:
        """End all `rows` that were not read to their end."""
        for reading in self._readings:
            reading.close()
        self._readings.clear()

    def detach_readings(self) -> None:
        """Read the rest of all `rows`, so that tables can be dropped."""
        with sqlite_errors(self._name):
            for reading in self._readings:
                reading.keep_rest()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Make all that is written inside durable at its end, or nothing of it."""
        with sqlite_errors(self._name):
            self.sql.execute("BEGIN IMMEDIATE")
            try:
                yield self.sql
                self.sql.execute("COMMIT")
            except BaseException:
                if self.sql.in_transaction:  # SQLite has ended it where it could not write
                    self.sql.execute("ROLLBACK")
                raise

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, some at a time, for others may be written meanwhile."""
        with sqlite_errors(self._name):
            reading = _Reading(self.sql.execute(query))
        self._readings.append(reading)
        while True:
            with sqlite_errors(self._name):
                some = reading.some()
            if not some:
                if reading in self._readings:
                    self._readings.remove(reading)
                return
            yield from some

    def row(self, query: str, *values: Any) -> Any:
        """Return the first row of a query, `None` where it has none."""
        with sqlite_errors(self._name):
            return self.sql.execute(query, values).fetchone()

    def checked(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the values of a row; raise an error where they are not what was written."""
        *values, found = row
        if row_sum(*values) != found:
            raise DamagedJournalError(self._name, "a row is not what was written")
        return tuple(values)

    def contradiction(self) -> DamagedJournalError:
        """Return the error for rows that cannot both be what was written."""
        return DamagedJournalError(self._name, "its rows contradict each other")

    def get(self, name: str) -> Any:
        """Return what the table `run` holds by a name, `None` for nothing."""
        found = self.row("SELECT * FROM run WHERE name = ?", name)
        return None if found is None else json.loads(self.checked(found)[1])

    def set(self, name: str, value: Any) -> None:
        """Set what the table `run` holds by a name, within a transaction."""
        row = name, json.dumps(value)
        self.sql.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?)", (*row, row_sum(*row)))
