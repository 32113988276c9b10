"""Compressed data as a sequence of frames, each a whole file of its format, whose sizes are known.

gzip and Zstandard both read several such files in a row as one. So an output can be cut where a
frame ends, go on with a new one, and be read from the middle. A member of gzip tells its sizes in a
field of its header that other programs pass over, as BGZF's do; a frame of Zstandard tells them
anyway.
"""

from __future__ import annotations

import io
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, cast

from batchmap.optional import require

__all__ = ["FRAME_BYTES", "DamagedFrameError", "FrameFormat", "UnpackedFrames", "frame_format"]

FRAME_BYTES = 1 << 20
"""How much text a frame holds, except for the last one before a commit."""

_ReadAt = Callable[[int, int], bytes]
"""Returns so many bytes from a position in a file on, fewer at its end."""


class DamagedFrameError(OSError):
    """A frame that is not what was written."""


class FrameFormat(Protocol):
    """A format of compressed data."""

    def packed(self, text: bytes) -> bytes:
        """Return a frame that holds the text."""
        ...

    def sizes(self, read_at: _ReadAt, start: int) -> tuple[int, int] | None:
        """Return how long the frame at `start` is, packed and unpacked, as its header says.

        `None` where no header of ours is, or not the whole of it.
        """
        ...

    def begins(self, data: bytes) -> bool:
        """Tell whether data, however short, may be how a frame of ours begins."""
        ...

    def unpacked(self, frame: bytes) -> bytes:
        """Return the text in a frame; raises `DamagedFrameError`."""
        ...


class _Gzip:
    _LEVEL = 6
    _RAW = -zlib.MAX_WBITS
    _START = b"\x1f\x8b\x08\x04" + bytes(4) + b"\0\xff" + struct.pack("<H2sH", 20, b"bm", 16)
    """A header with an extra field, no time, no system; the field's name and length."""
    _SIZES = struct.Struct("<QQ")
    _HEADER_BYTES = len(_START) + _SIZES.size
    _END = struct.Struct("<II")

    def packed(self, text: bytes) -> bytes:
        compressor = zlib.compressobj(self._LEVEL, zlib.DEFLATED, self._RAW)
        body = compressor.compress(text) + compressor.flush()
        size = self._HEADER_BYTES + len(body) + self._END.size
        end = self._END.pack(zlib.crc32(text), len(text) & 0xFFFFFFFF)
        return b"".join((self._START, self._SIZES.pack(size, len(text)), body, end))

    def sizes(self, read_at: _ReadAt, start: int) -> tuple[int, int] | None:
        header = read_at(start, self._HEADER_BYTES)
        if len(header) < self._HEADER_BYTES or not header.startswith(self._START):
            return None
        packed, text = self._SIZES.unpack_from(header, len(self._START))
        return (packed, text) if packed > self._HEADER_BYTES else None

    def begins(self, data: bytes) -> bool:
        return data[: len(self._START)] == self._START[: len(data)]

    def unpacked(self, frame: bytes) -> bytes:
        try:
            return zlib.decompress(frame, zlib.MAX_WBITS | 16)
        except zlib.error as error:
            raise DamagedFrameError(f"its compressed data is damaged: {error}") from error


class _Zstandard:
    _LEVEL = 3
    _MOST_HEADER_BYTES = 18
    _RLE, _RESERVED = 1, 3
    _CHECKSUM_BYTES = 4

    def __init__(self) -> None:
        self._zstandard: Any = require("zstandard", None, "writing .zst")
        self._compressor = self._zstandard.ZstdCompressor(
            level=self._LEVEL, write_checksum=True, write_content_size=True
        )
        self._decompressor = self._zstandard.ZstdDecompressor()

    def packed(self, text: bytes) -> bytes:
        return cast(bytes, self._compressor.compress(text))

    def sizes(self, read_at: _ReadAt, start: int) -> tuple[int, int] | None:
        header = read_at(start, self._MOST_HEADER_BYTES)
        if (text := self._text_bytes(header)) is None:
            return None
        has_checksum = self._zstandard.get_frame_parameters(header).has_checksum
        end = start + self._zstandard.frame_header_size(header)
        is_last = False
        while not is_last:  # of its blocks, each of which begins with its size
            block = read_at(end, 3)
            number = int.from_bytes(block, "little")
            is_last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
            if len(block) < 3 or kind == self._RESERVED:
                return None
            end += 3 + (1 if kind == self._RLE else size)
        end += self._CHECKSUM_BYTES if has_checksum else 0
        return end - start, text

    def begins(self, data: bytes) -> bool:
        magic = self._zstandard.FRAME_HEADER
        if len(data) < self._MOST_HEADER_BYTES or not data.startswith(magic):
            return bool(data[: len(magic)] == magic[: len(data)])
        return self._text_bytes(data) is not None

    def _text_bytes(self, header: bytes) -> int | None:
        """Return how much text a frame holds, `None` where its header does not tell."""
        known = self._zstandard
        try:
            size: int = known.get_frame_parameters(header).content_size
        except known.ZstdError:
            return None
        return None if size in (known.CONTENTSIZE_UNKNOWN, known.CONTENTSIZE_ERROR) else size

    def unpacked(self, frame: bytes) -> bytes:
        try:
            return cast(bytes, self._decompressor.decompress(frame))
        except self._zstandard.ZstdError as error:
            raise DamagedFrameError(f"its compressed data is damaged: {error}") from error


def frame_format(compression: str) -> FrameFormat:
    """Return the format whose suffix is `compression`; raises `UsageError` without its package."""
    return _Zstandard() if compression == ".zst" else _Gzip()


class UnpackedFrames(io.RawIOBase):
    """The text of a file of frames, up to the last whole one, as a file that can be read."""

    def __init__(self, file: BinaryIO, form: FrameFormat) -> None:
        self._file = file
        self._form = form
        self._at = 0
        self._frame_number, self._frame = -1, b""
        self.starts = array("Q", [0])
        """Where each frame begins in the file, and at last where the last whole one ends."""
        self.text_starts = array("Q", [0])
        """The same in the text."""
        self.file_bytes = file.seek(0, io.SEEK_END)
        while sizes := form.sizes(self._read_at, self.starts[-1]):
            end = self.starts[-1] + sizes[0]
            if end > self.file_bytes:
                break
            self.starts.append(end)
            self.text_starts.append(self.text_starts[-1] + sizes[1])

    @property
    def size(self) -> int:
        return self.text_starts[-1]

    def is_torn(self) -> bool:
        """Tell whether what follows the last whole frame, if anything, may be a part of one."""
        rest = self._read_at(self.starts[-1], 64)
        return not any(rest) or self._form.begins(rest)

    def _read_at(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

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
        number = bisect_right(self.text_starts, self._at) - 1
        if number != self._frame_number:
            start, end = self.starts[number], self.starts[number + 1]
            self._frame = self._form.unpacked(self._read_at(start, end - start))
            self._frame_number = number
            if len(self._frame) != self.text_starts[number + 1] - self.text_starts[number]:
                self._frame_number = -1
                raise DamagedFrameError("its compressed data is damaged: a size is wrong")
        part = self._frame[self._at - self.text_starts[number] :][: len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()
