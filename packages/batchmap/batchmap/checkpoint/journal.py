"""What a run has done, kept in an SQLite file beside its output, so that it can be resumed.

    run      what the run is: its fingerprint, and whether it came to its end
    done     ranges of items whose results are in the output, how many rows each has there, and
             where the output ends after them
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
5. Part files of text: one is synced before the next one is made; a cut removes those beyond it,
   which is synced before anything is written there.
6. Parquet: a part is written under another name, synced, renamed, and its directory synced; then
   the journal notes it. Part files of a size are all synced, and noted, before the first of them
   gets its name; then they are the output, and those that a crash has left are still moved.

Each row holds a checksum of its values, which is compared whenever the row is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batchmap.checkpoint.completion_log import ItemRange
from batchmap.checkpoint.journal_tables import JournalTables, NotedRows, row_sum
from batchmap.row_counts import ONE_EACH, is_for

__all__ = ["Journal"]


class Journal(JournalTables):
    """What is done of one output, in the file at `path`; messages call it `name`."""

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self._noted = NotedRows()
        super().__init__(path, name=name)

    # What the run is ------------------------------------------------------------------------

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """Return what the results depend on, `None` for a journal without a run."""
        return self.get("fingerprint")  # type: ignore[no-any-return]

    def check(self) -> None:
        """Read every row; raises `DamagedJournalError` when one is not what was written."""
        for table in ("run", "failed", "stretch"):
            for row in self.rows(f"SELECT * FROM {table}"):
                self.checked(row)
        last_end = 0
        for row in self.rows("SELECT * FROM done ORDER BY id"):
            _, _, number, entries, rows, end = self.checked(row)
            is_whole = number > 0 and len(entries) % number == 0 and is_for(rows, number)
            if end < last_end or not is_whole:
                raise self.contradiction()
            last_end = end

    def begin(self, fingerprint: dict[str, Any]) -> None:
        """Forget everything, and note the fingerprint of a new run."""
        with self.transaction():
            self._forget()
            self.set("fingerprint", fingerprint)
            self.renew()

    def renew(self) -> None:
        """Note, within a transaction, that the output is another one from now on."""
        self.set("generation", os.urandom(8).hex())

    @property
    def generation(self) -> str | None:
        """Return what changes whenever the output is begun anew, or replaced."""
        return self.get("generation")  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Forget everything."""
        with self.transaction():
            self._forget()

    def _forget(self) -> None:
        for table in ("run", "done", "failed", "stretch"):
            self.sql.execute(f"DELETE FROM {table}")

    def go_on(self, fingerprint: dict[str, Any], *, retry_failed: bool) -> None:
        """Note that the run goes on; `retry_failed` forgets its failures."""
        with self.transaction() as sql:
            self.set("fingerprint", fingerprint)
            self.set("finished", False)
            if retry_failed:
                sql.execute("DELETE FROM failed")

    def note_whole(self, negative_end: int, digest: bytes) -> None:
        """Note, durably, the digest of an output that is written anew to be complete.

        It is among the stretches, by the negative of its end.
        """
        row = negative_end, digest
        with self.transaction() as sql:
            sql.execute("INSERT OR REPLACE INTO stretch VALUES (?, ?, ?)", (*row, row_sum(*row)))

    def finish(self) -> None:
        """Note that the run came to its end."""
        with self.transaction():
            self.set("finished", True)

    def finished(self) -> bool:
        """Tell whether the run came to its end."""
        return bool(self.get("finished"))

    # What is done ---------------------------------------------------------------------------

    @property
    def output_end(self) -> int:
        """Return where the results end that the journal knows of."""
        [end] = self.row("SELECT max(output_end) FROM done")
        return end or 0

    def stretches(self, *, tables: str = "") -> Iterator[tuple[int, bytes]]:
        """Yield where the output ended after each commit, and the digest of what that added.

        They are in the table whose name begins with `tables`.
        """
        for row in self.rows(f"SELECT * FROM {tables}stretch ORDER BY output_end"):
            end, digest = self.checked(row)
            yield end, digest

    def cut(self, end: int) -> int:
        """Forget the commits that end beyond `end` of the output; return how many items they had.

        `output_end` says where the results end that are left.
        """
        with self.transaction() as sql:
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

    def done(self) -> Iterator[tuple[int, int, bytes, int]]:
        """Yield the ranges of items in the order of their results in the output.

        Of each, the index of the first item, their number, how many rows each has (`row_counts`),
        and where the output ends after them.
        """
        for row in self.rows("SELECT * FROM done ORDER BY id"):
            _, first, number, _, rows, end = self.checked(row)
            yield first, number, rows, end

    def counts(self) -> tuple[int, int]:
        """Return how many items have a result in the output, and how many failed."""
        [done] = self.row("SELECT total(number) FROM done")
        [failed] = self.row("SELECT count(*) FROM failed")
        return int(done), failed

    def ranges(self) -> Iterator[ItemRange]:
        """Yield the items that are done or failed, in input order."""
        yield from self.rows(
            "SELECT first, number, entries FROM done "
            "UNION ALL SELECT item, 1, entry FROM failed ORDER BY 1"
        )

    def failure_lines(self) -> Iterator[str]:
        """Yield the lines of the failed items, in input order."""
        for row in self.rows("SELECT * FROM failed ORDER BY item"):
            yield self.checked(row)[3]

    # What is noted of a run -----------------------------------------------------------------

    def add_done(
        self, first: int, number: int, entries: bytes, output_end: int, rows: bytes = ONE_EACH
    ) -> None:
        """Note items in a row whose results end at `output_end` of the output.

        `rows` says how many rows each has (`row_counts`).
        """
        self._noted.done.append((first, number, entries, rows, output_end))

    def add_failed(self, item: int, entry: bytes, line: str) -> None:
        """Note an item that failed, as a line of the file of failed items."""
        self._noted.failed.append((item, entry, line))

    def add_stretch(self, output_end: int, digest: bytes) -> None:
        """Note the digest of what was added to the output since the last commit.

        It is now durable, and ends at `output_end`.
        """
        self._noted.stretches = [(output_end, digest)]

    def noted_failures(self, most: int) -> int:
        """Return how many of the first `most` items have failed and are not committed."""
        return sum(item < most for item, _, _ in self._noted.failed)

    def drop_beyond(self, end: int) -> int:
        """Forget results beyond `end` that were noted and not committed; return where they end."""
        noted = self._noted
        noted.done = [done for done in noted.done if done[-1] <= end]
        return noted.done[-1][-1] if noted.done else self.output_end

    def commit(self) -> None:
        """Make durable what was noted; the output must be durable before."""
        if not (self._noted.done or self._noted.failed):
            return
        with self.transaction() as sql:
            self._noted.insert(sql)
        self._noted = NotedRows()
