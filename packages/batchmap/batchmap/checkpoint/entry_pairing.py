"""Pairs equal entries of two long sequences, in bounded memory.

The entries go into a temporary SQLite file, which sorts them; in memory are some bytes for each.
"""

from __future__ import annotations

import sqlite3
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat

from batchmap.checkpoint.identity import DIGEST_BYTES
from batchmap.errors import OutputError

__all__ = ["EntryPairing"]

UNPAIRED = -1

_CACHE_KB = 24 << 10


@contextmanager
def _temporary_errors() -> Iterator[None]:
    """Turn an error of SQLite inside into an `OutputError` that says what helps."""
    try:
        yield
    except sqlite3.Error as error:
        raise OutputError(
            f"the differences of the input cannot be kept in {tempfile.gettempdir()} ({error}); "
            "make room there, or set TMPDIR"
        ) from error


class EntryPairing:
    """Entries of before and of now: equal ones are paired, the first with the first, and so on.

    Of an entry, the first `compared_bytes` are compared. Methods raise `OutputError` where there is
    no room for the file.
    """

    def __init__(self, compared_bytes: int) -> None:
        self._compared = compared_bytes
        self._sql = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._sql.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        self._sql.execute("PRAGMA journal_mode = OFF")
        for table in ("old", "new"):
            self._sql.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, entry BLOB)")
        self._sql.execute("BEGIN")
        self.old_of = array("q")
        """By the number of a new entry: that of its pair among the old ones, or `UNPAIRED`."""
        self._is_paired = bytearray()
        """By the number of an old entry."""

    def close(self) -> None:
        """Remove the file."""
        self._sql.close()

    def add_old(self, entries: Iterable[bytes]) -> int:
        """Add entries of before; return how many there are now."""
        return self._add("old", entries)

    def index_names(self) -> None:
        """Prepare `known_by_name`, when all old entries were added."""
        with _temporary_errors():
            self._sql.execute(f"CREATE INDEX old_name ON old (substr(entry, 1, {DIGEST_BYTES}))")

    def known_by_name(self, name: bytes) -> bytes:
        """Return the last old entry that begins with `name`; empty for none."""
        with _temporary_errors():
            found = self._sql.execute(
                f"SELECT entry FROM old WHERE substr(entry, 1, {DIGEST_BYTES}) = ? "
                "ORDER BY id DESC LIMIT 1",
                (name,),
            ).fetchone()
        return b"" if found is None else found[0]

    def add_new(self, entries: Iterable[bytes]) -> int:
        """Add entries of now; return how many there are now."""
        return self._add("new", entries)

    def _add(self, table: str, entries: Iterable[bytes]) -> int:
        query = f"INSERT INTO {table} (entry) VALUES (?)"
        with _temporary_errors():
            self._sql.executemany(query, ((entry,) for entry in entries))
            [number] = self._sql.execute(f"SELECT max(id) FROM {table}").fetchone()
        return number or 0

    def new_entries(self) -> Iterator[bytes]:
        """Yield the entries of now, in their order."""
        with _temporary_errors():
            for [entry] in self._sql.execute("SELECT entry FROM new ORDER BY id"):
                yield entry

    # Pairs -----------------------------------------------------------------------------------

    def pair(self) -> None:
        """Pair the entries that were added."""
        self._is_paired = bytearray(self._add("old", ()))
        self.old_of = array("q", repeat(UNPAIRED, self._add("new", ())))
        for old, new in _equal(self._sorted("old"), self._sorted("new")):
            self._is_paired[old] = True
            self.old_of[new] = old

    def unpaired(self, number: int) -> int:
        """Return how many of the first so many entries of before have no pair."""
        return self._is_paired.count(0, 0, number)

    def changed(self, number: int) -> int:
        """Return how many unpaired entries of now stand for one of the first `number` of before.

        Where an entry says more than a name, it is one of the same name. Else it is one that is
        gone from the same place, after the same neighbour.
        """
        if self._compared == DIGEST_BYTES:
            return self._changed_in_place(number)
        old = (
            row
            for row in self._sorted("old", DIGEST_BYTES)
            if row[1] < number and not self._is_paired[row[1]]
        )
        new = (row for row in self._sorted("new", DIGEST_BYTES) if self.old_of[row[1]] == UNPAIRED)
        return sum(1 for _ in _equal(old, new))

    def _changed_in_place(self, number: int) -> int:
        changed = expected = 0
        for old in self.old_of:
            if old != UNPAIRED:
                expected = old + 1
            elif expected < number and not self._is_paired[expected]:
                changed += 1
                expected += 1
        return changed

    def moved(self, number: int) -> int:
        """Return how many pairs of the first `number` entries of before have to be moved.

        All others are in the order that they were in: the longest run of increasing numbers.
        """
        pairs = 0
        ends = array("q")
        for old in self.old_of:
            if 0 <= old < number:
                pairs += 1
                if not ends or old > ends[-1]:
                    ends.append(old)
                else:
                    ends[bisect_left(ends, old)] = old
        return pairs - len(ends)

    def _sorted(self, table: str, size: int | None = None) -> Iterator[tuple[bytes, int]]:
        """Yield the first bytes of the entries of a table, sorted, each with its number from 0."""
        part = f"substr(entry, 1, {size or self._compared})"
        if size is None and self._compared == DIGEST_BYTES:
            part = "entry"  # quicker
        with _temporary_errors():
            yield from self._sql.execute(f"SELECT {part}, id - 1 FROM {table} ORDER BY {part}, id")


def _equal(
    old: Iterator[tuple[bytes, int]], new: Iterator[tuple[bytes, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the numbers of equal entries of two that are sorted, each once."""
    here, there = next(old, None), next(new, None)
    while here is not None and there is not None:
        if here[0] == there[0]:
            yield here[1], there[1]
            here, there = next(old, None), next(new, None)
        elif here[0] < there[0]:
            here = next(old, None)
        else:
            there = next(new, None)
