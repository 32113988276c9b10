"""Writes the rows of a run as row groups of Parquet, to one file or to one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from batchmap.sinks.parquet.types import pyarrow

__all__ = ["RowGroupWriter"]

_GROUP_ROWS = 100_000
_GROUP_BYTES = 64 << 20

_GROUPS_OF_PART = 8
"""At least so many row groups make a part file: one is written as a whole."""

_BLOCK_ROWS = 1024
"""How many rows are measured at once."""


class RowGroupWriter:
    """Called with a file, writes a Parquet file of the rows that are left to it.

    With `split_bytes`, it ends with the row group that brings it to that size. Returns whether rows
    are left. Rows are divided by what they hold alone, whichever tables they come in.
    """

    def __init__(self, tables: Iterable[Any], schema: Any, split_bytes: int | None) -> None:
        self._schema = schema
        self._split_bytes = split_bytes
        self._groups = (
            _large_groups(tables)
            if split_bytes is None
            else _even_groups(tables, max(1, min(_GROUP_BYTES, split_bytes // _GROUPS_OF_PART)))
        )
        self._is_begun = False
        self._next: Any = None
        """The row group that comes next, `None` at the end."""

    def __call__(self, file: BinaryIO) -> bool:
        """Write one file."""
        if not self._is_begun:  # nothing is read before the parts were checked
            self._is_begun, self._next = True, next(self._groups, None)
        with pyarrow("pyarrow.parquet").ParquetWriter(file, self._schema) as writer:
            while self._next is not None:
                writer.write_table(self._next)
                self._next = next(self._groups, None)
                if self._split_bytes is not None and file.tell() >= self._split_bytes:
                    break
        return self._next is not None


def _large_groups(tables: Iterable[Any]) -> Iterator[Any]:
    """Yield the rows in tables that are large enough for a row group."""
    some: list[Any] = []
    rows = size_bytes = 0
    for table in tables:
        some.append(table)
        rows += table.num_rows
        size_bytes += table.nbytes
        if rows >= _GROUP_ROWS or size_bytes >= _GROUP_BYTES:
            yield pyarrow().concat_tables(some)
            some = []
            rows = size_bytes = 0
    if some:
        yield pyarrow().concat_tables(some)


def _even_groups(tables: Iterable[Any], most_bytes: int) -> Iterator[Any]:
    """Yield the rows in tables that end where they reach a size or a number of rows."""
    some: list[Any] = []
    rows = size_bytes = 0
    for block in _blocks(tables):
        for piece, piece_bytes in _measured(block, most_bytes):
            some.append(piece)
            rows += piece.num_rows
            size_bytes += piece_bytes
            if rows >= _GROUP_ROWS or size_bytes >= most_bytes:
                yield pyarrow().concat_tables(some).combine_chunks()
                some = []
                rows = size_bytes = 0
    if some:
        yield pyarrow().concat_tables(some).combine_chunks()


def _blocks(tables: Iterable[Any]) -> Iterator[Any]:
    """Yield the rows in tables of `_BLOCK_ROWS`, the last one perhaps of fewer."""
    left = None
    for table in tables:
        left = table if left is None else pyarrow().concat_tables([left, table])
        whole = left.num_rows // _BLOCK_ROWS * _BLOCK_ROWS
        for start in range(0, whole, _BLOCK_ROWS):
            yield left.slice(start, _BLOCK_ROWS)
        left = left.slice(whole)
    if left is not None and left.num_rows:
        yield left


def _measured(table: Any, most_bytes: int) -> Iterator[tuple[Any, int]]:
    """Yield a table with its size, or its halves where it is larger than `most_bytes`."""
    table = table.take(list(range(table.num_rows))).combine_chunks()  # without what is beside it
    size_bytes = _size_bytes(table)
    if size_bytes <= most_bytes or table.num_rows == 1:
        yield table, size_bytes
        return
    half = table.num_rows // 2
    yield from _measured(table.slice(0, half), most_bytes)
    yield from _measured(table.slice(half), most_bytes)


def _size_bytes(table: Any) -> int:
    """Return the size of the values: that of Arrow's messages, without masks that mask nothing."""
    size_of = pyarrow("pyarrow.ipc").get_record_batch_size
    return sum(map(size_of, table.to_batches()))
