"""Reads results back from an output, for another output that is written anew from them."""

from __future__ import annotations

import csv
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from batchmap.errors import OutputError
from batchmap.row_counts import ONE_EACH, counts_of, part_of_counts
from batchmap.sinks.base import Commit, Kept
from batchmap.sinks.csv.cells import rows_in
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.sinks.parquet.parts import LocalParquetParts
from batchmap.sinks.parquet.read_back import ParquetResults
from batchmap.sinks.parquet.types import pyarrow
from batchmap.sinks.text_file.joined_parts import header_of
from batchmap.storage.formats import DELIMITERS
from batchmap.text import printable

__all__ = ["ResultReader", "column_types", "open_reader"]

_CACHED_BYTES = 32 << 20
"""How much of an output is kept in memory, so that results that have moved are read quickly."""

_FIRST_BYTES = 2 << 20
"""The same as long as results are read in their order."""

_PIECE_BYTES = 64
"""What an object of Python takes in memory, about."""


class ResultReader(Protocol):
    """Reads what items have in an output, by the number of the item in it, from 0."""

    def read(self, first: int, number: int, *, whole: bool = False) -> Kept:
        """Return what so many items have, as `Sink.carry` takes it; fewer where they lie apart.

        Where `whole` is set, they need no new index, and may be one piece. Raises `OutputError`
        when they cannot be read.
        """
        ...

    def columns(self) -> Kept:
        """Return the columns alone, where there are results."""
        ...

    def close(self) -> None:
        """Close what was opened."""


def open_reader(
    path: Path,
    output_format: str,
    commits: Iterable[Commit],
    *,
    opened: Callable[[Path], BinaryIO],
    delimiter: str = "",
) -> ResultReader:
    """Return the reader of the output at `path`, whose bytes were compared with its journal.

    `opened` returns its text, `delimiter` stands between two cells. `commits` are what the journal
    says of it, in order.
    """
    if output_format == "parquet":
        return ParquetResults(path, commits)
    delimiter = delimiter if output_format in DELIMITERS else ""
    return _TextResults(path, commits, delimiter, opened)


def column_types(paths: Iterable[Path], output_format: str) -> Any:
    """Return a schema with the columns of outputs, for `open_sink`; `None` for text."""
    if output_format != "parquet":
        return None
    fields: dict[str, Any] = {}
    for path in paths:
        with output_errors(path):
            for file in LocalParquetParts(path).files():
                for field in pyarrow("pyarrow.parquet").read_schema(file):
                    fields.setdefault(field.name, field)
    return pyarrow().schema(list(fields.values()))


class _TextResults:
    """The lines of JSON Lines, or with a `delimiter` the rows of CSV or TSV."""

    def __init__(
        self,
        path: Path,
        commits: Iterable[Commit],
        delimiter: str,
        opened: Callable[[Path], BinaryIO],
    ) -> None:
        self._path = path
        self._opened = opened
        self._delimiter = delimiter
        numbers, self._ends = array("Q"), array("Q")
        self._rows: dict[int, bytes] = {}
        """How many rows the items of a commit have, where not all have one."""
        for commit, (number, rows, end) in enumerate(commits):
            numbers.append(number)
            self._ends.append(end)
            if rows != ONE_EACH:
                self._rows[commit] = rows
        self._results = array("Q", accumulate(numbers))
        """How many items there are up to the end of each commit."""
        self._file: BinaryIO | None = None
        self._columns: tuple[str, ...] | None = None
        self._cached: OrderedDict[int, list[str]] = OrderedDict()
        self._cached_bytes = 0
        self._most_bytes = _FIRST_BYTES
        self._was_loaded = bytearray(len(numbers))
        self._start = 0
        """Where the first result begins, after a header."""

    def read(self, first: int, number: int, *, whole: bool = False) -> Kept:
        commit = bisect_right(self._results, first)
        before = self._results[commit - 1] if commit else 0
        if whole and first == before and number >= self._results[commit] - first:
            text, rows = self._text(commit), self._rows.get(commit, ONE_EACH)
            return Kept([text], self._columns, number=self._results[commit] - first, rows=rows)
        pieces = self._cached.get(commit)
        if pieces is None:
            pieces = self._load(commit)
        else:
            self._cached.move_to_end(commit)
        start = first - before
        rows = part_of_counts(self._rows.get(commit, ONE_EACH), start, start + number)
        return Kept(pieces[start : start + number], self._columns, rows=rows)

    def columns(self) -> Kept:
        return Kept(self.read(0, 1).pieces[:0], self._columns) if self._results else Kept([])

    def _text(self, commit: int) -> str:
        """Return the text of a commit's results, without a header."""
        with output_errors(self._path):
            if self._file is None:
                self._file = self._opened(real_path(self._path))
                if self._delimiter:
                    header = header_of(self._file)
                    names = csv.reader([header.decode("utf-8-sig")], delimiter=self._delimiter)
                    self._columns = tuple(next(names, ())) or None
                    self._start = len(header)
            start = max(self._start, self._ends[commit - 1] if commit else 0)
            self._file.seek(start)
            return self._file.read(max(0, self._ends[commit] - start)).decode()

    def _load(self, commit: int) -> list[str]:
        text = self._text(commit)
        pieces = [f"{line}\n" for line in text.split("\n")[:-1]]
        if self._delimiter:
            pieces = list(rows_in(text))
        if commit in self._rows:
            number = self._results[commit] - (self._results[commit - 1] if commit else 0)
            pieces = _together(pieces, counts_of(self._rows[commit], number))
        self._keep(commit, pieces)
        return pieces

    def _keep(self, commit: int, pieces: list[str]) -> None:
        before = self._results[commit - 1] if commit else 0
        if len(pieces) != self._results[commit] - before:
            raise OutputError(
                f"{printable(f'{self._path}')}: its results are not as many as its journal says",
                advice="{overwrite} begins anew",
            )
        self._cached[commit] = pieces
        if self._was_loaded[commit]:  # results have moved
            self._most_bytes = min(_CACHED_BYTES, 2 * self._most_bytes)
        self._was_loaded[commit] = True
        self._cached_bytes += self._memory_bytes(commit)
        while self._cached_bytes > self._most_bytes and len(self._cached) > 1:
            oldest, _ = self._cached.popitem(last=False)
            self._cached_bytes -= self._memory_bytes(oldest)

    def _memory_bytes(self, commit: int) -> int:
        """Return about what the results of a commit take in memory."""
        start, before = (self._ends[commit - 1], self._results[commit - 1]) if commit else (0, 0)
        return self._ends[commit] - start + _PIECE_BYTES * (self._results[commit] - before)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _together(rows: list[str], counts: Iterable[int]) -> list[str]:
    """Return rows as one piece for each item; one more where their number is not that of `counts`.

    That one tells that something is wrong.
    """
    pieces = []
    done = 0
    for count in counts:
        pieces.append("".join(rows[done : done + count]))
        done += count
    return pieces if done == len(rows) else [*pieces, ""]
