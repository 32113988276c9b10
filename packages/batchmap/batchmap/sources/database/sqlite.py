"""Reads the rows that a query finds in an SQLite file, as dicts."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord, one_line, state_of_file, value_bytes
from batchmap.sources.database.url import column_names
from batchmap.storage import why_unreadable

__all__ = ["SqliteRows"]


class SqliteRows:
    """The rows of `query` in the database at `path`, which is only read.

    Raises `InputError` when there is no such file, and when read, if it is no database or the query
    fails. Text that is not UTF-8 keeps its bytes as lone surrogates.
    """

    def __init__(self, path: Path, query: str) -> None:
        self.name = f"sqlite:///{path}"
        self.total: int | None = None
        self.paths: tuple[Path, ...] = (path.absolute(),)
        self.repeatable = True
        self.size_bytes: int | None = None
        self._path = path.absolute()
        self._query = query
        if why := why_unreadable(path):
            raise InputError(f"{self.name}: {why}")

    def records(self) -> Iterator[InputRecord]:
        number = 0
        try:
            with contextlib.closing(self._connected()) as connection:
                cursor = connection.execute(self._query)
                columns = column_names(cursor.description, self.name)
                for number, row in enumerate(cursor, 1):
                    item = dict(zip(columns, row, strict=True))
                    yield item, value_bytes(item), number
        except (sqlite3.Error, sqlite3.Warning) as error:
            # The module fetches one row more than it has returned.
            place = f"{self.name} after row {number}" if number else self.name
            why = one_line(error)
            raise InputError(f"{place}: {why}; check the file and the query") from error

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def state(self) -> object:
        return state_of_file(self.paths[0])

    def place(self, where: int) -> str:
        return f"{self.name} row {where}"

    def fraction(self) -> float | None:
        return None

    def _connected(self) -> sqlite3.Connection:
        # Rows may be taken by other threads than this one, but by one at a time.
        uri = f"{self._path.as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        return connection
