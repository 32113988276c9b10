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

    def raws(self, data: bytes, number: int) -> list[bytes]:
        """Return the bytes of each of so many records."""
        return data.splitlines(keepends=True) if self.keeps_ends else data.split(b"\n")

    def joined(self, raws: Sequence[bytes]) -> bytes:
        """Return some records as the bytes of a block."""
        return (b"" if self.keeps_ends else b"\n").join(raws)

    @abstractmethod
    def items(self, data: bytes, raws: Sequence[bytes]) -> list[Any]:
        """Return the item of each record; an `UnreadableRecord` where it cannot be read."""


class LineBlock(RowBlock):
    """Some lines; the position of a record is the number of its first line.

    There are `num_lines`, which are as many as the records, unless some have several.
    """

    __slots__ = ("data", "first_index", "first_position", "form", "format", "num_lines", "number")

    def __init__(
        self,
        data: bytes,
        number: int,
        first_position: int,
        format: LineFormat,
        num_lines: int | None = None,
        first_index: int = 0,
        form: RowForm | None = None,
    ) -> None:
        self.data = data
        self.number = number
        self.first_position = first_position
        self.format = format
        self.num_lines = number if num_lines is None else num_lines
        self.first_index = first_index
        self.form = form

    def __reduce__(self) -> tuple[Any, ...]:
        lines = self.data, self.number, self.first_position, self.format, self.num_lines
        return type(self), (*lines, self.first_index, self.form)

    def __len__(self) -> int:
        return self.number

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    def opened(self) -> OpenedBlock:
        raws = self._raws()
        items = self.format.items(self.data, raws)
        return OpenedBlock(self, items, raws, self.format.context)

    def position(self, offset: int) -> int:
        if self.num_lines == self.number:
            return self.first_position + offset
        return self.first_position + _lines_in(self._raws()[:offset])

    def part(self, start: int, end: int) -> Self:
        if start == 0 and end == self.number:
            return self
        raws = self._raws()
        some = raws[start:end]
        data = self.format.joined(some)
        if self.num_lines == self.number:
            return self._some(data, start, end - start, start, end - start)
        before = _lines_in(raws[:start])
        return self._some(data, start, len(some), before, _lines_in(some))

    def split(self, most: int) -> tuple[Self, Self | None]:
        if most >= self.number:
            return self, None
        if self.num_lines != self.number:
            return super().split(most)
        wanted = math.ceil(self.number / math.ceil(self.number / most))
        # Near that, as it would be if all lines were as long as the average.
        end = self.data.rfind(b"\n", 0, len(self.data) * wanted // self.number) + 1
        found = self.data.count(b"\n", 0, end)
        left = self.number - found
        if not 0 < found <= most or not left:
            return super().split(most)
        first = self.data[: end if self.format.keeps_ends else end - 1]
        return (
            self._some(first, 0, found, 0, found),
            self._some(self.data[end:], found, left, found, left),
        )

    def _raws(self) -> list[bytes]:
        return self.format.raws(self.data, self.number)

    def _some(self, data: bytes, at: int, number: int, line: int, num_lines: int) -> Self:
        """Return `number` records from the one at the offset `at`, which begins at `line`."""
        return type(self)(
            data,
            number,
            self.first_position + line,
            self.format,
            num_lines,
            self.first_index + at,
            self.form,
        )


def _lines_in(raws: Sequence[bytes]) -> int:
    """Return how many lines some records have, the last of which may lack its end."""
    return sum(raw.count(b"\n") for raw in raws) + bool(raws and not raws[-1].endswith(b"\n"))


Record = InputRecord | LineBlock
"""What is read of an input: a record, or several as a block."""
