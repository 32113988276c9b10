"""The rows of a CSV file with a header, as dicts of text."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from batchmap.errors import InputError
from batchmap.sources.base import InputRecord, unreadable_record

__all__ = ["LONGEST_RECORD_BYTES", "csv_rows"]

LONGEST_RECORD_BYTES = 1 << 24
"""A longer record ends the run: most likely a quote is not closed."""

_SHOWN_COLUMNS = 5


def csv_rows(blocks: Iterable[bytes], name: str, *, delimiter: str = ",") -> Iterator[InputRecord]:
    """Yield a dict of text for every row after the header, by the header's names.

    A row with more or fewer cells, or with broken quotes, is an `UnreadableRecord`; blank lines are
    none. Raises `InputError` for a header without usable names, and for a record of more than
    `LONGEST_RECORD_BYTES`.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_RECORD_BYTES))
    reading = _Reading(blocks, name)
    rows = csv.reader(reading.texts(), delimiter=delimiter, strict=True)
    header = _header(rows, reading)
    lines = reading.lines
    width = len(header)
    while True:
        reading.first_line += len(lines)
        lines.clear()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raw = b"".join(lines)
            yield unreadable_record("csv.Error", _plain(error), raw), raw, reading.first_line
            continue
        if len(row) == width:
            yield dict(zip(header, row, strict=True)), b"".join(lines), reading.first_line
        elif row:
            raw = b"".join(lines)
            told = f"{len(row)} cells found, {width} expected ({_shown(header)})"
            yield unreadable_record("ValueError", told, raw), raw, reading.first_line


class _Reading:
    """The lines of the record that the reader is at, and the number of its first one."""

    def __init__(self, blocks: Iterable[bytes], name: str) -> None:
        self.lines: list[bytes] = []
        self.first_line = 1
        self.name = name
        self._blocks = blocks

    def texts(self) -> Iterator[str]:
        """Yield every line with its end, decoded, and gather it in `lines`."""
        lines = self.lines
        gathered_bytes = 0
        for line in self._physical_lines():
            gathered_bytes = gathered_bytes + len(line) if lines else len(line)
            self._check(gathered_bytes)
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

    def _check(self, gathered_bytes: int) -> None:
        if gathered_bytes > LONGEST_RECORD_BYTES:
            raise InputError(
                f"{self.name} line {self.first_line}: the record that starts here is longer than "
                f"{LONGEST_RECORD_BYTES >> 20} MiB; an unclosed quote? Close it, or double it"
            )


def _header(rows: Iterator[list[str]], reading: _Reading) -> list[str]:
    """Return the names in the first row that is not blank; none for a file without one."""
    header: list[str] = []
    try:
        while not header:
            reading.first_line += len(reading.lines)
            reading.lines.clear()
            header = next(rows)
    except StopIteration:
        return []
    except csv.Error as error:
        raise _unusable(reading, f"cannot be read: {_plain(error)}; mend the quotes") from error
    if not all(column.strip() for column in header):
        place = next(place for place, column in enumerate(header, 1) if not column.strip())
        raise _unusable(reading, f"has no name for column {place}; give it one")
    if twice := [column for column in header if header.count(column) > 1]:
        raise _unusable(reading, f"has the name {twice[0]!r:.60} twice; rename one of them")
    return header


def _unusable(reading: _Reading, why: str) -> InputError:
    return InputError(f"{reading.name} line {reading.first_line}: the header {why}")


def _plain(error: csv.Error) -> str:
    told = str(error)
    if "end of data" in told:
        return "a quote is not closed before the end of the input"
    if "expected after" in told:
        return "text follows a closing quote; quotes inside a cell are doubled"
    return told


def _shown(header: list[str]) -> str:
    names = ", ".join(f"{column:.30}" for column in header[:_SHOWN_COLUMNS])
    return names if len(header) <= _SHOWN_COLUMNS else f"{names}, …"
