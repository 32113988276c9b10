"""Blocks of rows that are in flight, and what is known of each row once it comes back."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from batchmap.checkpoint.pending_item import PendingItem
from batchmap.row_blocks import OpenedBlock, RowBlock

__all__ = ["RowsInFlight", "SettledRows"]


class RowsInFlight:
    """The blocks of which some rows have not come back."""

    def __init__(self) -> None:
        self.number = 0
        """How many rows they are."""
        self._starts: list[int] = []
        """The number of the first row of each block, among all items that were taken, from 0."""
        self._blocks: list[_Block] = []

    def add(self, first: int, block: RowBlock) -> None:
        """Add a block that was taken; its first row has the number `first`."""
        self._starts.append(first)
        self._blocks.append(_Block(block))
        self.number += len(block)

    def settled(self, first: int, number: int) -> SettledRows | None:
        """Return so many rows from the number `first` on, which have come back.

        `None` where they were not taken as a block.
        """
        at = bisect_right(self._starts, first) - 1
        if at < 0 or first >= self._starts[at] + len(self._blocks[at].block):
            return None
        found = self._blocks[at]
        rows = SettledRows(found, first - self._starts[at], number)
        self.number -= number
        found.left -= number
        if not found.left:
            del self._starts[at], self._blocks[at]
        return rows


class _Block:
    """A block in flight."""

    def __init__(self, block: RowBlock) -> None:
        self.block = block
        self.left = len(block)
        """How many rows have not come back."""

    @cached_property
    def opened(self) -> OpenedBlock:
        """The items as they were read, decoded once one of them is asked for."""
        return self.block.opened()


class SettledRows:
    """Some rows of a block that have come back."""

    def __init__(self, block: _Block, start: int, number: int) -> None:
        self._block = block
        self._start = start
        self._number = number

    def __len__(self) -> int:
        return self._number

    @property
    def first_index(self) -> int:
        """The index in the input of the first one, from 0."""
        return self._block.block.first_index + self._start

    def part(self, start: int, end: int) -> SettledRows:
        """Return those at the offsets from `start` up to `end`."""
        return SettledRows(self._block, self._start + start, end - start)

    def __getitem__(self, offset: int) -> PendingItem:
        """Return what is known of the one at an offset."""
        at = self._start + offset
        block, opened = self._block.block, self._block.opened
        return PendingItem(
            block.first_index + at,
            opened.entries(at, at + 1),
            opened.items[at],
            block.position(at),
        )

    def all(self) -> list[PendingItem]:
        """Return what is known of all of them."""
        return [self[offset] for offset in range(self._number)]
