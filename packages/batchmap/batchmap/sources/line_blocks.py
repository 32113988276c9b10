r"""Blocks of lines, each line a record: what is moved as bytes and decoded where it is needed.

A line ends at `\n` or `\r\n` and nowhere else. Which lines may stand in a block is known without
decoding them: those whose number of records nobody can doubt. All others are read one by one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from batchmap.row_blocks import OpenedBlock, RowBlock, RowForm
from batchmap.sources.base import InputRecord

__all__ = ["LineBlock", "LineFormat", "Record", "never"]


def never() -> bool:
    """Return that no blocks are wanted."""
    return False


class LineFormat(ABC):
    """What lines mean; it can be pickled, and goes with each block."""

    context: bytes = b""
    """A digest of what records mean beside their bytes."""
    keeps_ends: bool = False
    """Whether the end of a line is part of its record; where not, it stands between two alone."""

    def raws(self, data: bytes) -> list[bytes]:
        """Return the bytes of each record."""
        return data.splitlines(keepends=True) if self.keeps_ends else data.split(b"\n")

    def joined(self, raws: Sequence[bytes]) -> bytes:
        """Return some records as the bytes of a block."""
        return (b"" if self.keeps_ends else b"\n").join(raws)

    @abstractmethod
    def items(self, data: bytes, raws: Sequence[bytes]) -> list[Any]:
        """Return the item of each record; an `UnreadableRecord` where it cannot be read."""


class LineBlock(RowBlock):
    """Some lines; the position of each is its number."""

    __slots__ = ("data", "first_index", "first_position", "form", "format", "number")

    def __init__(
        self,
        data: bytes,
        number: int,
        first_position: int,
        format: LineFormat,
        first_index: int = 0,
        form: RowForm | None = None,
    ) -> None:
        self.data = data
        self.number = number
        self.first_position = first_position
        self.format = format
        self.first_index = first_index
        self.form = form

    def __reduce__(self) -> tuple[Any, ...]:
        lines = self.data, self.number, self.first_position, self.format
        return type(self), (*lines, self.first_index, self.form)

    def __len__(self) -> int:
        return self.number

    def opened(self) -> OpenedBlock:
        raws = self.format.raws(self.data)
        return OpenedBlock(self, self.format.items(self.data, raws), raws, self.format.context)

    def part(self, start: int, end: int) -> Self:
        if start == 0 and end == self.number:
            return self
        return self._some(self.format.joined(self.format.raws(self.data)[start:end]), start, end)

    def _some(self, data: bytes, start: int, end: int) -> Self:
        return type(self)(
            data,
            end - start,
            self.first_position + start,
            self.format,
            self.first_index + start,
            self.form,
        )

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    def split(self, most: int) -> tuple[Self, Self | None]:
        if most >= self.number:
            return self, None
        wanted = math.ceil(self.number / math.ceil(self.number / most))
        # Near that, as it would be if all lines were as long as the average.
        end = self.data.rfind(b"\n", 0, len(self.data) * wanted // self.number) + 1
        found = self.data.count(b"\n", 0, end)
        if not 0 < found <= most or found == self.number:
            return self.part(0, wanted), self.part(wanted, self.number)
        first = self.data[: end if self.format.keeps_ends else end - 1]
        return self._some(first, 0, found), self._some(self.data[end:], found, self.number)


Record = InputRecord | LineBlock
"""What is read of an input: a record, or several as a block."""
