"""An output that is a table of a database: its rows and its journal, in one transaction each.

    TABLE               a row for each result
    _batchmap_journal   of each commit of a run, the events that its journal notes, by TABLE

A commit adds rows to the one and events to the other, or nothing to either; so they always agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batchmap.errors import OutputHeldError
from batchmap.storage.databases import open_database, quoted_name
from batchmap.storage.table_url import TableUrl

__all__ = ["TableOutput"]

_JOURNAL = "_batchmap_journal"


class TableOutput:
    """The table at `url`. All methods raise `OutputError` where the database fails."""

    def __init__(self, url: TableUrl) -> None:
        self.url = url
        self.database = open_database(url)
        self.rows = 0
        """How many rows are committed."""
        self._name = quoted_name(url.table)
        self._columns: dict[str, str] = {}
        """The columns that are committed, and the kinds of their values."""
        self._staged: list[dict[str, Any]] = []
        self._staged_columns: dict[str, str] = {}
        self._number = 0
        """Of the last commit."""

    def __str__(self) -> str:
        return str(self.url)

    def exists(self) -> bool:
        """Tell whether the table exists."""
        return self.database.exists() and bool(self.database.columns(self.url.table))

    def has_journal(self) -> bool:
        """Tell whether some run has written here already."""
        return next(self.commits(), None) is not None

    def acquire(self) -> None:
        """Keep other runs from writing the table; raises `OutputHeldError`."""
        self.database.hold(self.url.table)

    def release(self) -> None:
        """Close the database."""
        self.database.close()

    close = release

    def commits(self) -> Iterator[bytes]:
        """Yield the events of each commit, in their order."""
        if not (self.database.exists() and self.database.columns(_JOURNAL)):
            return
        mark = self.database.placeholder
        query = (
            f"SELECT number, events FROM {_JOURNAL} WHERE output = {mark} AND number > {mark} "
            "ORDER BY number LIMIT 100"
        )
        number = 0
        while some := self.database.execute(query, (self.url.table, number)):
            for number, events in some:  # noqa: B007
                yield bytes(events)
        self._number = number

    def load(self) -> dict[str, str]:
        """Take up the table as it is; return its columns and the kinds of their values."""
        self.drop_staged()
        self._columns = self.database.columns(self.url.table)
        self.rows = 0
        if self._columns:
            [[self.rows]] = self.database.execute(f"SELECT count(*) FROM {self._name}")
        return dict(self._columns)

    def largest(self, column: str) -> int:
        """Return the largest whole number in a column, whatever its sign."""
        query = f"SELECT max({quoted_name(column)}), min({quoted_name(column)}) FROM {self._name}"
        [found] = self.database.execute(query)
        return max(abs(int(one or 0)) for one in found)

    def begin(self, events: bytes) -> None:
        """Drop the table and its journal, and make the first commit of a new run."""
        database = self.database
        with database.transaction():
            database.execute(f"DROP TABLE IF EXISTS {self._name}")
            database.execute(
                f"CREATE TABLE IF NOT EXISTS {_JOURNAL} (output TEXT NOT NULL, "
                f"number INTEGER NOT NULL, events {database.blob} NOT NULL, "
                "PRIMARY KEY (output, number))"
            )
            database.execute(
                f"DELETE FROM {_JOURNAL} WHERE output = {database.placeholder}", (self.url.table,)
            )
            self._number = 0
            self._note(events)
        self._number = 1
        self._columns, self.rows = {}, 0
        self.drop_staged()

    def stage(self, rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
        """Have the next commit add rows, in a table that has these columns then."""
        self._staged += rows
        self._staged_columns = dict(columns)

    @property
    def staged(self) -> int:
        """How many rows the next commit adds."""
        return len(self._staged)

    def drop_staged(self) -> None:
        """Forget what was staged and not committed."""
        self._staged, self._staged_columns = [], {}

    def commit(self, events: bytes | None) -> None:
        """Add the rows that are staged, and the events that say what they are of."""
        with self.database.transaction():
            if events is not None:
                self._note(events)
            if self._staged_columns:
                self._make_columns()
            if self._staged:
                names = list(self._staged_columns)
                places = ", ".join([self.database.placeholder] * len(names))
                table = f"{self._name} ({', '.join(map(quoted_name, names))})"
                if places.startswith("%"):
                    table = table.replace("%", "%%")
                self.database.insert(
                    f"INSERT INTO {table} VALUES ({places})",
                    [tuple([row.get(name) for name in names]) for row in self._staged],
                )
        self.rows += len(self._staged)
        self._columns.update(self._staged_columns)
        self.drop_staged()
        self._number += events is not None

    def _note(self, events: bytes) -> None:
        """Insert the events of a commit, if no other run has made one since ours."""
        database, mark = self.database, self.database.placeholder
        [[last]] = database.execute(
            f"SELECT max(number) FROM {_JOURNAL} WHERE output = {mark}", (self.url.table,)
        )
        if (last or 0) != self._number:
            raise OutputHeldError(f"{self}: another run has taken it over; leave it to that one")
        database.execute(
            f"INSERT INTO {_JOURNAL} VALUES ({mark}, {mark}, {mark})",
            (self.url.table, self._number + 1, events),
        )

    def _make_columns(self) -> None:
        types = self.database.types
        new = [name for name in self._staged_columns if name not in self._columns]
        described = [f"{quoted_name(name)} {types[self._staged_columns[name]]}" for name in new]
        if not self._columns:
            self.database.execute(f"CREATE TABLE {self._name} ({', '.join(described)})")
            return
        for column in described:
            self.database.execute(f"ALTER TABLE {self._name} ADD COLUMN {column}")
        for name, kind in self._columns.items():
            if (wider := self._staged_columns.get(name, kind)) != kind:
                self.database.execute(
                    f"ALTER TABLE {self._name} ALTER COLUMN {quoted_name(name)} TYPE {types[wider]}"
                )
