"""The columns of a CSV output: which there are, and how a row of others is put into them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache

from batchmap.sinks.csv.cells import Cells, CsvCells
from batchmap.sinks.values.json_encoding import json_text, text_of

__all__ = [
    "EXTRA",
    "ONLY_COLUMN",
    "cells_in",
    "cells_of_row",
    "chosen_columns",
    "named_cells",
    "named_json",
]

EXTRA = "_extra"
"""The last column, where there are results with columns of their own: those as an object of JSON.
It is never a result's own: a value of that name is in the object, too."""

ONLY_COLUMN = "result"
"""The column of results that are no objects."""


@cache
def _cell(delimiter: str) -> re.Pattern[str]:
    between = re.escape(delimiter)
    return re.compile(rf'(?:^|(?<={between}))(?:"(?:[^"]|"")*"|[^{between}"]*)(?={between}|\Z)')


def chosen_columns(asked: Sequence[str], results: Iterable[tuple[str, ...] | None]) -> list[str]:
    """Return the columns that were asked for, then those of results, in their order.

    Of each result the names of its columns, `None` for one that is no object.
    """
    found = dict.fromkeys(asked)
    for names in results:
        found.update(dict.fromkeys((ONLY_COLUMN,) if names is None else names))
    has_extra = EXTRA in asked
    found.pop(EXTRA, None)
    return [*(found or (ONLY_COLUMN,)), *((EXTRA,) if has_extra else ())]


def named_cells(cells: Cells, only_column: str = ONLY_COLUMN) -> dict[str, str]:
    """Return the cells of a result by the names of their columns."""
    names, values = cells
    return dict(zip((only_column,) if names is None else names, values, strict=True))


def named_json(cells: Cells) -> dict[str, str]:
    """Return the cells of a result as JSON, by name.

    What reads as a number or as JSON in a cell is that, and what is empty is null.
    """
    return {name: _json_of(_text_of_cell(cell)) for name, cell in named_cells(cells).items()}


def cells_in(
    columns: Sequence[str], named: dict[str, str], form: CsvCells
) -> tuple[list[str], str | None]:
    """Return a row's cells in `columns`, and the name of one that is in none of them, if any.

    Empty cells need no column.

    Where there is `EXTRA`, all are in it that are in no other.
    """
    own = set(columns) - {EXTRA}
    row = [named.get(name, "") for name in columns if name != EXTRA]
    left = {name: cell for name, cell in named.items() if cell and name not in own}
    if columns and columns[-1] == EXTRA:
        row.append(form.quoted(_extra_text(left)) if left else "")
        left = {}
    return row, next(iter(left), None)


def cells_of_row(columns: Sequence[str], row: str, form: CsvCells) -> dict[str, str]:
    """Return the cells of a row that was written, by name; those in `EXTRA` by their own names.

    Empty ones are left out.
    """
    cells = [match[0] for match in _cell(form.delimiter).finditer(row.removesuffix("\n"))]
    named = dict(zip(columns, cells, strict=True))
    extra = named.pop(EXTRA, "")
    named |= _cells_of_extra(extra, form)
    return {name: cell for name, cell in named.items() if cell not in ("", '""')}


def _extra_text(named: dict[str, str]) -> str:
    pairs = (f"{text_of(name)}: {_json_of(_text_of_cell(cell))}" for name, cell in named.items())
    return "{" + ", ".join(pairs) + "}"


def _json_of(text: str) -> str:
    if not text:
        return "null"
    try:
        value = json.loads(text, parse_constant=str)
        if text == text.strip() and not isinstance(value, str | None):
            return text
    except (ValueError, RecursionError):
        pass
    return text_of(text)


class _Digits(str):
    """A number as it is written."""

    __slots__ = ()


def _cells_of_extra(cell: str, form: CsvCells) -> dict[str, str]:
    if cell in ("", '""'):
        return {}
    text = _text_of_cell(cell)
    exact = json.loads(text, parse_int=_Digits, parse_float=_Digits)
    cells = {}
    for name, value in json.loads(text).items():
        if isinstance(value, str):
            cells[name] = form.quoted(value)
        elif isinstance(value, dict | list):
            cells[name] = form.quoted(json_text(value))
        elif value is not None:
            is_digits = type(exact[name]) is _Digits
            cells[name] = str(exact[name]) if is_digits else json_text(value)
    return cells


def _text_of_cell(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell
