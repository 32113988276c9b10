"""Writes results as the rows of a table in a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import ascii_uppercase
from typing import Any

from batchmap.errors import OutputError
from batchmap.lone_surrogates import unescape
from batchmap.records import ItemFailure
from batchmap.row_blocks import Segment
from batchmap.sinks.base import Kept, NoteDigest, Stretch, no_note
from batchmap.sinks.item_columns import Fields, item_row, named_fields
from batchmap.sinks.table.columns import EXACT_IN_REAL, TableRow, kind_of
from batchmap.sinks.values.kept_results import with_result
from batchmap.sinks.values.value_conversion import Unwritable, unwritable
from batchmap.storage.table_output import TableOutput

__all__ = ["TableSink"]

_MAX_COLUMNS = {"SQLite": 2000, "PostgreSQL": 1600}

_SMALL_LETTERS = {ord(letter): letter.lower() for letter in ascii_uppercase}
"""By which SQLite compares names of columns; other letters it takes as they are."""


class TableSink:
    """One row for each result: the values of an object, or the one column `result`.

    The first value of a column decides its type; columns may come later. An end is a number of
    rows. `sync` leaves them to the journal, whose commit writes them in the transaction in which it
    notes what they are of.
    """

    commit_every_s = 0.5
    commit_soonest_s = 0.0
    digest: bytes | None = None

    def __init__(
        self, output: TableOutput, *, with_item: bool = False, strict: bool = False
    ) -> None:
        self._output = output
        self._database = "PostgreSQL" if output.url.path is None else "SQLite"
        self.encoder = TableRow(self._database, strict=strict)
        self.shows_items = with_item
        self._reset({})

    def _reset(self, columns: dict[str, str]) -> None:
        self._columns = columns
        self._folded = {self._fold(name): name for name in columns}
        self._largest: dict[str, int] = {}
        """Of columns of whole numbers in PostgreSQL, the largest of this run."""
        self._empty: dict[str, None] = {}
        """The columns that had no value yet."""
        self._rows: list[dict[str, Any]] = []

    def check(self, stretches: Iterable[Stretch]) -> None:
        """Do nothing: rows and journal are committed together."""

    def start(self, end: int) -> int:
        self._reset(self._output.load() if end else {})
        if end and self._output.rows != end:
            raise OutputError(
                f"{self._output}: the table has {self._output.rows} rows and had {end}, so it is "
                "not what the run wrote",
                advice="bring it back; or {overwrite} begins anew",
            )
        return end

    def encode(
        self, indexes: Sequence[int], items: Sequence[Any], encoded: Sequence[Fields]
    ) -> tuple[list[dict[str, Any] | None], dict[int, ItemFailure]]:
        rows: list[dict[str, Any] | None] = []
        failures: dict[int, ItemFailure] = {}
        for offset, result in enumerate(encoded):
            row = named_fields(result)
            try:
                if self.shows_items:
                    row = item_row(items[offset], self.encoder) | row
                self._fit(row)
                rows.append(row)
            except Unwritable as error:
                one = result[0] if isinstance(result, tuple) else result
                failures[offset] = with_result(error.failure, unescape(one))
                rows.append(None)
        return rows, failures

    def row_form(self) -> None:
        """Return nothing: results become rows in `encode` alone."""

    def fitted(self, made: Segment) -> list[str]:
        """Raise an error, as rows are made nowhere else."""
        raise NotImplementedError

    def carry(self, kept: Kept, index: int) -> list[dict[str, Any] | None]:
        """Raise an error: a table is not written anew from another."""
        raise OutputError(f"{self._output}: cannot be written anew", advice="{overwrite} does it")

    def write(self, pieces: Sequence[dict[str, Any] | None]) -> int:
        self._rows += [row for row in pieces if row is not None]
        return self._output.rows + self._output.staged + len(self._rows)

    def sync(self) -> int:
        if self._rows:
            if not self._columns:  # a table has at least one
                self._columns.update(dict.fromkeys(self._empty, "text"))
            self._output.stage(self._rows, self._columns)
            self._rows = []
        return self._output.rows + self._output.staged

    def rollback(self) -> int:
        self._rows = []
        self._output.drop_staged()
        return self._output.rows

    def finish(self, note: NoteDigest = no_note) -> None:
        """Add the columns that never had a value."""
        if empty := {name: "text" for name in self._empty if name not in self._columns}:
            self._output.stage([], {**self._columns, **empty})
            self._output.commit(None)

    def close(self) -> None:
        self._rows = []

    def _fold(self, name: str) -> str:
        return name.translate(_SMALL_LETTERS) if self._database == "SQLite" else name

    def _fit(self, row: dict[str, Any]) -> None:
        """Add the columns that a row is the first to have; raise `Unwritable` if it does not fit.

        A value that the column's type would change, such as a number among texts, does not.
        """
        columns = self._columns
        new: dict[str, str] = {}
        folded: dict[str, str] = {}
        if not row:
            raise unwritable("ValueError", "the result is an empty object, which makes no row")
        for name, value in row.items():
            fold = self._fold(name)
            other = self._folded.get(fold) or folded.get(fold) or name
            folded[fold] = name
            if other != name:
                raise unwritable(
                    "ValueError", f"the columns {other!r:.60} and {name!r:.60} are one in SQLite"
                )
            if value is None:
                if name not in columns:
                    self._empty[name] = None
            elif name not in columns:
                new[name] = kind_of(value)
            elif kind_of(value) != columns[name]:
                new[name] = self._wider(name, value)
            if type(value) is int and self._database == "PostgreSQL":
                self._largest[name] = max(self._largest.get(name, 0), abs(value))
        if len(columns.keys() | new.keys()) > (most := _MAX_COLUMNS[self._database]):
            raise unwritable("ValueError", f"{self._database} has no more than {most} columns")
        columns.update(new)
        self._folded |= folded

    def _wider(self, name: str, value: Any) -> str:
        """Return the kind of a column that is to hold this value, too; `Unwritable` for none."""
        kind = self._columns[name]
        if kind == "real" and type(value) is int and abs(value) <= EXACT_IN_REAL:
            return kind
        if kind == "integer" and type(value) is float:
            if self._database == "SQLite":  # where each value has a type of its own
                return kind
            largest = self._largest.get(name, 0)
            if self._output.rows:
                largest = max(largest, self._output.largest(name))
            if largest <= EXACT_IN_REAL:
                return "real"
        raise unwritable(
            "TypeError",
            f"the column {name!r:.60} holds {kind} values, and this result has a "
            f"{type(value).__name__} there; JSON Lines takes both",
        )
