"""The bytes of a file or of standard input, block by block, decompressed on the way."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import select
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from utils.errors import InputError
from utils.sources._source import one_line
from utils.sources._zstd import needed_zstandard, zstd_blocks

__all__ = ["COMPRESSIONS", "ByteInput"]

COMPRESSIONS = (".gz", ".zst")

_BLOCK_BYTES = 1 << 18
_LOOK_UP_S = 0.1
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ByteInput:
    """A file, or standard input where `path` is `None`, as blocks of bytes.

    A byte order mark at the start is left out. `name` is for messages; `compression` is one of
    `COMPRESSIONS` or empty. Standard input ends once `stopped` says so. A compression whose package
    is missing raises `UsageError` here.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        name: str,
        compression: str = "",
        stopped: Callable[[], bool] = bool,
    ) -> None:
        self.name = name
        self._path = path
        self._compression = compression
        self._stopped = stopped
        self._file: BinaryIO | None = None
        self._size_bytes = 0
        self._fraction: float | None = 0.0 if path is not None and path.is_file() else None
        if compression == ".zst":
            needed_zstandard()

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes as they come, in blocks of any size above 0.

        Raises `InputError` when they cannot be read to their end.
        """
        read = self._read_blocks()
        start = b""
        for block in read:
            start += block
            if len(start) >= len(_BYTE_ORDER_MARK) or not _BYTE_ORDER_MARK.startswith(start):
                break
        if start := start.removeprefix(_BYTE_ORDER_MARK):
            yield start
        yield from read

    def fraction(self) -> float | None:
        """Return the share of the file's bytes that the latest walk has read."""
        if self._file is not None and not self._file.closed and self._size_bytes:
            self._fraction = min(1.0, self._file.tell() / self._size_bytes)
        return self._fraction

    def _read_blocks(self) -> Iterator[bytes]:
        try:
            with self._opened() as file:
                read = {".gz": self._gzip, ".zst": self._zstd}.get(self._compression, _plain)
                yield from read(file)
                if self._fraction is not None:
                    self._file, self._fraction = None, 1.0
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damaged(error) from error
        except OSError as error:
            why = error.strerror or one_line(error)
            raise InputError(f"{self.name}: cannot be read ({why})") from error

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        if self._path is None:
            yield _standard_input(self._stopped)
            return
        # A buffer would hold back the lines of a pipe until it is full.
        with self._path.open("rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            regular = stat.S_ISREG(state.st_mode)
            self._size_bytes = state.st_size if regular else 0
            self._fraction = 0.0 if regular else None
            self._file = file
            try:
                yield file
            finally:
                if self._file is file:  # not that of a later walk
                    self.fraction()
                    self._file = None

    def _gzip(self, file: BinaryIO) -> Iterator[bytes]:
        with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
            yield from iter(lambda: unpacked.read1(_BLOCK_BYTES), b"")

    def _zstd(self, file: BinaryIO) -> Iterator[bytes]:
        try:
            yield from zstd_blocks(file.read)
        except needed_zstandard().ZstdError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> InputError:
        if isinstance(error, EOFError):
            told = "the compressed data ends too early; copy the file again, whole"
        elif "Not a gzipped" in str(error):
            told = f"is not gzip-compressed ({one_line(error)}); rename it without .gz"
        else:
            told = f"is not {self._compression}, or damaged ({one_line(error)}); copy it again"
        return InputError(f"{self.name}: {told}")


def _plain(file: BinaryIO) -> Iterator[bytes]:
    # Both return what is there without waiting for more.
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return iter(lambda: read(_BLOCK_BYTES), b"")


class _Stoppable(io.RawIOBase):
    """A descriptor whose reader looks around while it waits."""

    def __init__(self, descriptor: int, stopped: Callable[[], bool]) -> None:
        self._descriptor = descriptor
        self._stopped = stopped

    def readinto(self, buffer: Any) -> int:
        """Read what is there as soon as there is any; nothing at the end, or when it is to stop."""
        while not self._stopped():
            if select.select([self._descriptor], [], [], _LOOK_UP_S)[0]:
                return os.readv(self._descriptor, [buffer])
        return 0


def _standard_input(stopped: Callable[[], bool]) -> BinaryIO:
    if sys.stdin is None:
        raise InputError("standard input: it is closed; name a file instead of -")
    stream = sys.stdin.buffer
    # Else a moment without data would look like the end.
    with contextlib.suppress(OSError):
        os.set_blocking(stream.fileno(), True)
    if sys.platform != "win32" and _has_descriptor(stream):  # there, for sockets alone
        return cast(BinaryIO, _Stoppable(stream.fileno(), stopped))
    return stream


def _has_descriptor(stream: BinaryIO) -> bool:
    try:
        stream.fileno()
    except OSError:
        return False
    return True
