"""Reads the bytes of a byte source in blocks, and decompresses them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO

from batchmap.errors import InputError
from batchmap.sources.base import one_line
from batchmap.sources.opening.byte_sources import ByteSource
from batchmap.sources.opening.decompressors import COMPRESSIONS, DECOMPRESSORS, DamagedError
from batchmap.sources.opening.file_kinds import FileKind, is_cut_off, kind_of, may_become_known
from batchmap.sources.opening.zstd import require_zstandard

__all__ = ["COMPRESSIONS", "ByteInput"]

_BLOCK_BYTES = 1 << 18

_logger = logging.getLogger("input")


class ByteInput:
    """The content of a byte source, decompressed, in blocks.

    `compression` is the one of `COMPRESSIONS` that the name tells, or empty; which one it is, the
    bytes tell. Raises `UsageError` when the package for it is missing.
    """

    def __init__(self, byte_source: ByteSource, *, compression: str = "") -> None:
        self._byte_source = byte_source
        self._compression = compression
        self._file: BinaryIO | None = None
        self._size_bytes: int | None = None
        self._fraction: float | None = 0.0 if byte_source.repeatable else None
        self._has_warned = False
        self._is_compressed = bool(compression)
        if compression == ".zst":
            require_zstandard()

    def blocks(self) -> Generator[bytes, None, None]:
        """Yield the bytes as they come, in blocks of any size above 0.

        Raises `InputError` when they cannot be read to their end, and for those of a file that is
        of another kind than a stream of records.
        """
        read = self._read_blocks()
        start = b""
        for block in read:
            start += block
            if not may_become_known(start):
                break
        if (kind := kind_of(start)) is not None:
            read.close()
            raise self._refused(kind)
        if start:
            yield start
        yield from read

    def fraction(self) -> float | None:
        """Return the share of the file's bytes that has been read, the last time if several."""
        if self._file is not None and not self._file.closed and self._size_bytes:
            self._fraction = min(1.0, self._file.tell() / self._size_bytes)
        return self._fraction

    def _read_blocks(self) -> Generator[bytes, None, None]:
        try:
            with self._byte_source.opened() as (file, size_bytes):
                self._file, self._size_bytes = file, size_bytes
                self._fraction = None if size_bytes is None else 0.0
                try:
                    yield from self._unpacked(file)
                    self._fraction = None if size_bytes is None else 1.0
                    self._file = None
                finally:
                    if self._file is file:  # and not one that was opened since
                        self.fraction()
                        self._file = None
        except EOFError as error:
            raise self._cut_off() from error
        except MemoryError as error:
            raise InputError(
                f"{self._byte_source.name}: decompressing it takes more memory than there is; "
                "decompress it first, elsewhere"
            ) from error
        except OSError as error:
            why = error.strerror or one_line(error) or type(error).__name__
            raise InputError(f"{self._byte_source.name}: cannot be read ({why})") from error

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        # Both return what is there without waiting for more.
        read: Callable[[int], bytes] = getattr(file, "read1", file.read)
        start = read(_BLOCK_BYTES)
        while may_become_known(start) and (more := read(_BLOCK_BYTES)):
            start += more
        kind = kind_of(start)
        compression = "" if kind is None else kind.compression
        self._is_compressed = bool(compression)
        if not compression and self._compression and not self._byte_source.may_unpack:
            raise self._not_compressed(start)
        if not compression:
            if start:
                yield start
            yield from iter(lambda: read(_BLOCK_BYTES), b"")
            return
        try:
            yield from DECOMPRESSORS[compression](_WithStart(start, read).read, self._warn)
        except DamagedError as error:
            raise InputError(
                f"{self._byte_source.name}: is damaged {compression} ({one_line(error)}); "
                "copy it again"
            ) from error

    def _not_compressed(self, start: bytes) -> InputError:
        name, suffix = self._byte_source.name, self._compression
        if not start:
            return InputError(f"{name}: is empty, and no {suffix} file is; copy it again, whole")
        if is_cut_off(start, suffix):
            return self._cut_off()
        if kind := kind_of(start):
            return InputError(f"{name}: is {kind.noun}, and not {suffix}; rename it")
        return InputError(f"{name}: is not {suffix}-compressed; rename it without {suffix}")

    def _cut_off(self) -> InputError:
        return InputError(
            f"{self._byte_source.name}: the compressed data ends too early; copy the file again, "
            "whole"
        )

    def _refused(self, kind: FileKind) -> InputError:
        """Return the error for content of a kind that is no stream of records."""
        noun, advice = kind.noun, kind.advice
        if self._is_compressed:
            noun = "compressed more than once" if kind.compression else f"{noun}, compressed"
        if self._is_compressed:
            advice = advice or "decompress it first"
        elif kind.input_format == "parquet" and self._byte_source.repeatable:
            advice = "give {input_format:parquet}"
        elif kind.input_format:
            advice = "save it to a file, and name that"
        problem = "which is not read" if kind.advice else "which is not read like this"
        return InputError(f"{self._byte_source.name}: is {noun}, {problem}", advice=advice)

    def _warn(self, what: str) -> None:
        if not self._has_warned:  # an input may be read more than once
            self._has_warned = True
            _logger.warning("%s: behind the compressed data, %s", self._byte_source.name, what)


class _WithStart:
    """Bytes of which the first ones have been read already."""

    def __init__(self, start: bytes, read: Callable[[int], bytes]) -> None:
        self._start = start
        self._read = read

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, none at the end."""
        if not self._start:
            return self._read(size)
        data, self._start = self._start[:size], self._start[size:]
        return data
