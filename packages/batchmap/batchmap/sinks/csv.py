"""Writes results as CSV, with the columns of the first one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from batchmap.errors import OutputError
from batchmap.records import ItemFailure
from batchmap.sinks.append_file import GrowingText
from batchmap.sinks.base import NoteDigest, Stretch, no_note
from batchmap.sinks.json_encoding import json_text
from batchmap.sinks.output_errors import output_errors
from batchmap.sinks.value_conversion import Form, Unwritable, unwritable
from batchmap.text import printable
from batchmap.worker.failures import describe_failure

__all__ = ["CsvSink"]

_CSV = Form("CSV")
_ONLY_COLUMN = "result"
"""The one column of results that are no objects."""

_special = re.compile('[",\r\n]').search
_formula = re.compile("[=+\\-@\t\r]").match


def _digits(number: int) -> str:
    try:
        return int.__repr__(number)
    except ValueError:
        return str(_CSV.plain(number))  # raises an error that says why not


_NUMBERS: dict[type, Callable[[Any], str]] = {
    int: _digits,
    float: float.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: ""}.__getitem__,
}


class CsvSink:
    """One row for each result: the values of an object, or the one column `result`.

    The first result fixes the columns; a later one may lack some. Nested values are JSON text,
    `None` is an empty cell. With `defuse`, text that a spreadsheet would take for a formula gets
    a leading apostrophe, and so does the name of a column.
    """

    shows_items = False

    def __init__(self, file: GrowingText, *, defuse: bool) -> None:
        self._file = file
        self.commit_every_s, self.commit_soonest_s = file.commit_every_s, file.commit_soonest_s
        self._defuse = defuse
        self._columns: list[str] | None = None
        self._has_objects: bool | None = None
        """Whether the results are objects; `None` while that is not known."""

    @property
    def digest(self) -> bytes | None:
        return self._file.digest

    def check(self, stretches: Iterable[Stretch]) -> None:
        self._file.check(stretches)

    def start(self, end: int) -> int:
        found_end = self._file.start(end)
        self._columns = self._has_objects = None
        if found_end == end > 0:
            self._columns = self._header()
            self._has_objects = None if self._columns == [_ONLY_COLUMN] else True
        return found_end

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], results: Sequence[Any]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        rows: list[str] = []
        failures: dict[int, ItemFailure] = {}
        for offset, result in enumerate(results):
            try:
                rows.append(self._row(result))
            except Unwritable as error:
                failures[offset] = error.failure
                rows.append("")
            except Exception as error:  # raised by the value's own class
                failures[offset] = describe_failure(error)
                rows.append("")
        return rows, failures

    def write(self, pieces: Sequence[str]) -> int:
        rows = "".join(pieces)
        if rows and self._file.end == 0:
            assert self._columns is not None
            rows = _line([_quoted(name) for name in self._columns]) + rows
        return self._file.append(rows)

    def sync(self) -> int:
        return self._file.sync()

    def rollback(self) -> int:
        return self._file.rollback()

    def finish(self, note: NoteDigest = no_note) -> None:
        self._file.finish(note)

    def close(self) -> None:
        self._file.close()

    def _row(self, result: Any) -> str:
        if self._has_objects is False and type(result) in _NUMBERS:
            return _line([_NUMBERS[type(result)](result)])
        value = _CSV.resolved(result)
        is_object = type(value) is dict
        if self._has_objects not in (None, is_object):
            first, this = ("an object", "none") if self._has_objects else ("none", "an object")
            raise unwritable(
                "TypeError",
                f"the first result was {first} and this one is {this}; JSON Lines takes both",
            )
        if not is_object:
            columns = self._columns or [_ONLY_COLUMN]
            row = _line([self._cell(result, nested=False)])
        else:
            named = self._named(value)
            columns = self._columns or list(named)
            self._check_columns(named, columns)
            row = _line([self._cell(named[name]) if name in named else "" for name in columns])
        _check_utf8(row)
        self._columns, self._has_objects = columns, is_object
        return row

    def _named(self, value: dict[Any, Any]) -> dict[str, Any]:
        keyed = _CSV.keyed(value)
        if not self._defuse:
            return keyed
        named = {self._defused(key): inner for key, inner in keyed.items()}
        if len(named) != len(keyed):
            raise unwritable("ValueError", "two keys of the result are the same when defused")
        return named

    def _check_columns(self, named: dict[str, Any], columns: list[str]) -> None:
        if not columns:
            raise unwritable(
                "ValueError", "the first result is an empty object, which gives CSV no columns"
            )
        if self._columns is None:
            _check_utf8("".join(columns))
        elif not named.keys() <= set(columns):
            extra = next(name for name in named if name not in columns)
            raise unwritable(
                "ValueError",
                f"the result has the column {extra!r:.60}, which the first one did not have; "
                "JSON Lines takes any",
            )

    def _cell(self, value: Any, *, nested: bool = True) -> str:
        kind = type(value)
        if kind is str:
            return _quoted(self._defused(value) if self._defuse else value)
        if kind in _NUMBERS:
            return _NUMBERS[kind](value)
        if isinstance(value, Decimal):
            return str(value)
        simple = _CSV.resolved(value, nested=nested)
        if type(simple) in (dict, list, tuple):
            return _quoted(json_text(value))
        return self._cell(simple)

    def _defused(self, text: str) -> str:
        return f"'{text}" if _formula(text) else text

    def _header(self) -> list[str]:
        try:
            with (
                output_errors(self._file.path),
                self._file.head() as raw,
                io.TextIOWrapper(raw, encoding="utf-8", newline="") as text,
            ):
                return next(csv.reader(text, strict=True), [])
        except (csv.Error, ValueError, OutputError) as error:
            raise OutputError(
                f"{printable(str(self._file.path))}: its header cannot be read, so it cannot be "
                "resumed",
                advice="start again with {overwrite}",
            ) from error


def _line(cells: list[str]) -> str:
    row = ",".join(cells)
    return f"{row}\n" if row else '""\n'  # readers would skip an empty line


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _special(text) else text


def _check_utf8(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise unwritable(
            "ValueError",
            "the result's text holds a lone surrogate, which CSV in UTF-8 has no form for; "
            "JSON Lines takes it",
        ) from None
