"""The items of a source that can be walked again and again, for a comparison."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Any

from batchmap.errors import InputError
from batchmap.records import UnreadableRecord
from batchmap.sources import Source

__all__ = ["SourceItems"]


class SourceItems:
    """The items of `source`, at most `limit` of them, made anew at each walk.

    Raises `InputError` for a source that can be walked once only, or that has a record that
    cannot be read, since a comparison needs the same items every time.
    """

    def __init__(self, source: Source, *, limit: int | None = None) -> None:
        if not source.repeatable:
            raise InputError(f"{source.name}: is read more than once; save it to a file first")
        self._source = source
        self._limit = limit
        self._places = array("Q")
        for _ in self._walk(self._places):
            pass
        self.name = source.name
        self.total = len(self._places)

    def __iter__(self) -> Iterator[Any]:
        return islice(self._walk(), self.total)  # not those that are added meanwhile

    def place(self, index: int) -> str:
        """Name the item for a message."""
        return self._source.place(self._places[index])

    def _walk(self, places: array[int] | None = None) -> Iterator[Any]:
        for item, _, where in islice(self._source.records(), self._limit):
            if isinstance(item, UnreadableRecord):
                raise InputError(f"{self._source.place(where)}: {item.failure.error}")
            if places is not None:
                places.append(where)
            yield item
