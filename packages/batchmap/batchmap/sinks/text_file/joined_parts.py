"""The text of several part files as one text that can be read from anywhere."""

from __future__ import annotations

import io
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from batchmap.sinks.text_file.compressed_file import opened_text, text_bytes
from batchmap.sinks.text_file.compressed_frames import DamagedFrameError
from batchmap.storage.part_files import parts_in

__all__ = ["JoinedParts", "header_of", "joined_parts"]


class JoinedParts(io.RawIOBase):
    """The text of part files in a row, with the header of the first one and without the others'.

    `compression` is the suffix of one, empty for none. With `has_header`, each part begins with
    the same row of CSV; one that does not raises `DamagedFrameError` when it is read.
    """

    def __init__(self, paths: Sequence[Path], compression: str, *, has_header: bool) -> None:
        self.paths = paths
        self.header = b""
        if has_header and paths:
            with opened_text(paths[0], compression) as file:
                self.header = header_of(file)
        self.starts = array("Q", [0])
        """Where each part begins in the text, and at last where the last one ends."""
        self.other_bytes = array("Q")
        """How many bytes of each file are no part of the text: of a frame that is not whole."""
        for path in paths:
            size, more = text_bytes(path, compression)
            is_first = len(self.starts) == 1
            size = size if is_first else max(0, size - len(self.header))
            self.starts.append(self.starts[-1] + size)
            self.other_bytes.append(more)
        self._compression = compression
        self._at = 0
        self._number = -1
        self._file: BinaryIO | None = None

    @property
    def size(self) -> int:
        return self.starts[-1]

    def header_bytes(self, number: int) -> int:
        """Return how long the header is that a part has and the text has not; the first is 0."""
        return len(self.header) if number else 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self.size:
            return 0
        number = bisect_right(self.starts, self._at) - 1
        file = self._opened(number)
        file.seek(self._at - self.starts[number] + self.header_bytes(number))
        data = file.read(min(len(buffer), self.starts[number + 1] - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _opened(self, number: int) -> BinaryIO:
        if self._file is None or number != self._number:
            if self._file is not None:
                self._file.close()
            path = self.paths[number]
            self._file, self._number = opened_text(path, self._compression), number
            size = self.header_bytes(number)
            if size and self._file.read(size) != self.header:
                raise DamagedFrameError(f"{path.name} begins with another header than the others")
        return self._file

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


def joined_parts(
    directory: Path, suffix: str, compression: str, *, has_header: bool
) -> JoinedParts:
    """Return the text of the part files with a suffix, up to the first number that is missing."""
    in_a_row: list[Path] = []
    for number, path in parts_in(directory, suffix).items():
        if number != len(in_a_row) + 1:
            break
        in_a_row.append(path)
    return JoinedParts(in_a_row, compression, has_header=has_header)


def header_of(file: BinaryIO) -> bytes:
    """Read the first row of CSV, which may be several lines."""
    header = file.readline()
    while header.count(b'"') % 2 and (line := file.readline()):
        header += line
    return header
