"""Reads the rows of a Parquet file, as dicts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from batchmap.errors import InputError
from batchmap.optional import require
from batchmap.sources.base import InputRecord, one_line, unreadable_record, value_bytes
from batchmap.sources.byte_sources import ByteSource

__all__ = ["ParquetRows"]

_BATCH_ROWS = 1024
_BUFFER_BYTES = 1 << 20


class ParquetRows:
    """The rows of a file, by column name; a batch of them is in memory at a time.

    Of `columns`, those that the file has are read, and no others.
    A row with a value that Python cannot hold is an `UnreadableRecord`. Raises `UsageError` when
    pyarrow is missing, `InputError` when the file is not Parquet or damaged.
    """

    def __init__(self, byte_source: ByteSource, *, columns: Sequence[str] | None = None) -> None:
        self._parquet = require("pyarrow.parquet", "formats", "reading Parquet")
        self._errors = (require("pyarrow", "formats", "reading Parquet").ArrowException, OSError)
        self._byte_source = byte_source
        self._read = 0
        self.name = name = byte_source.name
        self.paths = byte_source.paths
        self.repeatable = True
        self.state = byte_source.state
        self.size_bytes: int | None = None
        with self._opened("is not Parquet, or damaged") as file:
            self.total: int | None = file.metadata.num_rows
            names = file.schema_arrow.names
        self.column_names = names
        self._columns = None if columns is None else [name for name in names if name in columns]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{name}: two columns are named {twice[0]!r:.60}; rename one of them")

    def records(self) -> Iterator[InputRecord]:
        self._read = 0
        with self._opened("cannot be read on; the file is damaged") as file:
            # pyarrow's threads would be a danger to workers that are forked.
            batches = file.iter_batches(
                batch_size=_BATCH_ROWS, columns=self._columns, use_threads=False
            )
            for batch in batches:
                for item, raw in _rows(batch):
                    self._read += 1
                    yield item, raw, self._read

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def place(self, where: int) -> str:
        return f"{self.name} row {where}"

    def fraction(self) -> float | None:
        return self._read / self.total if self.total else 1.0

    @contextlib.contextmanager
    def _opened(self, problem: str) -> Iterator[Any]:
        try:
            with (
                self._byte_source.opened() as (raw, _),
                self._parquet.ParquetFile(raw, buffer_size=_BUFFER_BYTES) as file,
            ):
                yield file
        except self._errors as error:
            place = self.place(self._read + 1) if self._read else self.name
            raise InputError(
                f"{place}: {problem} ({one_line(error):.300}); write the file again"
            ) from error


def _rows(batch: Any) -> Iterator[tuple[Any, bytes]]:
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):
        rows = None
    if rows is not None:
        for row in rows:
            yield row, value_bytes(row)
        return
    for offset in range(batch.num_rows):
        yield _row(batch.slice(offset, 1))


def _row(one: Any) -> tuple[Any, bytes]:
    try:
        row = one.to_pylist()[0]
        return row, value_bytes(row)
    except (ValueError, OverflowError) as error:
        item = unreadable_record(type(error).__name__, one_line(error), b"")
        return item, one.serialize().to_pybytes()
