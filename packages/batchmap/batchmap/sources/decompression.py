"""Reads the bytes of a byte source in blocks, and decompresses them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import BinaryIO, cast

from batchmap.errors import InputError
from batchmap.sources.base import one_line
from batchmap.sources.byte_sources import ByteSource
from batchmap.sources.zstd import require_zstandard, zstd_blocks

__all__ = ["COMPRESSIONS", "ByteInput"]

COMPRESSIONS = (".gz", ".zst")

_BLOCK_BYTES = 1 << 18
_GZIP_MAGIC = b"\x1f\x8b"


class ByteInput:
    """The content of a byte source, decompressed, in blocks.

    `compression` is one of `COMPRESSIONS` or empty.
    Raises `UsageError` when the package for it is missing.
    """

    def __init__(self, byte_source: ByteSource, *, compression: str = "") -> None:
        self._byte_source = byte_source
        self._compression = compression
        self._file: BinaryIO | None = None
        self._size_bytes: int | None = None
        self._fraction: float | None = 0.0 if byte_source.repeatable else None
        if compression == ".zst":
            require_zstandard()

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes as they come, in blocks of any size above 0.

        Raises `InputError` when they cannot be read to their end.
        """
        return self._read_blocks()

    def fraction(self) -> float | None:
        """Return the share of the file's bytes that has been read, the last time if several."""
        if self._file is not None and not self._file.closed and self._size_bytes:
            self._fraction = min(1.0, self._file.tell() / self._size_bytes)
        return self._fraction

    def _read_blocks(self) -> Iterator[bytes]:
        read = {".gz": self._gzip, ".zst": self._zstd}.get(self._compression, _plain)
        try:
            with self._byte_source.opened() as (file, size_bytes):
                self._file, self._size_bytes = file, size_bytes
                self._fraction = None if size_bytes is None else 0.0
                try:
                    yield from read(file)
                    self._fraction = None if size_bytes is None else 1.0
                    self._file = None
                finally:
                    if self._file is file:  # and not one that was opened since
                        self.fraction()
                        self._file = None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damaged(error) from error
        except OSError as error:
            why = error.strerror or one_line(error) or type(error).__name__
            raise InputError(f"{self._byte_source.name}: cannot be read ({why})") from error

    def _gzip(self, file: BinaryIO) -> Iterator[bytes]:
        if self._byte_source.may_unpack:
            start = _start_of(file)
            if not start.startswith(_GZIP_MAGIC):
                yield from chain([start] if start else (), _plain(file))
                return
            file = cast(BinaryIO, _WithStart(start, file))
        with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
            yield from iter(lambda: unpacked.read1(_BLOCK_BYTES), b"")

    def _zstd(self, file: BinaryIO) -> Iterator[bytes]:
        try:
            yield from zstd_blocks(file.read)
        except require_zstandard().ZstdError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InputError:
        if isinstance(error, EOFError):
            problem = "the compressed data ends too early; copy the file again, whole"
        elif "Not a gzipped" in str(error):
            problem = f"is not gzip-compressed ({one_line(error)}); rename it without .gz"
        else:
            problem = f"is not {self._compression}, or damaged ({one_line(error)}); copy it again"
        return InputError(f"{self._byte_source.name}: {problem}")


def _start_of(file: BinaryIO) -> bytes:
    """Return the first bytes of a file, at least as many as gzip's mark has unless it ends."""
    start = b""
    while len(start) < len(_GZIP_MAGIC) and (more := file.read(_BLOCK_BYTES)):
        start += more
    return start


class _WithStart:
    """A file of which the start has been read already."""

    def __init__(self, start: bytes, file: BinaryIO) -> None:
        self._start = start
        self._file = file

    def read(self, size: int) -> bytes:
        """Return at most so many bytes."""
        if not self._start:
            return self._file.read(size)
        data, self._start = self._start[:size], self._start[size:]
        return data


def _plain(file: BinaryIO) -> Iterator[bytes]:
    # Both return what is there without waiting for more.
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return iter(lambda: read(_BLOCK_BYTES), b"")
