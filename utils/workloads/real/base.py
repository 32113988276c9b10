"""What a scenario of real work consists of: a function, and the items to call it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["RealWork", "WorkItems"]


@dataclass(frozen=True, slots=True)
class WorkItems:
    """The items of a scenario, in order; they can be iterated any number of times."""

    data_type: str
    """What they are, in a word: `pages`, `files`."""
    values: tuple[Any, ...]
    """Plain and small, such as the names of files that hold the data."""

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def place(self, index: int) -> str:
        """Return the place of an item in words."""
        return f"item {index}"


@dataclass(frozen=True, slots=True)
class RealWork:
    """A scenario that is set up, to be run sequentially and in parallel."""

    function: Callable[[Any], Any]
    """Of one item, gives a small plain value. It holds no handles, so it can be pickled."""
    items: WorkItems
