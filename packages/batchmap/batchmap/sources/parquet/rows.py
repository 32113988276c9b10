"""Reads the rows of a Parquet file, as dicts."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from batchmap.arrow.values import rows_of, unknown_zones
from batchmap.errors import InputError
from batchmap.optional import require
from batchmap.sources.base import InputRecord, one_line, unreadable_record, value_bytes
from batchmap.sources.opening.byte_sources import ByteSource
from batchmap.sources.parquet.blocks import ArrowBlock, Pair, gathered, in_step

__all__ = ["ParquetRows", "rows_and_bytes"]

_logger = logging.getLogger(__name__)

_BATCH_ROWS = 1024
_BUFFER_BYTES = 1 << 20

_BLOCK_ROWS = 1 << 14
_BLOCK_BYTES = 4 << 20
_GROUPS_LOOKED = 10
"""By how many row groups the size of a row is estimated."""


class ParquetRows:
    """The rows of a file, by column name; a batch of them is in memory at a time.

    A row with a value that Python cannot hold is an `UnreadableRecord`. Checksums of pages are
    verified where the file has them. Of `columns`, those that the file has are read, and no others.
    Raises `UsageError` when pyarrow is missing, `InputError` when the file is not Parquet or
    damaged.
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
        self._int96: list[str] = []
        """The columns with times in nanoseconds of 96 bits."""
        with self._opened("is not Parquet, or damaged") as file:
            self.total: int | None = file.metadata.num_rows
            self.schema = file.schema_arrow
            """The names and types of the columns, as pyarrow has them."""
            self._block_rows = _block_rows(file.metadata)
            has_int96 = "INT96" in {column.physical_type for column in file.schema}
        names = self.column_names = self.schema.names
        self._columns = None if columns is None else [name for name in names if name in columns]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{name}: two columns are named {twice[0]!r:.60}; rename one of them")
        if has_int96:
            with self._opened("is not Parquet, or damaged", unit="ns") as file:
                both = zip(self.schema, file.schema_arrow, strict=True)
                self._int96 = [
                    field.name
                    for field, twin in both
                    if field.type != twin.type and (columns is None or field.name in columns)
                ]
        for field in self.schema:
            for zone in dict.fromkeys(unknown_zones(field.type)):
                _logger.warning(
                    "%s: the times of column %.60r are in a zone that nobody knows, %.60r; "
                    "they are given in UTC",
                    *(name, field.name, zone),
                )

    def records(self) -> Iterator[InputRecord]:
        for batch, twin in self._batches(_BATCH_ROWS):
            for item, raw in rows_and_bytes(batch, twin):
                self._read += 1
                yield item, raw, self._read

    def records_in_blocks(
        self, wants_blocks: Callable[[], bool]
    ) -> Iterator[InputRecord | ArrowBlock]:
        """Yield the same, in blocks while `wants_blocks` says so."""
        batches = self._batches(min(_BATCH_ROWS, self._block_rows))
        for batch, twin in gathered(batches, self._block_rows, _BLOCK_BYTES):
            if wants_blocks():
                yield ArrowBlock(batch, twin, rows_and_bytes, self._read + 1)
                self._read += batch.num_rows
                continue
            for item, raw in rows_and_bytes(batch, twin):
                self._read += 1
                yield item, raw, self._read

    def _batches(self, batch_rows: int) -> Iterator[Pair]:
        """Yield record batches, each with the columns that are read in nanoseconds, or `None`.

        There are values in place of dictionaries, of which each part of a batch has all values.
        """
        self._read = 0
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(self._opened("cannot be read on; the file is damaged"))
            # pyarrow's threads would be a danger to workers that are forked.
            options = {"batch_size": batch_rows, "use_threads": False}
            batches = map(_decoded, file.iter_batches(columns=self._columns, **options))
            if not self._int96:
                yield from ((batch, None) for batch in batches)
                return
            twin = stack.enter_context(
                self._opened("cannot be read on; the file is damaged", unit="ns")
            )
            yield from in_step(batches, twin.iter_batches(columns=self._int96, **options))

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def place(self, where: int) -> str:
        return f"{self.name} row {where}"

    def fraction(self) -> float | None:
        return self._read / self.total if self.total else 1.0

    @contextlib.contextmanager
    def _opened(self, problem: str, *, unit: str = "us") -> Iterator[Any]:
        """Open the file; `unit` is that of times of 96 bits.

        In microseconds, they reach beyond the year 2262; in nanoseconds, they have all digits.
        """
        try:
            with (
                self._byte_source.opened() as (raw, _),
                self._parquet.ParquetFile(
                    raw,
                    buffer_size=_BUFFER_BYTES,
                    coerce_int96_timestamp_unit=unit,
                    page_checksum_verification=True,
                ) as file,
            ):
                yield file
        except self._errors as error:
            place = self.place(self._read + 1) if self._read else self.name
            why = f"{one_line(error):.300}"
            if isinstance(error, NotImplementedError):
                raise InputError(f"{place}: pyarrow cannot read it ({why})") from error
            raise InputError(f"{place}: {problem} ({why}); write the file again") from error


def _decoded(batch: Any) -> Any:
    """Return a record batch with the values of columns that are dictionaries."""
    arrow = require("pyarrow", "formats", "reading Parquet")
    if not any(map(arrow.types.is_dictionary, batch.schema.types)):
        return batch
    columns = [
        column.dictionary_decode() if arrow.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return arrow.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _block_rows(metadata: Any) -> int:
    """Return how many rows a block may have, so that it holds some MB of what is in the file."""
    groups = [metadata.row_group(at) for at in range(min(metadata.num_row_groups, _GROUPS_LOOKED))]
    rows = int(sum(group.num_rows for group in groups))
    size_bytes = int(sum(group.total_byte_size for group in groups))
    return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES * rows // max(1, size_bytes)))


def rows_and_bytes(batch: Any, twin: Any) -> Iterator[tuple[Any, bytes]]:
    """Yield each row, with bytes that are the same for equal rows.

    In place of a row that Python cannot hold there is an `UnreadableRecord`. `twin` has columns
    that take the place of those of the same name.
    """
    try:
        rows = rows_of(batch, _columns(twin))
    except Exception:  # a value that Python cannot hold; which one is found row by row
        rows = None
    if rows is not None:
        for row in rows:
            yield row, value_bytes(row)
        return
    for offset in range(batch.num_rows):
        yield _row(batch.slice(offset, 1), None if twin is None else twin.slice(offset, 1))


def _row(one: Any, twin: Any) -> tuple[Any, bytes]:
    try:
        [row] = rows_of(one, _columns(twin))
        return row, value_bytes(row)
    except Exception as error:
        problem = f"{_bad_column(one, twin)}{one_line(error)}"
        item = unreadable_record(type(error).__name__, problem, b"")
        arrow = require("pyarrow", "formats", "reading Parquet")
        # Taken, as bits of other rows may stand beside those of a slice.
        return item, one.take(arrow.array([0])).serialize().to_pybytes()


def _bad_column(one: Any, twin: Any) -> str:
    """Return which column cannot be read, for a message."""
    for name in one.schema.names:
        try:
            rows_of(one.select([name]), _columns(twin))
        except Exception:
            return f"column {name!r:.60}: "
    return ""


def _columns(twin: Any) -> dict[str, Any]:
    return {} if twin is None else dict(zip(twin.schema.names, twin.columns, strict=True))
