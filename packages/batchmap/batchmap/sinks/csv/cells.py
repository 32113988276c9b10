"""Turns results into the cells of a row of CSV."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import NoneType
from typing import Any

from batchmap.lone_surrogates import escaped, needs_escape
from batchmap.sinks.values.json_encoding import json_text
from batchmap.sinks.values.kept_results import keeping
from batchmap.sinks.values.value_conversion import JSON, STRICT_JSON, Form, unwritable
from batchmap.worker.failures import Unwritable, describe_failure

__all__ = ["Cells", "CsvCells", "Encoded", "PlainRow", "rows_in"]

Cells = tuple[tuple[str, ...] | None, tuple[str, ...]]
"""The names of the columns, `None` for a result that is no object, and the text of their cells.
A result of `None` has no columns."""

PlainRow = tuple[tuple[str, ...], None, tuple[Any, ...]]
"""The names of the columns of a row, and its values, of `str`, `int` and `float`, whose text is
that of their cells, where it needs no quotes."""

Encoded = Cells | PlainRow

_CSV = Form("CSV")
_STRICT_CSV = Form("CSV", nan="refused")

_formula = re.compile("[=+\\-@\t\r]").match


def _digits(number: int) -> str:
    try:
        return int.__repr__(number)
    except ValueError:
        return str(_CSV.plain(number))  # raises an error that says why not


def _finite(number: float) -> str:
    return float.__repr__(_STRICT_CSV.plain(number))


_NUMBERS: dict[type, Callable[[Any], str]] = {
    int: _digits,
    float: float.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: ""}.__getitem__,
}


_TEXTS = frozenset({str, int, float})
"""The types of the values of a `PlainRow`."""

_MAX_NAMES = 100
"""The names of so many kinds of rows are kept."""


class CsvCells:
    """Called with a result, returns its cells; raises `Unwritable` where there are none.

    Nested values are JSON text, `None` is an empty cell. With `defuse`, text that a spreadsheet
    would take for a formula gets a leading apostrophe, and so does the name of a column. With
    `strict`, nan and infinity have no form.
    """

    def __init__(self, *, defuse: bool, delimiter: str = ",", strict: bool = False) -> None:
        self.delimiter = delimiter
        self._defuse = defuse
        self._is_special = re.compile(f'["\r\n{re.escape(delimiter)}]').search
        self._numbers = _NUMBERS | {float: _finite} if strict else _NUMBERS
        self._bare = {kind: text for kind, text in self._numbers.items() if kind is not NoneType}
        self._form, self._json = (_STRICT_CSV, STRICT_JSON) if strict else (_CSV, JSON)
        self._texts = _TEXTS - {float} if strict else _TEXTS
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        """The names of columns as they are written, of rows that were simple."""

    def __call__(self, result: Any) -> Encoded:
        """Return the cells of a result; of a row of plain values, as most are, its values."""
        if type(result) is dict and (names := self._names.get(tuple(result))) is not None:
            values = tuple(result.values())
            if self._texts.issuperset(map(type, values)):
                return names, None, values
        return self._slowly(result)

    def texts(self, encoded: Encoded) -> Cells:
        """Return the cells of what was returned for a result; raises `Unwritable` where none."""
        if len(encoded) == 2:
            return encoded
        names, _, values = encoded
        try:
            return names, _in_utf8(tuple(map(self._cell, values)))
        except Unwritable as error:  # a number of too many digits
            raise keeping(error, dict(zip(names, values, strict=True))) from None

    def _slowly(self, result: Any) -> Cells:
        try:
            cells = self._cells(result)
        except Unwritable as error:
            raise keeping(error, result) from None
        except Exception as error:  # raised by the value's own class
            raise keeping(Unwritable(describe_failure(error)), result) from None
        if type(result) is dict and set(map(type, result)) == {str}:
            self._note_names(result, cells)
        return cells

    def _cells(self, result: Any) -> Cells:
        number = self._bare.get(type(result))
        if number is not None:
            return None, (number(result),)
        value = self._form.resolved(result)
        if value is None:
            return (), ()
        if type(value) is not dict:
            return None, _in_utf8((self._cell(result, nested=False),))
        named = self._named(value)
        return _in_utf8(tuple(named)), _in_utf8(tuple(map(self._cell, named.values())))

    def _note_names(self, row: dict[str, Any], cells: Cells) -> None:
        """Remember the columns of a row, whose names are all of exact `str`."""
        names, _ = cells
        if names and not self._defuse and len(self._names) < _MAX_NAMES:
            self._names[tuple(row)] = names

    def _named(self, value: dict[Any, Any]) -> dict[str, Any]:
        keyed = self._form.keyed(value)
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
        if kind in self._numbers:
            return self._numbers[kind](value)
        if isinstance(value, Decimal):
            return str(value)
        simple = self._form.resolved(value, nested=nested)
        if type(simple) in (dict, list, tuple):
            return self.quoted(json_text(value, self._json))
        return self._cell(simple)

    def name(self, column: str) -> str:
        """Return what a column is called in the output."""
        return self._defused(column) if self._defuse else column

    def quoted(self, text: str) -> str:
        """Return text as a cell."""
        return '"' + text.replace('"', '""') + '"' if self._is_special(text) else text

    def _defused(self, text: str) -> str:
        return f"'{text}" if _formula(text) else text


def _in_utf8(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(escaped, texts)) if needs_escape("".join(texts)) else texts


def rows_in(text: str) -> Iterator[str]:
    """Yield the rows in some text of CSV, each of which may be several lines."""
    row, is_open = "", False
    for line in text.split("\n")[:-1]:
        row += f"{line}\n"
        is_open ^= line.count('"') % 2 == 1
        if not is_open:
            yield row
            row = ""
