"""Text that grows at its end: the promise, and the file of this machine that keeps it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from batchmap.errors import OutputError
from batchmap.sinks.output_errors import changed_meanwhile, output_errors, real_path
from batchmap.storage import Location, sync_directory
from batchmap.text import printable

__all__ = ["AppendedFile", "GrowingText"]

_BUFFER_BYTES = 256 << 10

_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has the latter only


class GrowingText(Protocol):
    """Text that grows at its end alone and can be cut back.

    The methods that `Sink` has, too, promise the same here.
    """

    path: Location
    """As it is called in messages."""
    end: int
    """Its length in bytes, with what is still in memory."""
    commit_every_s: float
    commit_soonest_s: float

    def start(self, end: int) -> int: ...

    def append(self, text: str) -> int: ...

    def sync(self) -> int: ...

    def rollback(self) -> int: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...

    def head(self) -> BinaryIO:
        """Open it to read how it begins."""
        ...


class AppendedFile:
    """A file of this machine that grows at its end alone and may be cut back."""

    commit_every_s = 0.5
    commit_soonest_s = 0.0

    def __init__(self, path: Path) -> None:
        self.path: Location = path
        self.end = 0
        self._handle: int | None = None
        self._buffer = bytearray()
        self._real = real_path(path)
        self._absolute = path.absolute()

    def start(self, end: int) -> int:
        self.close()
        with output_errors(self.path):
            self._open()
            handle = self._opened_handle()
            size = os.fstat(handle).st_size
            if size > end:
                os.ftruncate(handle, end)
            self.end = min(size, end)
        return self.end

    def append(self, text: str) -> int:
        data = text.encode()
        self._buffer += data
        self.end += len(data)
        if len(self._buffer) > _BUFFER_BYTES:
            self._flush()
        return self.end

    def sync(self) -> int:
        self._flush()
        with output_errors(self.path):
            _sync_data(self._opened_handle())
            self._check_path()
        return self.end

    def rollback(self) -> int:
        self.end -= len(self._buffer)
        self._buffer.clear()
        with output_errors(self.path):
            self._check_path()  # what somebody else put there must not be cut
        return self.end

    def finish(self) -> None:
        """Do nothing: the file is complete after each `sync`."""

    def close(self) -> None:
        self._buffer.clear()
        if self._handle is not None:
            with suppress(OSError):  # all that matters was synced
                os.close(self._handle)
            self._handle = None

    def head(self) -> BinaryIO:
        """Open the file a second time, to read how it begins."""
        return self._real.open("rb")

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        if self._real.exists() and not (self._real.is_file() or self._real.is_dir()):
            raise OutputError(
                f"{printable(str(self.path))}: not a regular file, so it cannot be cut back; "
                "name another, or - for standard output"
            )
        try:
            self._handle = os.open(self._real, flags)
        except FileNotFoundError:
            self._handle = os.open(self._real, flags | os.O_CREAT, 0o666)
            sync_directory(self._real.parent)

    def _opened_handle(self) -> int:
        assert self._handle is not None, "the sink was not started"
        return self._handle

    def _flush(self) -> None:
        handle = self._opened_handle()
        buffered = self._buffer
        with output_errors(self.path):
            # Appending to a file that was emptied meanwhile could make it as long as it ought to
            # be, and a resumed run would then trust what it holds.
            if os.fstat(handle).st_size != self.end - len(buffered):
                raise changed_meanwhile(self.path, "changed by somebody else")
            while buffered:
                written = os.write(handle, buffered)
                del buffered[:written]

    def _check_path(self) -> None:
        """Raise `OutputError` unless the path still leads to this file, as it was written."""
        opened = os.fstat(self._opened_handle())
        try:
            found = self._absolute.stat()
        except FileNotFoundError:
            raise changed_meanwhile(self.path, "removed") from None
        if not os.path.samestat(found, opened):
            raise changed_meanwhile(self.path, "replaced")
        if opened.st_size != self.end:
            raise changed_meanwhile(self.path, "changed by somebody else")
