"""What a run has done, kept in an SQLite file beside its output, so that it can be resumed.

    run     what the run is: its fingerprint, and whether it came to its end
    done    ranges of items whose results are in the output, and where the output ends after them
    failed  items that failed, as lines of the file of failed items

The output is made durable before the journal says what it holds, so it may be ahead of the journal
and never behind it. The connection locks the file for as long as it is open.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batchmap.checkpoint.digests import DIGEST_BYTES, ItemRange
from batchmap.errors import OutputError, OutputHeldError

__all__ = ["Journal"]

FETCHED_ROWS = 100
"""How many rows are fetched at a time."""

_APPLICATION_ID = 0x50425750
_SCHEMA = """
CREATE TABLE run (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE done (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    number INTEGER NOT NULL,
    digests BLOB NOT NULL,
    output_end INTEGER NOT NULL
);
CREATE TABLE failed (item INTEGER PRIMARY KEY, digest BLOB NOT NULL, line TEXT NOT NULL);
"""


class Journal:
    """The journal of one output, in the file at `path`; messages call it `name`.

    Raises `OutputHeldError` when another run holds it, `OutputError` when it cannot be read or
    written, or when the file is no journal.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self._name = name or str(path)
        self._done: list[tuple[int, int, bytes, int]] = []
        self._failed: list[tuple[int, bytes, str]] = []
        self._cursors: list[sqlite3.Cursor] = []
        self._connection: sqlite3.Connection | None = None
        with self._sqlite_errors():
            connection = sqlite3.connect(
                path, timeout=0, isolation_level=None, check_same_thread=False
            )
            self._connection = connection
            try:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN EXCLUSIVE")  # now, not at the first commit
                self._check_schema(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        """Create the tables in a new file; raise `OutputError` when the file is no journal."""
        [found] = connection.execute("PRAGMA application_id").fetchone()
        if found == _APPLICATION_ID:
            return
        if found or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise OutputError(f"{self._name} is not a journal of this program; move it away")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    @contextmanager
    def _sqlite_errors(self) -> Iterator[None]:
        """Turn an error of SQLite into an `OutputError` that says what helps."""
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise OutputHeldError(
                    f"another run holds {self._name}; wait for its end, or write elsewhere"
                ) from error
            raise OutputError(
                f"the journal {self._name} cannot be used ({error})",
                advice="see that there is room and that it may be written, then run the same "
                "command with {resume}",
            ) from error

    @property
    def _sql(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def close(self) -> None:
        """Close the journal; what was not committed is lost."""
        if self._connection is not None:
            with self._sqlite_errors():
                for (
                    cursor
                ) in self._cursors:  # an open one would keep SQLite from removing its files
                    cursor.close()
                self._connection.close()
            self._connection = None

    # What the run is ------------------------------------------------------------------------

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """Return what the results depend on, `None` for a journal without a run."""
        return self._get("fingerprint")  # type: ignore[no-any-return]

    def _get(self, name: str) -> Any:
        with self._sqlite_errors():
            found = self._sql.execute("SELECT value FROM run WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])

    def _set(self, name: str, value: Any) -> None:
        self._sql.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (name, json.dumps(value)))

    def begin(self, fingerprint: dict[str, Any]) -> None:
        """Forget everything, and note the fingerprint of a new run."""
        with self._transaction() as sql:
            self._forget(sql)
            self._set("fingerprint", fingerprint)

    def forget(self) -> None:
        """Forget everything."""
        with self._transaction() as sql:
            self._forget(sql)

    def _forget(self, sql: sqlite3.Connection) -> None:
        for table in ("run", "done", "failed"):
            sql.execute(f"DELETE FROM {table}")

    def go_on(self, fingerprint: dict[str, Any], *, retry_failed: bool) -> None:
        """Note that the run goes on; `retry_failed` forgets its failures."""
        with self._transaction() as sql:
            self._set("fingerprint", fingerprint)
            self._set("finished", False)
            if retry_failed:
                sql.execute("DELETE FROM failed")

    def finish(self) -> None:
        """Note that the run came to its end."""
        with self._transaction():
            self._set("finished", True)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._sqlite_errors():
            self._sql.execute("BEGIN IMMEDIATE")
            try:
                yield self._sql
            except BaseException:
                self._sql.execute("ROLLBACK")
                raise
            self._sql.execute("COMMIT")

    # What is done ---------------------------------------------------------------------------

    @property
    def output_end(self) -> int:
        """Return where the results end that the journal knows of."""
        with self._sqlite_errors():
            [end] = self._sql.execute("SELECT max(output_end) FROM done").fetchone()
        return end or 0

    def cut(self, end: int) -> int:
        """Forget the results beyond `end` of the output; return how many items they were of."""
        with self._transaction() as sql:
            [items] = sql.execute(
                "SELECT total(number) FROM done WHERE output_end > ?", (end,)
            ).fetchone()
            sql.execute("DELETE FROM done WHERE output_end > ?", (end,))
        return int(items)

    def counts(self) -> tuple[int, int]:
        """Return how many items have a result in the output, and how many failed."""
        with self._sqlite_errors():
            [done] = self._sql.execute("SELECT total(number) FROM done").fetchone()
            [failed] = self._sql.execute("SELECT count(*) FROM failed").fetchone()
        return int(done), failed

    def ranges(self) -> Iterator[ItemRange]:
        """Yield the items that are done or failed, in input order."""
        query = (
            "SELECT first, number, digests FROM done "
            "UNION ALL SELECT item, 1, digest FROM failed ORDER BY 1"
        )
        with self._sqlite_errors():
            cursor = self._sql.execute(query)
        self._cursors.append(cursor)
        while True:
            with self._sqlite_errors():
                some = cursor.fetchmany(FETCHED_ROWS)
            if not some:
                return
            yield from some

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines of the failed items, in input order."""
        with self._sqlite_errors():
            for (line,) in self._sql.execute("SELECT line FROM failed ORDER BY item"):
                yield line

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Note items in a row whose results end at `output_end` of the output."""
        self._done.append((first, len(digests) // DIGEST_BYTES, digests, output_end))

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Note an item that failed, as a line of the file of failed items."""
        self._failed.append((item, digest, line))

    def drop_beyond(self, end: int) -> int:
        """Forget results beyond `end` that were noted and not committed; return where they end."""
        self._done = [done for done in self._done if done[-1] <= end]
        return self._done[-1][-1] if self._done else self.output_end

    def commit(self) -> None:
        """Make durable what was noted; the output must be durable before."""
        if not (self._done or self._failed):
            return
        with self._transaction() as sql:
            sql.executemany(
                "INSERT INTO done (first, number, digests, output_end) VALUES (?, ?, ?, ?)",
                self._done,
            )
            sql.executemany("INSERT OR REPLACE INTO failed VALUES (?, ?, ?)", self._failed)
        self._done.clear()
        self._failed.clear()
