"""Reads the rows that a query finds in a PostgreSQL database, as dicts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batchmap.errors import InputError
from batchmap.optional import require
from batchmap.sources.base import InputRecord, one_line, unreadable_record, value_bytes
from batchmap.sources.database.url import PostgresqlUrl, column_names

__all__ = ["PostgresqlRows"]

_ROWS_AT_ONCE = 1000
_CONNECT_TIMEOUT_S = 15


class PostgresqlRows:
    """The rows of a query, which a cursor of the server sends some at a time.

    Raises `UsageError` when psycopg is missing; when read, `InputError` for a server that cannot
    be reached and a query that fails. No message shows the password.
    """

    def __init__(self, url: PostgresqlUrl) -> None:
        self._psycopg = require("psycopg", "formats", "reading from PostgreSQL")
        self._url = url
        self.name = url.name
        self.total: int | None = None
        self.paths: tuple[Path, ...] = ()
        self.repeatable = True
        self.size_bytes: int | None = None

    def records(self) -> Iterator[InputRecord]:
        number = 0
        try:
            with self._connected() as connection:
                connection.read_only = True
                with connection.cursor(name="records") as cursor:
                    cursor.execute(self._url.query)
                    columns = column_names(cursor.description, self.name)
                    for item, raw in self._rows(cursor, columns):
                        number += 1
                        yield item, raw, number
        except self._psycopg.Error as error:
            # The server failed at one of the rows that it was about to send.
            place = f"{self.name} after row {number}" if number else self.name
            why = self._url.without_secrets(one_line(error))
            # A printed cause would show the password.
            raise InputError(f"{place}: {why}; check server, access and query") from None

    def _rows(self, cursor: Any, columns: list[str]) -> Iterator[tuple[Any, bytes]]:
        """Yield the rows that a cursor gives, and their bytes."""
        while True:
            before = cursor.pgresult
            try:
                rows = cursor.fetchmany(_ROWS_AT_ONCE)
            except Exception:
                result = cursor.pgresult
                if result is before or result.status != self._psycopg.pq.ExecStatus.TUPLES_OK:
                    raise  # the server failed, and not the conversion of what it has sent
                yield from self._row_by_row(cursor, result, columns)
                continue
            if not rows:
                return
            for row in rows:
                item = dict(zip(columns, row, strict=True))
                yield item, value_bytes(item)

    def _row_by_row(
        self, cursor: Any, result: Any, columns: list[str]
    ) -> Iterator[tuple[Any, bytes]]:
        """Yield the rows of a result; one with a value that Python cannot hold is a failure."""
        values = self._psycopg.adapt.Transformer(cursor)
        values.set_pgresult(result)
        for number in range(result.ntuples):
            try:
                [row] = values.load_rows(number, number + 1, tuple)
            except Exception as error:
                texts = [result.get_value(number, column) for column in range(len(columns))]
                problem = self._url.without_secrets(one_line(error))
                advice = "; cast it to text in the query"
                failed = unreadable_record(type(error).__name__, f"{problem}{advice}", b"")
                yield failed, value_bytes(texts)
                continue
            item = dict(zip(columns, row, strict=True))
            yield item, value_bytes(item)

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def state(self) -> object:
        return None

    def place(self, where: int) -> str:
        return f"{self.name} row {where}"

    def fraction(self) -> float | None:
        return None

    def _connected(self) -> Any:
        settings = self._url.settings
        timeout = {} if "connect_timeout" in settings else {"connect_timeout": _CONNECT_TIMEOUT_S}
        return self._psycopg.connect(self._url.connection, **timeout)
