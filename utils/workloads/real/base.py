"""What a scenario of real work hands over: a function, and the items to call it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["RealWork", "WorkItems"]


@dataclass(frozen=True, slots=True)
class WorkItems:
    """The items of a scenario, in order; they can be walked any number of times."""

    data_type: str
    """What they are, in a word: `pages`, `files`."""
    values: tuple[Any, ...]
    """Plain and small: what is large lies in files."""

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def place(self, index: int) -> str:
        """Name the item for a message."""
        return f"item {index}"


@dataclass(frozen=True, slots=True)
class RealWork:
    """A scenario that is set up: ready to be run sequentially and in parallel."""

    function: Callable[[Any], Any]
    """Of one item to a small plain value. Holds names, no handles, so it can go to any worker."""
    items: WorkItems
