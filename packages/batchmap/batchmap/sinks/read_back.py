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

from batchmap.arrow import values
from batchmap.errors import OutputError
from batchmap.sinks.base import Kept
from batchmap.sinks.csv.cells import rows_of
from batchmap.sinks.output_errors import output_errors, real_path
from batchmap.sinks.parquet.parts import LocalParquetParts
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

_CACHED_ROWS = 200_000


class ResultReader(Protocol):
    """Reads the results of an output by their number in it, from 0."""

    def read(self, first: int, number: int, *, whole: bool = False) -> Kept:
        """Return so many results, as `Sink.carry` takes them; fewer where they lie apart.

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
    commits: Iterable[tuple[int, int]],
    *,
    opened: Callable[[Path], BinaryIO],
    delimiter: str = "",
) -> ResultReader:
    """Return the reader of the output at `path`, whose bytes were compared with its journal.

    `opened` returns its text, `delimiter` stands between two cells. `commits` are what the journal
    says of it, in order: a number of results, and where they end.
    """
    if output_format == "parquet":
        return _ParquetResults(path)
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
        commits: Iterable[tuple[int, int]],
        delimiter: str,
        opened: Callable[[Path], BinaryIO],
    ) -> None:
        self._path = path
        self._opened = opened
        self._delimiter = delimiter
        numbers, self._ends = array("Q"), array("Q")
        for number, end in commits:
            numbers.append(number)
            self._ends.append(end)
        self._results = array("Q", accumulate(numbers))
        """How many results there are up to the end of each commit."""
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
            text = self._text(commit)
            return Kept([text], self._columns, number=self._results[commit] - first)
        pieces = self._cached.get(commit)
        if pieces is None:
            pieces = self._load(commit)
        else:
            self._cached.move_to_end(commit)
        start = first - before
        return Kept(pieces[start : start + number], self._columns)

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
                    self._columns = tuple(next(names, ()))
                    self._start = len(header)
            start = self._ends[commit - 1] if commit else self._start
            self._file.seek(start)
            return self._file.read(self._ends[commit] - start).decode()

    def _load(self, commit: int) -> list[str]:
        lines = [f"{line}\n" for line in self._text(commit).split("\n")[:-1]]
        pieces = list(rows_of(lines)) if self._delimiter else lines
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


class _ParquetResults:
    """The rows of the merged output and of the parts after it, in that order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = pyarrow("pyarrow.parquet")
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
        return Kept(values.rows_of(table.slice(start, number)))

    def columns(self) -> Kept:
        schemas = [self._files.read_schema(path) for path in dict(self._groups)]
        return Kept([], schemas=schemas)

    def close(self) -> None:
        self._cached.clear()
