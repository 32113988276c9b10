"""Tells lines of CSV that are a record each, beyond doubt and without decoding them.

What is not so plain (line breaks in quotes, blank lines, quotes where no cell begins or ends, text
that is not UTF-8) is left to the reader of rows.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Any

from batchmap.records import UnreadableRecord
from batchmap.sources.base import unreadable_record
from batchmap.sources.csv.dialect import reader_options
from batchmap.sources.line_blocks import LineFormat

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

    def items(self, data: bytes, raws: Sequence[bytes]) -> list[Any]:
        if csv.field_size_limit() < _LONGEST_CELL:
            csv.field_size_limit(_LONGEST_CELL)
        columns, width = self.columns, len(self.columns)
        texts = data.decode().split("\n")
        if not texts[-1]:
            texts.pop()
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
    """Called with whole lines, tells whether each is a record and none is in doubt."""

    def __init__(self, delimiter: str, quote: str | None) -> None:
        self._quote = (quote if quote is not None else '"').encode()
        one = re.escape(self._quote or b'"')
        self._quoted = re.compile(one + b"[^" + one + b"]*" + one)
        between = delimiter.encode()
        self._before = (between + self._quote, b"\n" + self._quote)
        self._after = tuple(self._quote + end for end in (between, b"\n", b"\r\n"))

    def __call__(self, lines: bytes) -> bool:
        if b"\r" in lines:
            if lines.count(b"\r") != lines.count(b"\r\n") or b"\n\r\n" in lines:
                return False
            if lines.startswith(b"\r\n"):
                return False
        if lines.startswith(b"\n") or b"\n\n" in lines:
            return False
        if _has_long_line(lines) or not _is_utf8(lines):
            return False
        quote = self._quote
        return not quote or quote not in lines or self._is_well_quoted(lines)

    def _is_well_quoted(self, lines: bytes) -> bool:
        """Tell whether quotes stand around whole cells alone, with no line break in them."""
        if len(self._quote) > 1 or lines.count(self._quote) % 2:
            return False
        quote, twice = self._quote, 2 * self._quote
        left = self._quoted.sub(quote, lines)  # a mark for each cell, or for each part of one
        if left.count(b"\n") != lines.count(b"\n"):
            return False
        while twice in left:  # parts of one cell, between which a quote is doubled
            left = left.replace(twice, quote)
        marks = left.count(quote)
        begun = sum(map(left.count, self._before)) + left.startswith(quote)
        ended = sum(map(left.count, self._after)) + left.endswith(quote)
        return begun == ended == marks


def _has_long_line(lines: bytes) -> bool:
    """Tell whether a line may be longer than `csv` takes."""
    start = 0
    while start + _LONGEST_CELL < len(lines):
        end = lines.rfind(b"\n", start, start + _LONGEST_CELL)
        if end < 0:
            return True
        start = end + 1
    return False


def _is_utf8(lines: bytes) -> bool:
    try:
        return lines.isascii() or lines.decode() is not None
    except UnicodeDecodeError:
        return False
