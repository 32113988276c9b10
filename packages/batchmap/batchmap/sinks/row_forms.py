"""How rows of text are made of results, wherever these are: what goes to workers of a sink."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from batchmap.lone_surrogates import needs_escape
from batchmap.sinks.csv.cells import CsvCells, Encoded, rows_in
from batchmap.sinks.csv.columns import ONLY_COLUMN
from batchmap.sinks.values.json_encoding import fallback_texts
from batchmap.worker.failures import Unwritable

__all__ = ["CsvForm", "JsonForm", "csv_line"]

_NAMES, _VALUES = itemgetter(0), itemgetter(2)


class _TextForm:
    def joined(
        self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Any]
    ) -> str | None:
        rows = self.rows(indexes, kept, encoded)
        return None if rows is None else "".join(rows)

    def rows(
        self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Any]
    ) -> list[str] | None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class JsonForm(_TextForm):
    """Lines of JSON: the result, with its index and item where `is_full`."""

    is_full: bool

    def kept(self, items: Sequence[Any]) -> Sequence[str]:
        return fallback_texts(items) if self.is_full else ()

    def rows(
        self, indexes: Sequence[int], kept: Sequence[str], encoded: Sequence[str]
    ) -> list[str]:
        if not self.is_full:
            return [f"{text}\n" for text in encoded]
        return [
            f'{{"index": {index}, "item": {item}, "result": {text}}}\n'
            for index, item, text in zip(indexes, kept, encoded, strict=True)
        ]

    def split(self, text: str) -> list[str]:
        return [f"{line}\n" for line in text.split("\n")[:-1]]


@dataclass(frozen=True, slots=True)
class CsvForm(_TextForm):
    """Rows of CSV whose results have exactly these columns."""

    columns: tuple[str, ...]
    delimiter: str

    def kept(self, items: Sequence[Any]) -> Sequence[Any]:
        return ()

    def joined(
        self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Encoded]
    ) -> str | None:
        # Of plain rows alone; the others are left to the sink.
        if set(map(len, encoded)) != {3} or set(map(_NAMES, encoded)) != {self.columns}:
            return _TextForm.joined(self, indexes, kept, encoded)
        file = io.StringIO()
        try:
            self._writer(file).writerows(map(_VALUES, encoded))
        except ValueError:  # a number of too many digits; the sink finds out which
            return None
        text = file.getvalue()
        if "\r" in text or not (text.isascii() or not needs_escape(text)):
            return _TextForm.joined(self, indexes, kept, encoded)
        return text

    def rows(
        self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Encoded]
    ) -> list[str] | None:
        columns = None if self.columns == (ONLY_COLUMN,) else self.columns
        if set(map(_NAMES, encoded)) - {columns}:
            return None
        cells = CsvCells(defuse=False, delimiter=self.delimiter)
        try:
            return [csv_line(self.delimiter, cells.texts(one)[1]) for one in encoded]
        except Unwritable:
            return None

    def _writer(self, file: io.StringIO) -> Any:
        return csv.writer(file, delimiter=self.delimiter, lineterminator="\n")

    def split(self, text: str) -> list[str]:
        return list(rows_in(text))


def csv_line(delimiter: str, cells: Sequence[str]) -> str:
    """Return a row of these cells."""
    row = delimiter.join(cells)
    return f"{row}\n" if row else '""\n'  # readers would skip an empty line
