"""A record of the input that is in flight, and the item as it was before the function got it."""

from __future__ import annotations

import marshal
import pickle
from typing import Any, NamedTuple

__all__ = ["MUTABLE", "Frozen", "PendingItem"]

MUTABLE = (dict, list)
"""The types of items that a function may change."""


class PendingItem(NamedTuple):
    """A record of the input that is in flight."""

    item_index: int
    """Position in the input, from 0."""
    entry: bytes
    """What the journal holds of it (see `identity`)."""
    kept: Any
    """The item, or a `Frozen` copy where the function may change it."""
    where: int
    """The source's own number for the record."""

    @property
    def item(self) -> Any:
        """Return the item as it was read."""
        return self.kept.thaw() if type(self.kept) is Frozen else self.kept


class Frozen:
    """A copy of an item as it was before the function got it."""

    __slots__ = ("_data", "_load")

    def __init__(self, item: Any) -> None:
        try:
            self._data, self._load = marshal.dumps(item), marshal.loads
        except ValueError:  # it holds more than JSON's types, or is nested deeply
            try:
                self._data, self._load = pickle.dumps(item), pickle.loads
            except RecursionError:  # JSON can be read where it is nested too deeply for that
                self._data, self._load = _deep_copy(item), _itself

    def thaw(self) -> Any:
        """Return a new object that equals the item."""
        return self._load(self._data)


def _deep_copy(item: Any) -> Any:
    """Copy lists and dicts, however deeply nested; nobody changes what else they hold."""
    root = [item]
    pending: list[Any] = [root]
    while pending:
        holder = pending.pop()
        for key, value in holder.items() if type(holder) is dict else enumerate(holder):
            if type(value) in MUTABLE:
                holder[key] = value.copy()
                pending.append(holder[key])
    return root[0]


def _itself(item: Any) -> Any:
    return item
