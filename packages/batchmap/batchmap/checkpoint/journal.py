"""What a run has done already, kept in a file beside its output, so that it can be resumed.

    run     what the run is: the task, the options, whether it came to its end
    done    ranges of items whose results are in the output, and where the output ends after them
    failed  items that failed, as lines of the errors file

The output is made durable before the journal says so, hence it may be ahead of the journal and
never behind it. The connection holds the file for as long as it is open.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batchmap.errors import OutputError, OutputHeldError

__all__ = ["DIGEST_BYTES", "ItemRange", "Journal"]

DIGEST_BYTES = 8
"""Bytes of the digest of an item's record in the input."""

FETCHED = 100
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

ItemRange = tuple[int, int, bytes]
"""Items in a row that are done: the first one's place in the input, their number, their digests."""


class Journal:
    """The journal of one output, in the file at `path`, in messages called `name`.

    Raises `OutputHeldError` when another run holds it, `OutputError` when it cannot be read or
    written, or is none.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self._name = name or str(path)
        self._done: list[tuple[int, int, bytes, int]] = []
        self._failed: list[tuple[int, bytes, str]] = []
        self._walks: list[sqlite3.Cursor] = []
        self._connection: sqlite3.Connection | None = None
        with self._told():
            connection = sqlite3.connect(
                path, timeout=0, isolation_level=None, check_same_thread=False
            )
            self._connection = connection
            try:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN EXCLUSIVE")  # now, not at the first commit
                self._check_form(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise

    def _check_form(self, connection: sqlite3.Connection) -> None:
        [found] = connection.execute("PRAGMA application_id").fetchone()
        if found == _APPLICATION_ID:
            return
        if found or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise OutputError(f"{self._name} is not a journal of this program; move it away")
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Put what SQLite says into the user's words."""
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise OutputHeldError(
                    f"another run holds {self._name}; wait for its end, or write elsewhere"
                ) from error
            raise OutputError(
                f"the journal {self._name} cannot be used ({error}); see that there is room and "
                "that it may be written, then run the same command with --resume"
            ) from error

    @property
    def _sql(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def close(self) -> None:
        """Let the journal go; what was not committed is as if it had never been."""
        if self._connection is not None:
            with self._told():
                for walk in self._walks:  # an open one would keep SQLite from tidying up
                    walk.close()
                self._connection.close()
            self._connection = None

    # What the run is ------------------------------------------------------------------------

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """Return what the run depends on, `None` for a journal without a run."""
        return self._get("fingerprint")  # type: ignore[no-any-return]

    @property
    def is_finished(self) -> bool:
        """Tell whether the run came to its end."""
        return bool(self._get("finished"))

    def _get(self, name: str) -> Any:
        with self._told():
            found = self._sql.execute("SELECT value FROM run WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(found[0])

    def _set(self, name: str, value: Any) -> None:
        self._sql.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (name, json.dumps(value)))

    def begin(self, fingerprint: dict[str, Any]) -> None:
        """Forget everything and note what the new run depends on."""
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
        """Note that the run goes on, with `retry_failed` without its failures."""
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
        with self._told():
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
        """Return how far the output is good."""
        with self._told():
            [end] = self._sql.execute("SELECT max(output_end) FROM done").fetchone()
        return end or 0

    def cut(self, end: int) -> int:
        """Forget the results beyond `end` of the output; return how many items that were."""
        with self._transaction() as sql:
            [items] = sql.execute(
                "SELECT total(number) FROM done WHERE output_end > ?", (end,)
            ).fetchone()
            sql.execute("DELETE FROM done WHERE output_end > ?", (end,))
        return int(items)

    def counts(self) -> tuple[int, int]:
        """Return how many items are in the output, and how many failed."""
        with self._told():
            [done] = self._sql.execute("SELECT total(number) FROM done").fetchone()
            [failed] = self._sql.execute("SELECT count(*) FROM failed").fetchone()
        return int(done), failed

    def ranges(self) -> Iterator[ItemRange]:
        """Yield the items that are done or failed, in their order, a few at a time."""
        query = (
            "SELECT first, number, digests FROM done "
            "UNION ALL SELECT item, 1, digest FROM failed ORDER BY 1"
        )
        with self._told():
            walk = self._sql.execute(query)
        self._walks.append(walk)
        while True:
            with self._told():
                some = walk.fetchmany(FETCHED)
            if not some:
                return
            yield from some

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines of the errors file, in the items' order."""
        with self._told():
            for (line,) in self._sql.execute("SELECT line FROM failed ORDER BY item"):
                yield line

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Note items in a row whose results end at `output_end` of the output."""
        self._done.append((first, len(digests) // DIGEST_BYTES, digests, output_end))

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Note an item that failed."""
        self._failed.append((item, digest, line))

    def drop_beyond(self, end: int) -> int:
        """Take back what was noted but not committed of results beyond `end` of the output.

        Returns where the results end that are known then.
        """
        self._done = [noted for noted in self._done if noted[-1] <= end]
        return self._done[-1][-1] if self._done else self.output_end

    def commit(self) -> None:
        """Keep what was noted; the output must be durable up to there."""
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
