"""Reads the rows of CSV, as dicts of text."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from batchmap.errors import InputError
from batchmap.records import UnreadableRecord
from batchmap.sources.base import unreadable_record
from batchmap.sources.csv.dialect import (
    SAMPLE_LINES,
    CsvSettings,
    find_delimiter,
    reader_options,
    separator_line,
)
from batchmap.sources.csv.header import column_names, look_like_data, numbered
from batchmap.sources.csv.lines import MAX_RECORD_BYTES, RecordLines, RecordTooLong
from batchmap.sources.csv.plain_lines import CsvLine, PlainLines, wrong_width
from batchmap.sources.csv.quotes import Joined, how_joined, look_like_rows
from batchmap.sources.line_blocks import LineBlock, Record
from batchmap.sources.opening.text_encoding import BadText

__all__ = ["MAX_RECORD_BYTES", "CsvListener", "csv_rows"]

_QUOTES_AS_TEXT = "--quote none takes quotes as text"


class CsvListener(Protocol):
    """Is told how a CSV file is read, before its first record."""

    def note_table(self, delimiter: str, columns: list[str], remarks: list[str]) -> bytes:
        """Take the delimiter, the names of the columns, and what a user should know of them.

        Returns a digest of what records mean beside their bytes.
        """
        ...

    def warn(self, line: int, message: str) -> None:
        """Take what a user should know of a line."""
        ...


def csv_rows(
    blocks: Iterable[bytes],
    name: str,
    settings: CsvSettings,
    bad_text: BadText,
    listener: CsvListener,
    wants_blocks: Callable[[], bool] | None = None,
) -> Iterator[Record]:
    """Yield a dict of text for every row after the header, by the names of the columns.

    While `wants_blocks` says so, rows that are plain lines come in blocks.

    A row with more or fewer cells, or with broken quotes, is an `UnreadableRecord`; blank lines are
    skipped. Where a quote is not closed and what follows looks like rows, its line alone is one.
    The position of a record is the number of its first line. Raises `InputError` for a header that
    cannot be read, and for a record of more than `MAX_RECORD_BYTES`.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))
    record = RecordLines(blocks, name, bad_text)
    item: Any
    try:
        table = _Table(record, settings, listener)
        header, lines, rows = table.columns, record.lines, table.rows
        width = len(header)
        while True:
            record.first_line += len(lines)  # `begin_record`, without what a call costs
            lines.clear()
            if wants_blocks is not None and wants_blocks():
                while (block := table.block()) is not None:
                    yield block
            try:
                row = next(rows)
            except StopIteration:
                record.end()
                return
            except (csv.Error, RecordTooLong) as error:
                item = table.broken(error)
                rows = table.rows
            else:
                if len(row) == width:
                    item = dict(zip(header, row, strict=True))
                    if len(lines) > 1 and (split := table.joined()) is not None:
                        item, rows = split, table.rows
                elif row:
                    item = table.ragged(row)
                    rows = table.rows
                else:
                    continue
            yield item, b"".join(lines), record.first_line
    finally:
        record.release()


class _Table:
    """The columns of a CSV file, and what becomes of rows that are not as they should be.

    Raises `InputError` for a header that cannot be read.
    """

    def __init__(self, record: RecordLines, settings: CsvSettings, listener: CsvListener) -> None:
        self.record = record
        self._settings = settings
        self._listener = listener
        for _ in range(settings.skip_lines):
            record.drop()
        while record.ahead(1) in (["\n"], ["\r\n"], ["\r"]):
            record.drop()
        self._remarks: list[str] = []
        self._delimiter = self._found_delimiter()
        self._options = reader_options(self._delimiter, settings.quote)
        self.rows = self._reader()
        self.columns = self._found_columns()
        context = listener.note_table(self._delimiter, self.columns, self._remarks)
        self._line = CsvLine(self.columns, self._delimiter, settings.quote, context)
        self._plain_lines = PlainLines(self._delimiter, settings.quote, len(self.columns))

    def block(self) -> LineBlock | None:
        """Return the lines to come as a block, where they are plain; called between records."""
        first_line = self.record.first_line
        found = self.record.block(self._plain_lines)
        if found is None:
            return None
        lines, number, num_lines = found
        return LineBlock(lines, number, first_line, self._line, num_lines)

    def broken(self, error: csv.Error | RecordTooLong) -> UnreadableRecord:
        """Return what stands for a record that `csv.reader` cannot read."""
        why = "a quote is not closed" if isinstance(error, RecordTooLong) else _plain(error)
        item = self._taken_back(why)
        if item is None:
            if isinstance(error, RecordTooLong):
                raise self.record.too_long()
            raw = b"".join(self.record.lines)
            item = unreadable_record("csv.Error", f"{why}; {_QUOTES_AS_TEXT}", raw)
            self.rows = self._reader()
        return item

    def ragged(self, row: list[str]) -> UnreadableRecord:
        """Return what stands for a row with another number of cells than the header."""
        item = None
        if len(self.record.lines) > 1:
            item = self._taken_back("a quote is not closed")
        if item is not None:
            return item
        return wrong_width(row, self.columns, b"".join(self.record.lines))

    def joined(self) -> UnreadableRecord | None:
        """Return what stands for the first line of a row where the others are rows themselves."""
        if self._settings.quote is not None:
            return None
        record = self.record
        how = how_joined(record.lines, self._delimiter.encode(), len(self.columns))
        if how is Joined.TEXT:
            return None
        if how is Joined.ROWS:
            return self._taken_back("a quote is not closed")
        self._listener.warn(
            record.first_line,
            f"the quotes hold {len(record.lines)} lines that may be rows of their own; "
            f"if they are, {_QUOTES_AS_TEXT}",
        )
        return None

    def _taken_back(self, why: str) -> UnreadableRecord | None:
        """Leave the first line alone where the others look like rows, which are read again."""
        record = self.record
        if not look_like_rows(record.lines, self._delimiter.encode(), len(self.columns)):
            return None
        first = record.lines[0]
        record.read_again(1)
        self.rows = self._reader()
        return unreadable_record(
            "csv.Error", f"{why} on its line, and rows follow; {_QUOTES_AS_TEXT}", first
        )

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self.record.texts(), strict=True, **self._options)

    def _found_delimiter(self) -> str:
        record, settings = self.record, self._settings
        first = record.ahead(1)
        named = separator_line(first[0]) if first else None
        if named is not None:
            record.drop()
            first = record.ahead(1)
        if settings.delimiter is not None:
            return settings.delimiter
        if named is not None and named != settings.quote:
            delimiter = named
        else:
            found = find_delimiter(
                first[0] if first else "", settings, lambda: record.ahead(SAMPLE_LINES)
            )
            delimiter = found.character
            if found.doubt:
                self._remarks.append(f"is read with delimiter {delimiter!r}; {found.doubt}")
        return delimiter

    def _found_columns(self) -> list[str]:
        settings, record = self._settings, self.record
        if settings.columns is not None:
            return list(settings.columns)
        header = self._first_row()
        if settings.no_header:
            record.read_again(0)
            self.rows = self._reader()
            return numbered(len(header))
        columns, remark = column_names(header)
        if remark:
            self._remarks.append(remark)
        if look_like_data(header):
            self._remarks.append(
                f"line {record.first_line} is read as the header and holds numbers only; "
                "--no-header takes it as a row"
            )
        return columns

    def _first_row(self) -> list[str]:
        """Return the cells of the first row that is not blank; none for a file without one."""
        record = self.record
        row: list[str] = []
        try:
            while not row:
                record.begin_record()
                row = next(self.rows)
        except StopIteration:
            return []
        except RecordTooLong:
            raise record.too_long() from None
        except csv.Error as error:
            raise self._unusable(_plain(error)) from error
        is_trusted = self._settings.quote is not None
        if len(record.lines) > 1 and not is_trusted:
            how = how_joined(record.lines, self._delimiter.encode(), len(row))
            if how is Joined.ROWS:
                raise self._unusable("a quote is not closed")
        return row

    def _unusable(self, why: str) -> InputError:
        what = "the first row" if self._settings.no_header else "the header"
        return InputError(
            f"{self.record.name} line {self.record.first_line}: {what} cannot be read: {why}",
            advice="fix the quotes, or {quote:none} takes quotes as text",
        )


def _plain(error: csv.Error) -> str:
    message = str(error)
    if "end of data" in message:
        return "a quote is not closed before the end of the input"
    if "expected after" in message:
        return "text follows a closing quote; quotes inside a cell are doubled"
    return message
