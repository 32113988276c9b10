r"""Blocks of lines, each line a record: what is moved as bytes and decoded where it is needed.

A line ends at `\n` or `\r\n` and nowhere else. Which lines may stand in a block is known without
decoding them: those whose number of records nobody can doubt. All others are read one by one.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Self

from batchmap.digests import digests
from batchmap.row_blocks import OpenedBlock, RowBlock, RowForm
from batchmap.sources.base import InputRecord

__all__ = ["LineBlock", "LineFormat", "Record", "are_utf8", "never"]


def never() -> bool:
    """Return that no blocks are wanted."""
    return False


def are_utf8(lines: bytes) -> bool:
    """Tell whether lines are text in UTF-8."""
    try:
        return lines.isascii() or lines.decode() is not None
    except UnicodeDecodeError:
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

    There are `num_lines`, which are as many as the records, unless some have several. The lines
    are those of `data` from the byte `start` up to `end`, so that parts need no copy.
    """

    __slots__ = (
        "_data",
        "_end",
        "_raws",
        "_start",
        "first_index",
        "first_position",
        "form",
        "format",
        "num_lines",
        "number",
    )

    def __init__(
        self,
        data: bytes,
        number: int,
        first_position: int,
        format: LineFormat,
        num_lines: int | None = None,
        first_index: int = 0,
        form: RowForm | None = None,
        *,
        start: int = 0,
        end: int | None = None,
        raws: list[bytes] | None = None,
    ) -> None:
        self._data = data
        self._start = start
        self._end = len(data) if end is None else end
        self._raws = raws
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
    def data(self) -> bytes:
        """The bytes of the lines."""
        return self._data[self._start : self._end]

    @property
    def size_bytes(self) -> int:
        return self._end - self._start

    def opened(self) -> OpenedBlock:
        data = self.data
        raws = self._raws or self.format.raws(data, self.number)
        return OpenedBlock(self, self.format.items(data, raws), raws, self.format.context)

    def entries(self) -> bytes:
        return digests(self._each(), self.format.context)

    def records(self) -> Iterator[InputRecord]:
        opened, position = self.opened(), self.first_position
        for item, raw in zip(opened.items, opened.raws, strict=True):
            yield item, raw, position
            position += 1 if self.num_lines == self.number else _lines_in([raw])

    def position(self, offset: int) -> int:
        if self.num_lines == self.number:
            return self.first_position + offset
        return self.first_position + _lines_in(self._each()[:offset])

    def part(self, start: int, end: int) -> Self:
        if start == 0 and end == self.number:
            return self
        raws = self._each()
        before, some = raws[:start], raws[start:end]
        ends = 0 if self.format.keeps_ends else 1
        first = self._start + sum(map(len, before)) + ends * len(before)
        last = first + sum(map(len, some)) + ends * max(0, len(some) - 1)
        if self.num_lines == self.number:
            return self._some(start, len(some), first, last, start, len(some), some)
        return self._some(start, len(some), first, last, _lines_in(before), _lines_in(some), some)

    def split(self, most: int) -> tuple[Self, Self | None]:
        if most >= self.number:
            return self, None
        if self.num_lines != self.number:
            return super().split(most)
        data, start = self._data, self._start
        found = math.ceil(self.number / math.ceil(self.number / most))
        end = start
        if most <= _FEW:
            for _ in range(found):
                end = data.index(b"\n", end) + 1
        else:  # near that, as it would be if all lines were as long as the average
            end = data.rfind(b"\n", start, start + self.size_bytes * found // self.number) + 1
            found = data.count(b"\n", start, end) if end else 0
            if not 0 < found <= most or found == self.number:
                return super().split(most)
        left = self.number - found
        return (
            self._some(0, found, start, end if self.format.keeps_ends else end - 1, 0, found),
            self._some(found, left, end, self._end, found, left),
        )

    def _each(self) -> list[bytes]:
        if self._raws is None:
            self._raws = self.format.raws(self.data, self.number)
        return self._raws

    def _some(
        self,
        at: int,
        number: int,
        start: int,
        end: int,
        line: int,
        num_lines: int,
        raws: list[bytes] | None = None,
    ) -> Self:
        """Return `number` records from the one at the offset `at`, which begins at `line`."""
        return type(self)(
            self._data,
            number,
            self.first_position + line,
            self.format,
            num_lines,
            self.first_index + at,
            self.form,
            start=start,
            end=end,
            raws=raws,
        )


_FEW = 64
"""The ends of so many lines are looked for one by one."""


def _lines_in(raws: Sequence[bytes]) -> int:
    """Return how many lines some records have, the last of which may lack its end."""
    return sum(raw.count(b"\n") for raw in raws) + bool(raws and not raws[-1].endswith(b"\n"))


Record = InputRecord | LineBlock
"""What is read of an input: a record, or several as a block."""
