"""Items that can be iterated any number of times and need not fit in memory, for comparisons."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from batchmap.errors import InputError
from batchmap.records import UnreadableRecord
from batchmap.sources.base import Source

__all__ = ["SourceItems", "TextLines"]

_BLOCK_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SourceItems:
    """The items of `source`, at most `limit` of them, read again at each iteration.

    Raises `InputError` for a source that can be read once only, or that has a record that cannot
    be read, since a comparison needs the same items every time.
    """

    def __init__(self, source: Source, *, limit: int | None = None) -> None:
        if not source.repeatable:
            raise InputError(f"{source.name}: is read more than once; save it to a file first")
        self._source = source
        self._limit = limit
        self._positions = array("Q")
        for _ in self._items(self._positions):
            pass
        self.name = source.name
        self.total = len(self._positions)

    def __iter__(self) -> Iterator[Any]:
        return islice(self._items(), self.total)  # not those that are added meanwhile

    def place(self, index: int) -> str:
        """Return where the item of this index stands, in words, for a message."""
        return self._source.place(self._positions[index])

    def _items(self, positions: array[int] | None = None) -> Iterator[Any]:
        """Yield the items from the first; their positions are added to `positions`."""
        for item, _, where in islice(self._source.records(), self._limit):
            if isinstance(item, UnreadableRecord):
                raise InputError(f"{self._source.place(where)}: {item.failure.error}")
            if positions is not None:
                positions.append(where)
            yield item


class TextLines:
    r"""The lines of a UTF-8 file, without their ends, at most `limit` of them.

    A line ends at `\n` or `\r\n` and nowhere else; an empty line is an item too. Bytes that
    are not UTF-8 become lone surrogates (`surrogateescape`), so no line is lost. Raises
    `InputError` when the file cannot be read, also while it is iterated.
    """

    def __init__(self, path: Path, *, limit: int | None = None) -> None:
        self._path = path
        self._limit = limit
        self.total = self._count()

    def __iter__(self) -> Iterator[str]:
        return islice(self._lines(), self.total)  # not those that are added meanwhile

    def place(self, index: int) -> str:
        """Return where the line of this index, from 0, stands: its number from 1."""
        return f"{self._path} line {index + 1}"

    def _lines(self) -> Iterator[str]:
        try:
            with self._path.open("rb") as file:
                for number, raw in enumerate(file):
                    if number == 0:
                        raw = raw.removeprefix(_BYTE_ORDER_MARK)
                    line = raw.removesuffix(b"\n").removesuffix(b"\r")
                    yield line.decode("utf-8", "surrogateescape")
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read ({error.strerror})") from error

    def _count(self) -> int:
        lines = 0
        last = b"\n"
        try:
            with self._path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    lines += block.count(b"\n")
                    last = block
        except OSError as error:
            raise InputError(f"{self._path}: cannot be read ({error.strerror})") from error
        lines += not last.endswith(b"\n")
        return lines if self._limit is None else min(lines, self._limit)
