"""The items of a Python program, as a source."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from batchmap.sources.base import InputRecord, value_bytes

__all__ = ["PythonItems"]

_PLAIN = (str, int, float, bool, bytes, type(None))


class PythonItems:
    """The items that iterating `items` gives; an iterator is read once.

    An item is known by its value: by its `repr` where it is made of built-in types alone, else by
    what pickling it gives, or by its `repr` where it cannot be pickled.
    """

    name = "items"
    paths: tuple[Path, ...] = ()
    size_bytes: int | None = None

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self.repeatable = iter(items) is not items
        try:
            self.total: int | None = len(items)  # type: ignore[arg-type]
        except TypeError:
            self.total = None
        self._read = 0

    def records(self) -> Iterator[InputRecord]:
        self._read = 0
        for number, item in enumerate(self._items, 1):
            self._read = number
            yield item, _bytes_of(item), number

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def state(self) -> object:
        return None

    def place(self, where: int) -> str:
        return f"item {where - 1}"

    def fraction(self) -> float | None:
        return self._read / self.total if self.total else None


def _bytes_of(item: Any) -> bytes:
    if _is_plain(item):
        return value_bytes(item)
    try:
        return pickle.dumps(item, protocol=5)
    except Exception:
        return value_bytes(item)


def _is_plain(value: Any) -> bool:
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind in (list, tuple):
        return all(map(_is_plain, value))
    return kind is dict and all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
