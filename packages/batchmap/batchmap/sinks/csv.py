"""Writes results as CSV or TSV, with the columns of the first one."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from batchmap.errors import OutputError
from batchmap.records import ItemFailure
from batchmap.sinks.append_file import GrowingText
from batchmap.sinks.base import Kept, NoteDigest, Stretch, no_note
from batchmap.sinks.csv_cells import Cells, CsvCells, rows_of
from batchmap.sinks.item_columns import ITEM_COLUMN, RESULT_COLUMN, of_item
from batchmap.sinks.output_errors import output_errors
from batchmap.sinks.value_conversion import Unwritable, unwritable
from batchmap.text import printable

__all__ = ["CsvSink"]


class CsvSink:
    """One row for each result: the values of an object, or the one column `result`.

    The first result fixes the columns; a later one may lack some. Nested values are JSON text,
    `None` is an empty cell. With `defuse`, text that a spreadsheet would take for a formula gets
    a leading apostrophe, and so does the name of a column. With `bom`, a byte order mark comes
    first, by which Excel knows UTF-8. With `with_item`, the columns of the item stand before those
    of the result.
    """

    def __init__(
        self,
        file: GrowingText,
        *,
        defuse: bool,
        delimiter: str = ",",
        bom: bool = False,
        with_item: bool = False,
    ) -> None:
        self.shows_items = with_item
        self._file = file
        self._delimiter = delimiter
        self._mark = "\ufeff" if bom else ""
        self.commit_every_s, self.commit_soonest_s = file.commit_every_s, file.commit_soonest_s
        self.encoder = CsvCells(defuse=defuse, delimiter=delimiter)
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
            self._has_objects = None if self._columns == [RESULT_COLUMN] else True
        return found_end

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[Cells]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        rows: list[str] = []
        failures: dict[int, ItemFailure] = {}
        for offset, cells in enumerate(encoded):
            try:
                if self.shows_items:
                    cells = self._with_item(items[offset], cells)
                rows.append(self._row(cells))
            except Unwritable as error:
                failures[offset] = error.failure
                rows.append("")
        return rows, failures

    def carry(self, kept: Kept, index: int) -> list[str]:
        if kept.columns is None:
            return kept.pieces
        columns = list(kept.columns)
        if self._columns is None:
            self._columns = columns
            self._has_objects = None if columns == [RESULT_COLUMN] else True
        if columns == self._columns:
            return kept.pieces
        names = tuple(columns)
        rows = kept.pieces
        if kept.number is not None:
            rows = list(rows_of([f"{line}\n" for line in kept.pieces[0].split("\n")[:-1]]))
        try:
            return [
                self._line(self._in_columns(dict(zip(names, cells, strict=True)), self._columns))
                for cells in map(self._cells, rows)
            ]
        except Unwritable as error:
            raise OutputError(
                f"{printable(f'{self._file.path}')}: {error.failure.error}",
                advice="{overwrite} begins anew",
            ) from error

    def write(self, pieces: Sequence[str]) -> int:
        rows = "".join(pieces)
        if rows and self._file.end == 0:
            assert self._columns is not None
            rows = self._mark + self._line(list(map(self.encoder.quoted, self._columns))) + rows
        return self._file.append(rows)

    def sync(self) -> int:
        return self._file.sync()

    def rollback(self) -> int:
        return self._file.rollback()

    def finish(self, note: NoteDigest = no_note) -> None:
        self._file.finish(note)

    def close(self) -> None:
        self._file.close()

    def _with_item(self, item: Any, cells: Cells) -> Cells:
        """Return the cells of an item's columns, then those of its result."""
        with of_item():
            before = self.encoder(item)
        both = _named(before, ITEM_COLUMN) | _named(cells, RESULT_COLUMN)
        return tuple(both), tuple(both.values())

    def _row(self, cells: Cells) -> str:
        names, values = cells
        is_object = names is not None
        if self._has_objects not in (None, is_object):
            first, this = ("an object", "none") if self._has_objects else ("none", "an object")
            raise unwritable(
                "TypeError",
                f"the first result was {first} and this one is {this}; JSON Lines takes both",
            )
        if names is None:
            self._columns = self._columns or [RESULT_COLUMN]
        else:
            if self._columns is None and not names:
                raise unwritable(
                    "ValueError", "the first result is an empty object, which gives CSV no columns"
                )
            self._columns = self._columns or list(names)
            if names != tuple(self._columns):
                values = self._in_columns(dict(zip(names, values, strict=True)), self._columns)
        self._has_objects = is_object
        return self._line(values)

    def _in_columns(self, named: dict[str, str], columns: list[str]) -> tuple[str, ...]:
        if not named.keys() <= set(columns):
            extra = next(name for name in named if name not in columns)
            raise unwritable(
                "ValueError",
                f"the result has the column {extra!r:.60}, which the first one did not have; "
                "JSON Lines takes any",
            )
        return tuple([named.get(name, "") for name in columns])

    def _header(self) -> list[str]:
        try:
            with (
                output_errors(self._file.path),
                self._file.head() as raw,
                io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text,
            ):
                return next(csv.reader(text, delimiter=self._delimiter, strict=True), [])
        except (csv.Error, ValueError, OutputError) as error:
            raise OutputError(
                f"{printable(str(self._file.path))}: its header cannot be read, so it cannot be "
                "resumed",
                advice="start again with {overwrite}",
            ) from error

    def _line(self, cells: Sequence[str]) -> str:
        row = self._delimiter.join(cells)
        return f"{row}\n" if row else '""\n'  # readers would skip an empty line

    def _cells(self, row: str) -> list[str]:
        """Return the cells of a row as they stand in it, with their quotes."""
        between = re.escape(self._delimiter)
        cell = rf'(?:^|(?<={between}))(?:"(?:[^"]|"")*"|[^{between}"]*)(?={between}|\Z)'
        return [match[0] for match in re.finditer(cell, row.removesuffix("\n"))]


def _named(cells: Cells, only_column: str) -> dict[str, str]:
    names, values = cells
    return dict(zip((only_column,) if names is None else names, values, strict=True))
