"""Reads the rows of CSV with a header, as dicts of text."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord, unreadable_record

__all__ = ["MAX_RECORD_BYTES", "csv_rows"]

MAX_RECORD_BYTES = 1 << 24
"""A longer record is an error of the input: most likely a quote is not closed."""

_SHOWN_COLUMNS = 5


def csv_rows(
    blocks: Iterable[bytes],
    name: str,
    *,
    delimiter: str = ",",
    on_header: Callable[[list[str]], None] = lambda header: None,
) -> Iterator[InputRecord]:
    """Yield a dict of text for every row after the header, by the header's names.

    A row with more or fewer cells, or with broken quotes, is an `UnreadableRecord`; blank lines are
    skipped. The position of a record is the number of its first line. `on_header` is given the
    names before the first record. Raises `InputError` for a header without usable names, and for a
    record of more than `MAX_RECORD_BYTES`.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_BYTES))
    record = _RecordLines(blocks, name)
    rows = csv.reader(record.texts(), delimiter=delimiter, strict=True)
    header = _header(rows, record)
    on_header(header)
    lines = record.lines
    width = len(header)
    while True:
        record.first_line += len(lines)
        lines.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raw = b"".join(lines)
            yield unreadable_record("csv.Error", _plain(error), raw), raw, record.first_line
            continue
        if len(row) == width:
            yield dict(zip(header, row, strict=True)), b"".join(lines), record.first_line
        elif row:
            raw = b"".join(lines)
            error_text = f"{len(row)} cells found, {width} expected ({_shown(header)})"
            yield unreadable_record("ValueError", error_text, raw), raw, record.first_line


class _RecordLines:
    """The lines of the record that `csv.reader` reads now, and the number of its first line."""

    def __init__(self, blocks: Iterable[bytes], name: str) -> None:
        self.lines: list[bytes] = []
        self.first_line = 1
        self.name = name
        self._blocks = blocks

    def texts(self) -> Iterator[str]:
        """Yield every line with its end, decoded, and add it to `lines`."""
        lines = self.lines
        record_bytes = 0
        for line in self._physical_lines():
            record_bytes = record_bytes + len(line) if lines else len(line)
            self._check(record_bytes)
            lines.append(line)
            yield line.decode("utf-8", "surrogateescape")

    def _physical_lines(self) -> Iterator[bytes]:
        held: list[bytes] = []
        held_bytes = 0
        for block in self._blocks:
            held.append(block)
            held_bytes += len(block)
            if b"\n" in block or b"\r" in block:
                lines = b"".join(held).splitlines(keepends=True)
                # A lone \r at the end of a block may be half of an \r\n.
                held = [] if lines[-1].endswith(b"\n") else [lines.pop()]
                held_bytes = sum(map(len, held))
                yield from lines
            self._check(held_bytes)
        yield from b"".join(held).splitlines(keepends=True)

    def _check(self, record_bytes: int) -> None:
        if record_bytes > MAX_RECORD_BYTES:
            raise InputError(
                f"{self.name} line {self.first_line}: the record that starts here is longer than "
                f"{MAX_RECORD_BYTES >> 20} MiB; an unclosed quote? Close it, or double it"
            )


def _header(rows: Iterator[list[str]], record: _RecordLines) -> list[str]:
    """Return the names in the first row that is not blank; none for a file without one."""
    header: list[str] = []
    try:
        while not header:
            record.first_line += len(record.lines)
            record.lines.clear()
            header = next(rows)
    except StopIteration:
        return []
    except csv.Error as error:
        raise _unusable(record, f"cannot be read: {_plain(error)}; fix the quotes") from error
    if not all(column.strip() for column in header):
        number = next(number for number, column in enumerate(header, 1) if not column.strip())
        raise _unusable(record, f"has no name for column {number}; give it one")
    if twice := [column for column in header if header.count(column) > 1]:
        raise _unusable(record, f"has the name {twice[0]!r:.60} twice; rename one of them")
    return header


def _unusable(record: _RecordLines, why: str) -> InputError:
    return InputError(f"{record.name} line {record.first_line}: the header {why}")


def _plain(error: csv.Error) -> str:
    message = str(error)
    if "end of data" in message:
        return "a quote is not closed before the end of the input"
    if "expected after" in message:
        return "text follows a closing quote; quotes inside a cell are doubled"
    return message


def _shown(header: list[str]) -> str:
    names = ", ".join(f"{column:.30}" for column in header[:_SHOWN_COLUMNS])
    return names if len(header) <= _SHOWN_COLUMNS else f"{names}, …"
