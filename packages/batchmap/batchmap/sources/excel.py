"""Reads the rows of the first sheet of an Excel workbook, as dicts."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from batchmap.errors import InputError
from batchmap.optional import require
from batchmap.sources.base import InputRecord, one_line, unreadable_record, value_bytes
from batchmap.sources.csv.header import column_names
from batchmap.sources.notices import Notices
from batchmap.sources.opening.byte_sources import ByteSource

__all__ = ["ExcelRows"]

_SHOWN_SHEETS = 5

_Row = tuple[Any, ...]


class ExcelRows:
    """The rows below the header, by its names; they are read one by one, but texts all at first.

    The header is the first row that is not empty; other empty rows are none. Values are those of
    openpyxl: of a formula, the result that was saved with it. Columns without a name, and those
    whose name stands before already, are named as those of CSV. A row with values beyond the header
    is an `UnreadableRecord`. Raises `UsageError` when openpyxl is missing; when read, `InputError`
    for a file that is no workbook or damaged.
    """

    def __init__(self, byte_source: ByteSource) -> None:
        self._openpyxl = require("openpyxl", "formats", "reading Excel")
        self._byte_source = byte_source
        self._fraction = 0.0
        self.name = byte_source.name
        self._notices = Notices(byte_source.name)
        self._sheets: list[str] = []
        """What a user should know of the sheets."""
        self.total: int | None = None
        self.paths = byte_source.paths
        self.repeatable = byte_source.repeatable
        self.size_bytes: int | None = None
        self.state = byte_source.state

    def records(self) -> Iterator[InputRecord]:
        self._fraction = 0.0
        with contextlib.closing(self._rows()) as rows:
            header: list[str] = []
            for number, row in rows:
                if not header:
                    header = self._header(row)
                elif len(row) > len(header):
                    error = f"{len(row)} cells found, {len(header)} expected"
                    raw = value_bytes(row)
                    yield unreadable_record("ValueError", error, raw), raw, number
                else:
                    padded = row + (None,) * (len(header) - len(row))
                    item = dict(zip(header, padded, strict=True))
                    yield item, value_bytes(item), number
        self._notices.tell([], self._sheets)  # where there is no header
        self._fraction = 1.0

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def place(self, where: int) -> str:
        return f"{self.name} row {where}"

    def fraction(self) -> float | None:
        return self._fraction

    def _rows(self) -> Generator[tuple[int, _Row], None, None]:
        """Yield the rows that are not empty, without the empty cells at the end, with numbers."""
        number = 0
        try:
            with self._byte_source.opened() as (file, _):
                workbook = self._openpyxl.load_workbook(
                    file, read_only=True, data_only=True, keep_links=False
                )
                with contextlib.closing(workbook):
                    if not workbook.worksheets:
                        raise InputError(f"{self.name}: the workbook has no sheet of cells")
                    sheet, *others = workbook.worksheets
                    self._sheets = _remarks_on(sheet, others)
                    last = sheet.max_row or 0
                    sheet.reset_dimensions()  # which some programs write wrong
                    for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
                        row = _without_end(cells)
                        if row:
                            self._fraction = min(1.0, number / last) if last else 0.0
                            yield number, row
        except (InputError, GeneratorExit):
            raise
        except Exception as error:  # anything, for a file that openpyxl does not expect
            place = f"{self.name} after row {number}" if number else self.name
            why = f"{type(error).__name__}: {one_line(error)}"
            raise InputError(
                f"{place}: cannot be read as an Excel workbook ({why:.200}); save it again as .xlsx"
            ) from error

    def _header(self, row: _Row) -> list[str]:
        names, remark = column_names(["" if value is None else str(value) for value in row])
        self._notices.tell([], [*self._sheets, remark] if remark else self._sheets)
        return names


def _remarks_on(sheet: Any, others: Sequence[Any]) -> list[str]:
    hidden = ", which is hidden" if sheet.sheet_state != "visible" else ""
    if not others and not hidden:
        return []
    names = ", ".join(f"{other.title:.30}" for other in others[:_SHOWN_SHEETS])
    more = ", …" if len(others) > _SHOWN_SHEETS else ""
    left_out = f"; not read: {names}{more}" if others else ""
    return [f"is read from its first sheet, {sheet.title:.30}{hidden}{left_out}"]


def _without_end(cells: _Row) -> _Row:
    size = len(cells)
    while size and cells[size - 1] is None:
        size -= 1
    return cells[:size]
