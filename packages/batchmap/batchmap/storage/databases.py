"""What SQLite and PostgreSQL do each in their own way, for tables that results are written to."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Protocol

from batchmap.errors import OutputError, OutputHeldError, UsageError
from batchmap.optional import require
from batchmap.storage.table_url import TABLE_FORM, TableUrl

__all__ = ["Database", "open_database", "quoted_name"]

_CONNECT_TIMEOUT_S = 15
_BUSY_TIMEOUT_S = 30
_HELD_TIMEOUT_S = 5


class Database(Protocol):
    """A database that a table of results is in; connected when it is first asked.

    Raises `OutputError` where the database fails.
    """

    placeholder: str
    types: ClassVar[dict[str, str]]
    """The type of a column by the kind of its values."""
    blob: str

    def exists(self) -> bool:
        """Tell whether the database exists at all."""
        ...

    def columns(self, table: str) -> dict[str, str]:
        """Return the kinds of values of a table's columns, none for a table that is missing."""
        ...

    def hold(self, table: str) -> None:
        """Keep other runs from writing the table; raises `OutputHeldError`."""
        ...

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]: ...

    def insert(self, statement: str, rows: list[tuple[Any, ...]]) -> None: ...

    def transaction(self) -> AbstractContextManager[None]:
        """Make all that is done inside durable at its end, or nothing of it."""
        ...

    def close(self) -> None: ...


def quoted_name(name: str) -> str:
    """Return the name of a table or column as SQL spells any name."""
    return '"' + name.replace('"', '""') + '"'


class _Sqlite:
    placeholder = "?"
    types: ClassVar[dict[str, str]] = {
        "integer": "INTEGER",
        "real": "REAL",
        "boolean": "BOOLEAN",
        "text": "TEXT",
        "bytes": "BLOB",
    }
    blob = "BLOB"

    def __init__(self, url: TableUrl) -> None:
        assert url.path is not None
        self._url = url
        self._path = url.path
        self._connection: sqlite3.Connection | None = None

    def exists(self) -> bool:
        return bool(self._path.exists())

    def columns(self, table: str) -> dict[str, str]:
        kinds = {name: kind for kind, name in self.types.items()}
        return {
            row[1]: kinds.get(row[2].upper(), "text")
            for row in self.execute(f"PRAGMA table_info({quoted_name(table)})")
        }

    def hold(self, table: str) -> None:
        """Do nothing: a commit sees whether another run has come between."""

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._errors():
            return self._connected().execute(statement, values).fetchall()

    def insert(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._errors():
            self._connected().executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connected().in_transaction:
                self.execute("ROLLBACK")
            raise

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA fullfsync = ON")
        return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            why = " ".join(str(error).split())
            advice = "fix that and run the same command with {resume}"
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                why = f"another program has locked it for {_BUSY_TIMEOUT_S} s"
                advice = "wait for its end and run the same command with {resume}"
            elif getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                advice = "name another file"
            raise OutputError(f"{self._url}: {why}", advice=advice) from error


class _Postgresql:
    placeholder = "%s"
    types: ClassVar[dict[str, str]] = {
        "integer": "bigint",
        "real": "double precision",
        "boolean": "boolean",
        "text": "text",
        "bytes": "bytea",
    }
    blob = "bytea"

    def __init__(self, url: TableUrl) -> None:
        self._psycopg: Any = require("psycopg", "formats", "writing to PostgreSQL")
        self._url = url
        self._connection: Any = None
        try:
            settings = self._psycopg.conninfo.conninfo_to_dict(url.server)
            if "@" in settings.get("dbname", ""):  # a password with a / in it
                raise self._psycopg.ProgrammingError
        except self._psycopg.Error:  # whose message would show the password
            raise UsageError(
                f"the PostgreSQL URL cannot be read; write it as {TABLE_FORM}, with @ / : ? # in "
                "user, password or database as %40 %2F %3A %3F %23"
            ) from None
        self._settings = {"connect_timeout": settings.get("connect_timeout", _CONNECT_TIMEOUT_S)}
        self._secrets = [str(settings[key]) for key in settings if "password" in key]

    def exists(self) -> bool:
        return True

    def columns(self, table: str) -> dict[str, str]:
        kinds = {name: kind for kind, name in self.types.items()}
        rows = self.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (quoted_name(table),),
        )
        return {name: kinds.get(kind, "text") for name, kind in rows}

    def hold(self, table: str) -> None:
        [[schema]] = self.execute("SELECT current_schema()")
        number = hashlib.sha256(f"batchmap {schema} {table}".encode()).digest()[:8]
        key = int.from_bytes(number, "big", signed=True)
        # A server may take a moment to see that a run which held it was killed.
        self.execute(f"SET lock_timeout = {round(_HELD_TIMEOUT_S * 1000)}")
        try:
            with self._errors():
                self._connected().execute("SELECT pg_advisory_lock(%s)", (key,))
        except OutputError as error:
            if isinstance(error.__context__, self._psycopg.errors.LockNotAvailable):
                raise OutputHeldError(
                    f"another run holds {self._url}; wait for its end, or write elsewhere"
                ) from None
            raise
        self.execute("RESET lock_timeout")

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._errors():
            cursor = self._connected().execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []

    def insert(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows; in `statement`, a percent sign of a name is doubled."""
        with self._errors(), self._connected().cursor() as cursor:
            cursor.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._errors(), self._connected().transaction():
            yield

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self._psycopg.connect(
                self._url.server, autocommit=True, **self._settings
            )
        return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as error:
            why = " ".join(str(error).split())
            for secret in self._secrets:
                why = why.replace(secret, "***") if secret else why
            raise OutputError(
                f"{self._url}: {why}", advice="fix that and run the same command with {resume}"
            ) from None  # a printed cause would show the password


def open_database(url: TableUrl) -> Database:
    """Return the database that a table is in; raises `UsageError` for a URL that makes no sense."""
    return _Postgresql(url) if url.path is None else _Sqlite(url)
