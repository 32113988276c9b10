"""The items of a Python program, as a source."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from batchmap.sources.base import InputRecord

__all__ = ["PythonItems", "identity_bytes"]

_PLAIN = (str, float, bool, bytes, type(None))


class PythonItems:
    """The items that iterating `items` gives; an iterator is read once.

    An item is known by its value; an object of a class that is no dataclass by what pickling it
    gives, or by its `repr` where it cannot be pickled.
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
            yield item, identity_bytes(item), number

    def records_and_pauses(self) -> Iterator[InputRecord]:
        return self.records()

    def state(self) -> object:
        return None

    def place(self, where: int) -> str:
        return f"item {where - 1}"

    def fraction(self) -> float | None:
        return self._read / self.total if self.total else None


def identity_bytes(value: Any) -> bytes:
    """Return bytes that are the same for equal values, in every process."""
    try:
        return repr(_canonical(value)).encode("utf-8", "surrogatepass")
    except Exception:  # it is nested too deeply, or its class raises
        return type(value).__qualname__.encode("utf-8", "surrogatepass")


def _canonical(value: Any) -> Any:
    """Return what says all of a value, made of what has a `repr` that is always the same."""
    kind = type(value)
    if kind is int:
        return hex(value)  # the decimal digits of a long one are refused
    if kind in _PLAIN:
        return (kind.__name__, value)
    if kind in (list, tuple):
        return [kind.__name__, *map(_canonical, value)]
    if kind is dict:
        return ["dict", *((_canonical(key), _canonical(one)) for key, one in value.items())]
    if kind in (set, frozenset):
        return [kind.__name__, *sorted(repr(_canonical(one)) for one in value)]
    if is_dataclass(kind):
        named = ((one.name, _canonical(getattr(value, one.name))) for one in fields(value))
        return [kind.__qualname__, *named]
    try:
        return ["pickle", pickle.dumps(value, protocol=5)]
    except Exception:
        return ["repr", kind.__qualname__, repr(value)]
