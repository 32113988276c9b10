"""The items that a journal knows, in the order of the input that they were in."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

from batchmap.checkpoint.journal import Journal
from batchmap.sinks.base import Commit

__all__ = ["DoneRange", "done_items", "failure_line_of", "last_rows", "result_commits"]


class DoneRange(NamedTuple):
    """Items in a row that are done, or one that failed."""

    first: int
    """Index of the first item."""
    number: int
    entries: bytes
    address: int
    """How many items have their results before those of the first one in the output; of a failed
    item, the negative of its row."""

    def part(self, start: int, end: int) -> DoneRange:
        """Return those at the offsets from `start` up to `end`."""
        size = len(self.entries) // self.number
        entries = self.entries[start * size : end * size]
        return DoneRange(self.first + start, end - start, entries, self.address + start)


def done_items(
    journal: Journal, *, failed: bool = True, after: tuple[int, int] = (0, 0)
) -> Iterator[DoneRange]:
    """Yield what a journal knows of items in input order, without the failed ones unless `failed`.

    Its rows were checked when it was opened. `after` leaves out the first rows of results and of
    failures, so many of each.
    """
    found = [_results(journal, after[0])]
    if failed:
        found.append(_failures(journal, after[1]))
    return merge(*found, key=lambda one: one.first)


def _results(journal: Journal, after: int) -> Iterator[DoneRange]:
    # Sorted without the entries, which may be large.
    for first, id, address in journal.rows(
        "SELECT first, id, start FROM "
        "(SELECT first, id, sum(number) OVER (ORDER BY id) - number AS start FROM done) "
        f"WHERE id > {after} ORDER BY first"
    ):
        number, entries = journal.row("SELECT number, entries FROM done WHERE id = ?", id)
        yield DoneRange(first, number, entries, address)


def _failures(journal: Journal, after: int) -> Iterator[DoneRange]:
    for item, id, entry in journal.rows(
        f"SELECT item, id, entry FROM failed WHERE id > {after} ORDER BY item"
    ):
        yield DoneRange(item, 1, entry, -id)


def failure_line_of(journal: Journal, address: int) -> str:
    """Return the line of a failed item, by its address."""
    row = journal.checked(journal.row("SELECT * FROM failed WHERE id = ?", -address))
    return str(row[3])


def result_commits(journal: Journal) -> Iterator[Commit]:
    """Yield of each range of items with results, in the order of the output, what is there."""
    for _, number, rows, end in journal.done():
        yield Commit(number, rows, end)


def last_rows(journal: Journal) -> tuple[int, int]:
    """Return the numbers of the last rows of results and of failures."""
    [done] = journal.row("SELECT max(id) FROM done")
    [failed] = journal.row("SELECT max(id) FROM failed")
    return done or 0, failed or 0
