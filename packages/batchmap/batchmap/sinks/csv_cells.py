"""Turns results into the cells of a row of CSV."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from batchmap.sinks.json_encoding import json_text
from batchmap.sinks.value_conversion import Form, unwritable
from batchmap.worker.failures import Unwritable, describe_failure

__all__ = ["Cells", "CsvCells", "check_utf8", "rows_of"]

Cells = tuple[tuple[str, ...] | None, tuple[str, ...]]
"""The names of the columns, `None` for a result that is no object, and the text of their cells."""

_CSV = Form("CSV")

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


class CsvCells:
    """Called with a result, returns its `Cells`; raises `Unwritable` where there are none.

    Nested values are JSON text, `None` is an empty cell. With `defuse`, text that a spreadsheet
    would take for a formula gets a leading apostrophe, and so does the name of a column.
    """

    def __init__(self, *, defuse: bool, delimiter: str = ",") -> None:
        self._defuse = defuse
        self._is_special = re.compile(f'["\r\n{re.escape(delimiter)}]').search

    def __call__(self, result: Any) -> Cells:
        """Return the cells of a result."""
        try:
            return self._cells(result)
        except Unwritable:
            raise
        except Exception as error:  # raised by the value's own class
            raise Unwritable(describe_failure(error)) from None

    def _cells(self, result: Any) -> Cells:
        number = _NUMBERS.get(type(result))
        if number is not None:
            return None, (number(result),)
        value = _CSV.resolved(result)
        if type(value) is not dict:
            cells: Cells = None, (self._cell(result, nested=False),)
        else:
            named = self._named(value)
            cells = tuple(named), tuple(map(self._cell, named.values()))
            check_utf8("".join(named))
        check_utf8("".join(cells[1]))
        return cells

    def _named(self, value: dict[Any, Any]) -> dict[str, Any]:
        keyed = _CSV.keyed(value)
        if not self._defuse:
            return keyed
        named = {self._defused(key): inner for key, inner in keyed.items()}
        if len(named) != len(keyed):
            raise unwritable("ValueError", "two keys of the result are the same when defused")
        return named

    def _cell(self, value: Any, *, nested: bool = True) -> str:
        kind = type(value)
        if kind is str:
            return self.quoted(self._defused(value) if self._defuse else value)
        if kind in _NUMBERS:
            return _NUMBERS[kind](value)
        if isinstance(value, Decimal):
            return str(value)
        simple = _CSV.resolved(value, nested=nested)
        if type(simple) in (dict, list, tuple):
            return self.quoted(json_text(value))
        return self._cell(simple)

    def quoted(self, text: str) -> str:
        """Return text as a cell."""
        return '"' + text.replace('"', '""') + '"' if self._is_special(text) else text

    def _defused(self, text: str) -> str:
        return f"'{text}" if _formula(text) else text


def check_utf8(text: str) -> None:
    """Raise `Unwritable` for text that UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise unwritable(
            "ValueError",
            "the result's text holds a lone surrogate, which CSV in UTF-8 has no form for; "
            "JSON Lines takes it",
        ) from None


def rows_of(lines: Iterable[str]) -> Iterator[str]:
    """Yield the rows of CSV, each of which may be several lines."""
    row, is_open = "", False
    for line in lines:
        row += line
        is_open ^= line.count('"') % 2 == 1
        if not is_open:
            yield row
            row = ""
