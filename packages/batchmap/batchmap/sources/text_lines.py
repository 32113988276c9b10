"""The lines of a text file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from batchmap.errors import InputError

__all__ = ["TextLines"]

_BLOCK_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TextLines:
    r"""The lines of a UTF-8 file, without their ends, at most `limit` of them.

    A line ends at `\n` or `\r\n` and nowhere else; an empty line is an item too. Bytes that
    are not UTF-8 become lone surrogates (`surrogateescape`), so no line is lost. Walking raises
    `InputError` when the file cannot be read.
    """

    def __init__(self, path: Path, *, limit: int | None = None) -> None:
        self._path = path
        self._limit = limit
        self.total = self._count()

    def __iter__(self) -> Iterator[str]:
        return islice(self._lines(), self.total)  # not those that are added meanwhile

    def place(self, index: int) -> str:
        """Name the line for a message, counted from 1."""
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
