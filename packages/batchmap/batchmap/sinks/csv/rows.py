"""Writes results as CSV or TSV, whose columns are chosen before the first row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from batchmap.errors import OutputError
from batchmap.records import ItemFailure
from batchmap.row_blocks import Segment
from batchmap.sinks.base import Kept, NoteDigest, Stretch, no_note
from batchmap.sinks.csv.cells import Cells, CsvCells, Encoded, rows_in
from batchmap.sinks.csv.columns import (
    EXTRA,
    ONLY_COLUMN,
    cells_in,
    cells_of_row,
    chosen_columns,
    named_cells,
    named_json,
)
from batchmap.sinks.item_columns import ITEM_COLUMN, of_item
from batchmap.sinks.output_errors import output_errors
from batchmap.sinks.row_forms import CsvForm, csv_line
from batchmap.sinks.text_file.append_file import GrowingText
from batchmap.sinks.values.kept_results import with_result
from batchmap.sinks.values.value_conversion import Unwritable, unwritable
from batchmap.text import printable

__all__ = ["CsvSink"]


class CsvSink:
    """One row for each result: the values of an object, or the one column `result`.

    The columns are chosen before the first row is written: those of the results that `encode` gets
    first, after the ones that were `asked` for. A later result may lack some; where it has others,
    they are in the column `_extra`, or it fails where there is none. Nested values are JSON text,
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
        strict: bool = False,
        columns: Sequence[str] = (),
    ) -> None:
        self.shows_items = with_item
        self._file = file
        self._delimiter = delimiter
        self._mark = "\ufeff" if bom else ""
        self.commit_every_s, self.commit_soonest_s = file.commit_every_s, file.commit_soonest_s
        self.encoder = CsvCells(defuse=defuse, delimiter=delimiter, strict=strict)
        self.asked = tuple(map(self.encoder.name, columns))
        self._columns: tuple[str, ...] | None = None

    @property
    def digest(self) -> bytes | None:
        return self._file.digest

    def check(self, stretches: Iterable[Stretch]) -> None:
        self._file.check(stretches)

    def start(self, end: int) -> int:
        found_end = self._file.start(end)
        self._columns = None
        if found_end == end > 0:
            self._columns = tuple(self._header())
        return found_end

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Return the names in the header, `None` before they are chosen."""
        return self._columns

    def choose(self, columns: Sequence[str]) -> None:
        """Choose the columns; possible as long as nothing is written."""
        assert self._file.end == 0, "the header is written"
        self._columns = tuple(columns)

    def reopen(self, end: int) -> None:
        """Go on with a file that has replaced this one, and is whole up to `end`."""
        self._file.close()
        self._file = self._file.anew()
        self.start(end)

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[Encoded]
    ) -> tuple[list[str], dict[int, ItemFailure]]:
        all_cells, failures = self.with_items(items, encoded)
        rows, unknown = self.rows(all_cells)
        for offset, name in unknown.items():
            failures[offset] = _unknown_column(name, self.encoder.texts(encoded[offset]))
        return rows, failures

    def with_items(
        self, items: Sequence[Any], encoded: Sequence[Encoded]
    ) -> tuple[Sequence[Cells | None], dict[int, ItemFailure]]:
        """Return the cells of all rows, `None` for an item that cannot be written, and failures."""
        all_cells: list[Cells | None] = []
        failures: dict[int, ItemFailure] = {}
        for offset, one in enumerate(encoded):
            try:
                all_cells.append(self.encoder.texts(one))
            except Unwritable as error:
                failures[offset] = error.failure
                all_cells.append(None)
        return (
            self._beside(items, all_cells, failures) if self.shows_items else (all_cells, failures)
        )

    def _beside(
        self,
        items: Sequence[Any],
        results: Sequence[Cells | None],
        failures: dict[int, ItemFailure],
    ) -> tuple[Sequence[Cells | None], dict[int, ItemFailure]]:
        all_cells: list[Cells | None] = []
        for offset, (item, cells) in enumerate(zip(items, results, strict=True)):
            if cells is None:
                all_cells.append(None)
                continue
            try:
                with of_item():
                    before = self.encoder.texts(self.encoder(item))
            except Unwritable as error:
                failures[offset] = with_result(error.failure, _result_of(cells))
                all_cells.append(None)
                continue
            both = named_cells(before, ITEM_COLUMN) | named_cells(cells)
            all_cells.append((tuple(both), tuple(both.values())))
        return all_cells, failures

    def rows(self, all_cells: Sequence[Cells | None]) -> tuple[list[str], dict[int, str]]:
        """Return the rows of these cells, and by offset a column that the output has not."""
        if self._columns is None and (found := [names for names, _ in filter(None, all_cells)]):
            self.choose(chosen_columns(self.asked, found))
        rows: list[str] = []
        failed: dict[int, str] = {}
        columns = self._columns or ()
        whole = None if columns == (ONLY_COLUMN,) else columns
        for offset, cells in enumerate(all_cells):
            if cells is None:
                rows.append("")
                continue
            if cells[0] == whole:
                rows.append(self._line(cells[1]))
                continue
            row, unknown = cells_in(columns, named_cells(cells), self.encoder)
            rows.append(self._line(row) if unknown is None else "")
            if unknown is not None:
                failed[offset] = unknown
        return rows, failed

    def row_form(self) -> CsvForm | None:
        if self.shows_items or self._columns is None:
            return None
        return CsvForm(self._columns, self._delimiter)

    def fitted(self, made: Segment) -> list[str]:
        assert isinstance(made.form, CsvForm)
        if made.form.columns == self._columns:
            return made.each() if self._file.takes_each else made.pieces
        # A failed item has no row.
        rows = made.each()
        carried = iter(self.carry(Kept(list(filter(None, rows)), columns=made.form.columns), 0))
        return [next(carried) if row else "" for row in rows]

    def carry(self, kept: Kept, index: int) -> list[str]:
        if kept.columns is None:
            return kept.pieces
        if self._columns is None:
            self.choose(kept.columns)
        columns = self._columns or ()
        if kept.columns == columns:
            return kept.pieces
        return [
            "".join([self._carried(kept.columns, row) for row in rows_in(text)])
            for text in kept.pieces
        ]

    def _carried(self, columns: tuple[str, ...], row: str) -> str:
        """Return a row of an output with these columns as one of this output."""
        named = cells_of_row(columns, row, self.encoder)
        cells, unknown = cells_in(self._columns or (), named, self.encoder)
        if unknown is not None:
            raise OutputError(
                f"{printable(f'{self._file.path}')}: it has no column {unknown!r:.60}",
                advice="{overwrite} begins anew",
            )
        return self._line(cells)

    def write(self, pieces: Sequence[str]) -> int:
        header = ""
        if self._columns is not None:
            header = self._mark + self._line(self._quoted(self._columns))
        return self._file.append(pieces, header)

    def sync(self) -> int:
        return self._file.sync()

    def rollback(self) -> int:
        return self._file.rollback()

    def finish(self, note: NoteDigest = no_note) -> None:
        self._file.finish(note)

    def close(self) -> None:
        self._file.close()

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

    def _quoted(self, columns: Sequence[str]) -> list[str]:
        """Return the cells of a header."""
        cells = list(map(self.encoder.quoted, columns))
        if not self._mark and cells and cells[0].startswith("\ufeff"):
            cells[0] = f'"{cells[0]}"'  # or readers would take it for the mark of the file
        return cells

    def _line(self, cells: Sequence[str]) -> str:
        return csv_line(self._delimiter, cells)


def _unknown_column(name: str, cells: Cells) -> ItemFailure:
    """Return the failure of a result with a column that the output has not, nor `EXTRA`."""
    which = "result" if name in named_cells(cells) else "item"
    error = unwritable(
        "ValueError",
        f"the {which} has the column {name!r:.60}, which the output has not; name it, or {EXTRA}, "
        "among the columns of the output (columns_out)",
    )
    return with_result(error.failure, _result_of(cells))


def _result_of(cells: Cells) -> Any:
    """Return the result that some cells are of, as far as they tell."""
    result = {one: json.loads(text) for one, text in named_json(cells).items()}
    return result if cells[0] is not None else result[ONLY_COLUMN]
