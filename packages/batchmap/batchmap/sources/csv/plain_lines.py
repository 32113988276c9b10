"""Tells lines of CSV whose records are beyond doubt, without decoding them.

What is not so plain (blank lines, quotes where no cell begins or ends, line breaks in quotes where
the lines look like rows, text that is not UTF-8) is left to the reader of rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from batchmap.records import UnreadableRecord
from batchmap.sources.base import unreadable_record
from batchmap.sources.csv.dialect import reader_options
from batchmap.sources.csv.quotes import Joined, how_joined, look_like_rows
from batchmap.sources.line_blocks import LineFormat, are_utf8

__all__ = ["CsvLine", "PlainLines", "wrong_width"]

_LONGEST_CELL = 131_072
"""Up to so many characters, no limit of `csv` needs to be raised."""

_SHOWN_COLUMNS = 5

_reader = csv.reader


class CsvLine(LineFormat):
    """Each line is a row, as a dict of text by the names of the columns."""

    keeps_ends = True

    def __init__(
        self, columns: Sequence[str], delimiter: str, quote: str | None, context: bytes
    ) -> None:
        self.columns = tuple(columns)
        self.delimiter = delimiter
        self.quote = quote
        self.context = context

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.delimiter, self.quote, self.context)

    def raws(self, data: bytes, number: int) -> list[bytes]:
        lines = data.splitlines(keepends=True)
        if len(lines) == number:
            return lines
        quote = (self.quote or '"').encode()
        raws: list[bytes] = []
        is_open = False
        for line in lines:
            if is_open:
                raws[-1] += line
            else:
                raws.append(line)
            is_open ^= line.count(quote) % 2 == 1
        return raws

    def items(self, data: bytes, raws: Sequence[bytes]) -> list[Any]:
        if csv.field_size_limit() < _LONGEST_CELL:
            csv.field_size_limit(_LONGEST_CELL)
        columns, width = self.columns, len(self.columns)
        texts = io.StringIO(data.decode(), newline="")
        rows = list(_reader(texts, strict=True, **reader_options(self.delimiter, self.quote)))
        assert len(rows) == len(raws), "a line that is no row stands in a block"
        if set(map(len, rows)) == {width}:
            return [dict(zip(columns, row)) for row in rows]  # noqa: B905  # they are as long
        return [
            dict(zip(columns, row, strict=True))
            if len(row) == width
            else wrong_width(row, columns, raw)
            for row, raw in zip(rows, raws, strict=True)
        ]


def wrong_width(row: Sequence[str], columns: Sequence[str], raw: bytes) -> UnreadableRecord:
    """Return what stands for a row with another number of cells than there are columns."""
    names = ", ".join(f"{column:.30}" for column in columns[:_SHOWN_COLUMNS])
    shown = names if len(columns) <= _SHOWN_COLUMNS else f"{names}, …"
    error = f"{len(row)} cells found, {len(columns)} expected ({shown})"
    return unreadable_record("ValueError", error, raw)


class PlainLines:
    """Called with whole lines, returns how many bytes of them are records beyond doubt.

    That is all, none, or up to the last record, which goes on. The second number is how many
    records these are.
    """

    def __init__(self, delimiter: str, quote: str | None, width: int) -> None:
        self._quote = (quote if quote is not None else '"').encode()
        one = re.escape(self._quote or b'"')
        self._quoted = re.compile(one + b"[^" + one + b"]*" + one)
        self._delimiter = delimiter.encode()
        self._before = (self._delimiter + self._quote, b"\n" + self._quote)
        self._after = tuple(self._quote + end for end in (self._delimiter, b"\n", b"\r\n"))
        self._width = width
        self._trusts_quotes = quote is not None
        """Whether quotes are what they seem, whatever is in them."""

    def __call__(self, lines: bytes) -> tuple[int, int]:
        quote = self._quote
        if b"\r" in lines and lines.count(b"\r") != lines.count(b"\r\n"):
            return 0, 0
        if _has_long_line(lines) or not are_utf8(lines):
            return 0, 0
        if not quote or quote not in lines:
            return (0, 0) if _has_blank(lines) else (len(lines), _number_of(lines))
        if len(quote) > 1:
            return 0, 0
        if lines.count(quote) % 2:  # the last record goes on
            lines = self._whole_rows(lines)
        left = self._quoted.sub(quote, lines)  # a mark for each cell, or for each part of one
        if not left or _has_blank(left) or not self._is_well_quoted(left):
            return 0, 0
        number = _number_of(left)
        if number != _number_of(lines) and not all(map(self._is_one_row, self._long_rows(lines))):
            return 0, 0
        return len(lines), number

    def _whole_rows(self, lines: bytes) -> bytes:
        """Return the rows before the one in which a quote is not closed."""
        quoted = [match.span() for match in self._quoted.finditer(lines)]
        until = lines.index(self._quote, quoted[-1][1] if quoted else 0)
        for start, end in reversed([(0, 0), *quoted]):
            if (last := lines.rfind(b"\n", end, until)) >= 0:
                return lines[: last + 1]
            until = start
        return b""

    def _is_well_quoted(self, left: bytes) -> bool:
        """Tell whether the marks stand for whole cells."""
        quote, twice = self._quote, 2 * self._quote
        while twice in left:  # parts of one cell, between which a quote is doubled
            left = left.replace(twice, quote)
        begun = sum(map(left.count, self._before)) + left.startswith(quote)
        ended = sum(map(left.count, self._after)) + left.endswith(quote)
        return begun == ended == left.count(quote)

    def _long_rows(self, lines: bytes) -> Iterator[bytes]:
        """Yield the rows that have several lines."""
        start = end = 0
        for quoted in self._quoted.finditer(lines):
            if b"\n" not in quoted[0]:
                continue
            if quoted.start() >= end:  # of another row than the one before
                if end:
                    yield lines[start:end]
                start = lines.rfind(b"\n", 0, quoted.start()) + 1
            end = lines.find(b"\n", quoted.end()) + 1 or len(lines)
        yield lines[start:end]

    def _is_one_row(self, row: bytes) -> bool:
        """Tell whether several lines are a row beyond doubt, and not rows of their own.

        Its cells may be longer than any of its lines.
        """
        if len(row) > _LONGEST_CELL:
            return False
        lines = row.splitlines(keepends=True)
        if look_like_rows(lines, self._delimiter, self._width):
            return False
        return self._trusts_quotes or (
            how_joined(lines, self._delimiter, self._width) is Joined.TEXT
        )


def _number_of(lines: bytes) -> int:
    return lines.count(b"\n") + (not lines.endswith(b"\n"))


def _has_blank(lines: bytes) -> bool:
    starts_so = lines.startswith((b"\n", b"\r\n"))
    return starts_so or b"\n\n" in lines or b"\n\r\n" in lines


def _has_long_line(lines: bytes) -> bool:
    """Tell whether a line may be longer than `csv` takes."""
    start = 0
    while start + _LONGEST_CELL < len(lines):
        end = lines.rfind(b"\n", start, start + _LONGEST_CELL)
        if end < 0:
            return True
        start = end + 1
    return False
