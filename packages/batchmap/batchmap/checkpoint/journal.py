"""What a run has done, kept in an SQLite file beside its output, so that it can be resumed.

    run      what the run is: its fingerprint, and whether it came to its end
    done     ranges of items whose results are in the output, and where the output ends after them
    failed   items that failed, as lines of the file of failed items
    stretch  the digest of what each commit added to the output, and where the output ended then

The order of writes, cuts and syncs, by which the output may be ahead of the journal and never
behind it, also when power is lost:

1. A run begins: the journal forgets what was before, and that is synced; then the output is cut to
   nothing. The other way round, an old journal would vouch for bytes of the new run.
2. Results are written to the output, which is synced; then one transaction notes them, and is
   synced (`synchronous = FULL`). A journal that were ahead of its own disk could fall back to a
   state from before a later cut of the output, and vouch for what was written since then.
3. A sync of the output that failed is not tried again, for a second one may succeed although the
   kernel has dropped the data: the output is cut to where the last good sync left it.
4. A run goes on: the digest of each stretch is compared with the output, then the output is cut to
   the end of the last one. If the output is shorter, the journal forgets the stretches beyond
   it, which is synced before anything is written there.
5. Parquet: a part is written under another name, synced, renamed, and its directory synced; then
   the journal notes it.

Each row holds a checksum of its values, which is compared whenever the row is read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from batchmap.checkpoint.digests import DIGEST_BYTES, ItemRange
from batchmap.checkpoint.journal_file import (
    DamagedJournalError,
    close_journal_file,
    open_journal_file,
    sqlite_errors,
)

__all__ = ["Journal"]

FETCHED_ROWS = 100
"""How many rows are fetched at a time."""


def _sum(*values: Any) -> bytes:
    """Return the checksum of a row's values."""
    return blake2b(repr(values).encode(), digest_size=8).digest()


class Journal:
    """The journal of one output, in the file at `path`; messages call it `name`.

    Raises `OutputHeldError` when another run holds it, `OutputError` when it cannot be read or
    written, or when the file is no journal. So do its methods; a row that is not what was written
    is a `DamagedJournalError`.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self._path = path.absolute()
        self._name = name or str(path)
        self._done: list[tuple[int, int, bytes, int]] = []
        self._failed: list[tuple[int, bytes, str]] = []
        self._stretch: tuple[int, bytes] | None = None
        self._cursors: list[sqlite3.Cursor] = []
        self._connection: sqlite3.Connection | None = open_journal_file(self._path, self._name)

    @property
    def _sql(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def close(self) -> None:
        """Close the journal; what was not committed is lost."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with sqlite_errors(self._name):
                for (
                    cursor
                ) in self._cursors:  # an open one would keep SQLite from removing its files
                    cursor.close()
                close_journal_file(connection, self._path)

    # What the run is ------------------------------------------------------------------------

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """Return what the results depend on, `None` for a journal without a run."""
        return self._get("fingerprint")  # type: ignore[no-any-return]

    def _get(self, name: str) -> Any:
        with sqlite_errors(self._name):
            found = self._sql.execute("SELECT * FROM run WHERE name = ?", (name,)).fetchone()
        return None if found is None else json.loads(self._checked(found)[1])

    def _set(self, name: str, value: Any) -> None:
        row = name, json.dumps(value)
        self._sql.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?)", (*row, _sum(*row)))

    def _checked(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the values of a row; raise an error where they are not what was written."""
        *values, found = row
        if _sum(*values) != found:
            raise DamagedJournalError(self._name, "a row is not what was written")
        return tuple(values)

    def check(self) -> None:
        """Read every row; raises `DamagedJournalError` when one is not what was written."""
        for table in ("run", "failed", "stretch"):
            for row in self._rows(f"SELECT * FROM {table}"):
                self._checked(row)
        last_end = 0
        for row in self._rows("SELECT * FROM done ORDER BY id"):
            _, _, number, digests, end = self._checked(row)
            if end < last_end or number * DIGEST_BYTES != len(digests):
                raise DamagedJournalError(self._name, "its rows contradict each other")
            last_end = end

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, some at a time, for others may be written meanwhile."""
        with sqlite_errors(self._name):
            cursor = self._sql.execute(query)
        self._cursors.append(cursor)
        while True:
            with sqlite_errors(self._name):
                some = cursor.fetchmany(FETCHED_ROWS)
            if not some:
                self._cursors.remove(cursor)
                return
            yield from some

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
        for table in ("run", "done", "failed", "stretch"):
            sql.execute(f"DELETE FROM {table}")

    def go_on(self, fingerprint: dict[str, Any], *, retry_failed: bool) -> None:
        """Note that the run goes on; `retry_failed` forgets its failures."""
        with self._transaction() as sql:
            self._set("fingerprint", fingerprint)
            self._set("finished", False)
            if retry_failed:
                sql.execute("DELETE FROM failed")

    def note_whole(self, negative_end: int, digest: bytes) -> None:
        """Note, durably, the digest of an output that is written anew to be complete.

        It is among the stretches, by the negative of its end.
        """
        row = negative_end, digest
        with self._transaction() as sql:
            sql.execute("INSERT OR REPLACE INTO stretch VALUES (?, ?, ?)", (*row, _sum(*row)))

    def finish(self) -> None:
        """Note that the run came to its end."""
        with self._transaction():
            self._set("finished", True)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with sqlite_errors(self._name):
            self._sql.execute("BEGIN IMMEDIATE")
            try:
                yield self._sql
                self._sql.execute("COMMIT")
            except BaseException:
                if self._sql.in_transaction:  # SQLite has ended it where it could not write
                    self._sql.execute("ROLLBACK")
                raise

    # What is done ---------------------------------------------------------------------------

    @property
    def output_end(self) -> int:
        """Return where the results end that the journal knows of."""
        with sqlite_errors(self._name):
            [end] = self._sql.execute("SELECT max(output_end) FROM done").fetchone()
        return end or 0

    def stretches(self) -> Iterator[tuple[int, bytes]]:
        """Yield where the output ended after each commit, and the digest of what that added."""
        for row in self._rows("SELECT * FROM stretch ORDER BY output_end"):
            end, digest = self._checked(row)
            yield end, digest

    def cut(self, end: int) -> int:
        """Forget the commits that end beyond `end` of the output; return how many items they had.

        `output_end` says where the results end that are left.
        """
        with self._transaction() as sql:
            [last] = sql.execute(
                "SELECT max(output_end) FROM stretch WHERE output_end BETWEEN 1 AND ?", (end,)
            ).fetchone()
            last = last or 0
            [items] = sql.execute(
                "SELECT total(number) FROM done WHERE output_end > ?", (last,)
            ).fetchone()
            for table in ("done", "stretch"):
                sql.execute(f"DELETE FROM {table} WHERE output_end > ?", (last,))
        return int(items)

    def finished(self) -> bool:
        """Tell whether the run came to its end."""
        return bool(self._get("finished"))

    def done(self) -> Iterator[tuple[int, int, int]]:
        """Yield the ranges of items in the order of their results in the output.

        Of each, the index of the first item, their number, and where the output ends after them.
        """
        for row in self._rows("SELECT * FROM done ORDER BY id"):
            _, first, number, _, end = self._checked(row)
            yield first, number, end

    def counts(self) -> tuple[int, int]:
        """Return how many items have a result in the output, and how many failed."""
        with sqlite_errors(self._name):
            [done] = self._sql.execute("SELECT total(number) FROM done").fetchone()
            [failed] = self._sql.execute("SELECT count(*) FROM failed").fetchone()
        return int(done), failed

    def ranges(self) -> Iterator[ItemRange]:
        """Yield the items that are done or failed, in input order."""
        yield from self._rows(
            "SELECT first, number, digests FROM done "
            "UNION ALL SELECT item, 1, digest FROM failed ORDER BY 1"
        )

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines of the failed items, in input order."""
        for row in self._rows("SELECT * FROM failed ORDER BY item"):
            yield self._checked(row)[2]

    def add_done(self, first: int, digests: bytes, output_end: int) -> None:
        """Note items in a row whose results end at `output_end` of the output."""
        self._done.append((first, len(digests) // DIGEST_BYTES, digests, output_end))

    def add_failed(self, item: int, digest: bytes, line: str) -> None:
        """Note an item that failed, as a line of the file of failed items."""
        self._failed.append((item, digest, line))

    def add_stretch(self, output_end: int, digest: bytes) -> None:
        """Note the digest of what was added to the output since the last commit.

        It is now durable, and ends at `output_end`.
        """
        self._stretch = output_end, digest

    def drop_beyond(self, end: int) -> int:
        """Forget results beyond `end` that were noted and not committed; return where they end."""
        self._done = [done for done in self._done if done[-1] <= end]
        return self._done[-1][-1] if self._done else self.output_end

    def commit(self) -> None:
        """Make durable what was noted; the output must be durable before."""
        if not (self._done or self._failed):
            return
        with self._transaction() as sql:
            [last] = sql.execute("SELECT max(id) FROM done").fetchone()
            rows = [(id, *row) for id, row in enumerate(self._done, (last or 0) + 1)]
            sql.executemany(
                "INSERT INTO done VALUES (?, ?, ?, ?, ?, ?)", [(*row, _sum(*row)) for row in rows]
            )
            sql.executemany(
                "INSERT OR REPLACE INTO failed VALUES (?, ?, ?, ?)",
                [(*row, _sum(*row)) for row in self._failed],
            )
            if self._stretch is not None:
                sql.execute(
                    "INSERT INTO stretch VALUES (?, ?, ?)", (*self._stretch, _sum(*self._stretch))
                )
        self._done.clear()
        self._failed.clear()
        self._stretch = None
