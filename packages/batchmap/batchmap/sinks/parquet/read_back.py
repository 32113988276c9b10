"""Reads the rows of an output back that is Parquet."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from batchmap.arrow import values
from batchmap.row_counts import ONE_EACH, counts_of, packed_counts, total_rows
from batchmap.sinks.base import Commit, Kept
from batchmap.sinks.output_errors import output_errors
from batchmap.sinks.parquet.parts import LocalParquetParts
from batchmap.sinks.parquet.types import pyarrow

__all__ = ["ParquetResults"]

_CACHED_ROWS = 200_000


class ParquetResults:
    """The rows of the merged output and of the parts after it, in that order."""

    def __init__(self, path: Path, commits: Iterable[Commit]) -> None:
        self._path = path
        self._files = pyarrow("pyarrow.parquet")
        self._items = _RowsOfItems(commits)
        self._groups: list[tuple[Path, int]] = []
        ends = array("Q")
        with output_errors(path):
            for file in LocalParquetParts(path).files():
                with self._files.ParquetFile(file) as opened:
                    for group in range(opened.num_row_groups):
                        self._groups.append((file, group))
                        ends.append(opened.metadata.row_group(group).num_rows)
        self._ends = array("Q", accumulate(ends))
        self._cached: OrderedDict[int, Any] = OrderedDict()

    def read(self, first: int, number: int, *, whole: bool = False) -> Kept:
        if self._items.have_one_each:
            return Kept(self._some_rows(first, number))
        start = self._items.first_row(first)
        pieces: list[Any] = []
        rows = iter(())  # type: Iterator[Any]
        left = 0
        counts = list(islice(self._items.counts(first), number))
        for count in counts:
            if pieces and count > left:  # they lie apart
                break
            piece = list(islice(rows, count))
            while len(piece) < count:
                some = self._some_rows(start, sum(counts) or 1)
                start += len(some)
                rows, left = iter(some), left + len(some)
                piece += islice(rows, count - len(piece))
            left -= count
            pieces.append(piece)
        return Kept(pieces, rows=packed_counts(map(len, pieces)))

    def _some_rows(self, first: int, number: int) -> list[dict[str, Any]]:
        """Return so many rows; fewer where they are not in one row group."""
        group = bisect_right(self._ends, first)
        table = self._cached.get(group)
        if table is None:
            path, number_in_file = self._groups[group]
            with output_errors(self._path), self._files.ParquetFile(path) as file:
                table = file.read_row_group(number_in_file, use_threads=False)
            self._cached[group] = table
            while (
                len(self._cached) > 1
                and sum(one.num_rows for one in self._cached.values()) > _CACHED_ROWS
            ):
                self._cached.popitem(last=False)
        start = first - (self._ends[group - 1] if group else 0)
        return values.rows_of(table.slice(start, number))

    def columns(self) -> Kept:
        schemas = [self._files.read_schema(path) for path in dict(self._groups)]
        return Kept([], schemas=schemas)

    def close(self) -> None:
        self._cached.clear()


class _RowsOfItems:
    """How many rows the items of commits have, and which is the first one of each."""

    def __init__(self, commits: Iterable[Commit]) -> None:
        self._commits = [(number, rows) for number, rows, _ in commits]
        self.have_one_each = all(rows == ONE_EACH for _, rows in self._commits)
        if not self.have_one_each:
            self._items = [0, *accumulate(number for number, _ in self._commits)]
            self._rows = [0, *accumulate(total_rows(rows, some) for some, rows in self._commits)]

    def first_row(self, item: int) -> int:
        """Return the number of the first row of an item, from 0."""
        commit = bisect_right(self._items, item) - 1
        number, rows = self._commits[commit]
        counts = islice(counts_of(rows, number), item - self._items[commit])
        return self._rows[commit] + sum(counts)

    def counts(self, item: int) -> Iterator[int]:
        """Yield how many rows an item and those after it have, up to the end of its commit."""
        commit = bisect_right(self._items, item) - 1
        number, rows = self._commits[commit]
        yield from islice(counts_of(rows, number), item - self._items[commit], None)
