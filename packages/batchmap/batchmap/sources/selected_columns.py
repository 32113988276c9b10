"""Hands on some columns of the rows of a source, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from batchmap.errors import InputError
from batchmap.records import UnreadableRecord
from batchmap.sources.base import InputRecord, Source, unreadable_record
from batchmap.text import near_names

__all__ = ["selected"]

_OBJECTS = ("jsonl", "json", "errors")
"""Formats whose rows may have other columns each."""

_LOOKED_AT = 100
"""Objects at the start in one of which a column must be."""


def selected(source: Source, columns: Sequence[str] | None) -> Source:
    """Return `source`, or where `columns` are named, those of its rows alone, in their order.

    Raises `InputError` where a table lacks one, or all the first objects of JSON do, as far as they
    can be read twice; a later object that does is an `UnreadableRecord`.
    """
    return source if columns is None else _SelectedColumns(source, columns)


class _SelectedColumns:
    """The bytes of a record are those of the whole row."""

    def __init__(self, source: Source, columns: Sequence[str]) -> None:
        self._source = source
        self._columns = tuple(columns)
        self.name = source.name
        self.total = source.total
        self.paths: tuple[Path, ...] = source.paths
        self.repeatable = source.repeatable
        self.state = source.state
        self.place = source.place
        self._is_begun = False
        self._are_objects = getattr(source, "format", None) in _OBJECTS
        if source.repeatable:  # an output is not to be begun for a name that is wrong
            self._check()

    @property
    def size_bytes(self) -> int | None:
        """The size of a file of little else than the records' bytes."""
        return self._source.size_bytes

    def __getattr__(self, name: str) -> Any:
        """Return what a source has beside what all sources have, such as its format."""
        if name == "_source":  # not set yet
            raise AttributeError(name)
        return getattr(self._source, name)

    def fraction(self) -> float | None:
        share = self._source.fraction()
        return share if self._is_begun or share is None else 0.0

    def records(self) -> Iterator[InputRecord]:
        return filter(None, self._picked(self._source.records()))

    def records_and_pauses(self) -> Iterator[InputRecord | None]:
        return self._picked(self._source.records_and_pauses())

    def _picked(self, records: Iterator[Any]) -> Iterator[InputRecord | None]:
        columns = self._columns
        self._is_begun = True
        for record in records:
            if record is None:
                yield None
                continue
            item, raw, where = record
            try:
                item = {column: item[column] for column in columns}
            except (KeyError, TypeError):
                if type(item) is not UnreadableRecord:
                    if not self._are_objects:
                        missing = [column for column in columns if column not in item]
                        raise self._unknown(missing, item) from None
                    item = unreadable_record("KeyError", self._missing(item), raw)
            yield item, raw, where

    def _missing(self, item: Any) -> str:
        if not isinstance(item, Mapping):
            return f"--select: {type(item).__name__} has no columns"
        column = next(one for one in self._columns if one not in item)
        return f"--select: there is no {column!r:.60}{_what_there_is(column, item)}"

    def _check(self) -> None:
        names = getattr(self._source, "column_names", None)
        if names is None:
            most = _LOOKED_AT if self._are_objects else 1
            found = (item for item, _, _ in islice(self._source.records(), most))
            rows = [item for item in found if isinstance(item, Mapping)]
            names = [name for row in rows for name in row] if rows else self._columns
        if missing := [column for column in self._columns if column not in names]:
            raise self._unknown(missing, dict.fromkeys(names))

    def _unknown(self, missing: Sequence[str], there: Mapping[Any, Any]) -> InputError:
        names = " and ".join(f"{column!r:.60}" for column in missing)
        known = _what_there_is(missing[0], there)
        return InputError(f"{names}: {self.name} has no such column{known}", option="select")


def _what_there_is(column: str, row: Mapping[Any, Any]) -> str:
    names = [f"{name}" for name in row]
    return f"{near_names(column, names)}; it has {', '.join(names)[:200]}"
