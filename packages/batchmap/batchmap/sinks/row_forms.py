"""How rows of text are made of results, wherever these are: what goes to workers of a sink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from batchmap.sinks.csv.cells import Cells, rows_of
from batchmap.sinks.csv.columns import ONLY_COLUMN
from batchmap.sinks.values.json_encoding import fallback_texts

__all__ = ["CsvForm", "JsonForm", "csv_line"]

_NAMES, _CELLS = itemgetter(0), itemgetter(1)


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

    def rows(
        self, indexes: Sequence[int], kept: Sequence[Any], encoded: Sequence[Cells]
    ) -> list[str] | None:
        columns = None if self.columns == (ONLY_COLUMN,) else self.columns
        if set(map(_NAMES, encoded)) - {columns}:
            return None
        rows = [f"{row}\n" for row in map(self.delimiter.join, map(_CELLS, encoded))]
        return rows if len(self.columns) > 1 else [csv_line("", (row[:-1],)) for row in rows]

    def split(self, text: str) -> list[str]:
        return list(rows_of([f"{line}\n" for line in text.split("\n")[:-1]]))


def csv_line(delimiter: str, cells: Sequence[str]) -> str:
    """Return a row of these cells."""
    row = delimiter.join(cells)
    return f"{row}\n" if row else '""\n'  # readers would skip an empty line
