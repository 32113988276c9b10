"""Text that grows at its end: the promise, and the file of this machine that keeps it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Protocol

from batchmap.errors import OutputError, OutputHeldError
from batchmap.sinks.base import NoteDigest, Stretch, no_note, output_digest
from batchmap.sinks.output_errors import (
    changed_meanwhile,
    not_what_was_written,
    output_errors,
    real_path,
)
from batchmap.storage import Location, create_new, sync_directory
from batchmap.storage.file_lock import lock_file
from batchmap.text import printable

__all__ = ["AppendedFile", "GrowingText", "hash_of", "joined_text"]

_BUFFER_BYTES = 256 << 10

_READ_BYTES = 1 << 20

_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has the latter only


class Readable(Protocol):
    """What gives bytes, some at a time."""

    def read(self, size: int, /) -> bytes | None: ...


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
    takes_each: bool
    """Whether each result must be a piece of its own, as it may be where a file ends."""
    digest: bytes | None

    def check(self, stretches: Iterable[Stretch]) -> None: ...

    def start(self, end: int) -> int: ...

    def append(self, pieces: Sequence[str], header: str = "") -> int:
        """Append pieces, perhaps in memory only; return where the text ends then.

        A file without text gets `header` before its first piece.
        """
        ...

    def sync(self) -> int: ...

    def rollback(self) -> int: ...

    def finish(self, note: NoteDigest = no_note) -> None: ...

    def close(self) -> None: ...

    def head(self) -> BinaryIO:
        """Open it to read how it begins."""
        ...

    def anew(self) -> GrowingText:
        """Return another one of the same path, for what has replaced it."""
        ...


class AppendedFile:
    """A file of this machine that grows at its end alone and may be cut back."""

    commit_every_s = 0.5
    commit_soonest_s = 0.0
    takes_each = False

    def __init__(self, path: Path) -> None:
        self.path: Location = path
        self._path_given = path
        self.end = 0
        self.digest: bytes | None = None
        self._handle: int | None = None
        self._identity = (0, 0)
        self._buffer = bytearray()
        self._stretch_start: int | None = None
        """Where the last good `sync` left the file; `None` before the first `start`."""
        self._stretch_hash = output_digest()
        """Of what was written since then."""
        self._is_suspect = False
        """Whether a `sync` failed, so that what was written since then may be lost."""
        self._real = real_path(path)
        self._absolute = path.absolute()

    def check(self, stretches: Iterable[Stretch]) -> None:
        start = 0
        with output_errors(self.path), suppress(FileNotFoundError), self._real.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            for end, digest in stretches:
                if end > size:
                    return
                if hash_of(file, end - start).digest() != digest:
                    raise not_what_was_written(self.path, start, end)
                start = end

    def start(self, end: int) -> int:
        before = self._stretch_start
        self.close()
        with output_errors(self.path):
            self._open()
            handle = self._opened_handle()
            self._lock(handle)
            size = os.fstat(handle).st_size
            if size > end:
                os.ftruncate(handle, end)
            self.end = min(size, end)
            self._stretch_start = self.end if before is None else min(before, self.end)
            with self._real.open("rb") as file:
                file.seek(self._stretch_start)
                self._stretch_hash = hash_of(file, self.end - self._stretch_start)
            self._lock(handle)
        self._is_suspect = False
        return self.end

    def append(self, pieces: Sequence[str], header: str = "") -> int:
        return self.append_bytes(joined_text(self.end, pieces, header))

    def append_bytes(self, data: bytes) -> int:
        """Append text that is encoded already, or data that is no text; return where it ends."""
        self._buffer += data
        self.end += len(data)
        if len(self._buffer) > _BUFFER_BYTES:
            self._flush()
        return self.end

    def sync(self) -> int:
        self._flush()
        with output_errors(self.path):
            if self._is_suspect:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self._is_suspect = True
            _sync_data(self._opened_handle())
            self._is_suspect = False
            self._check_path()
        self.digest = None
        if self.end != self._stretch_start:
            self.digest, self._stretch_hash = self._stretch_hash.digest(), output_digest()
            self._stretch_start = self.end
        return self.end

    def rollback(self) -> int:
        self.end -= len(self._buffer)
        self._buffer.clear()
        with output_errors(self.path):
            self._check_path()  # what somebody else put there must not be cut
        if self._is_suspect and self._stretch_start is not None:
            self.end = self._stretch_start
        return self.end

    def finish(self, note: NoteDigest = no_note) -> None:
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

    def anew(self) -> GrowingText:
        return AppendedFile(self._path_given)

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        if self._real.exists() and not (self._real.is_file() or self._real.is_dir()):
            raise OutputError(
                f"{printable(f'{self.path}')}: not a regular file, so it cannot be cut back; "
                "name another, or - for standard output"
            )
        try:
            self._handle = os.open(self._real, flags)
        except FileNotFoundError:
            os.close(create_new(self._real))
            sync_directory(self._real.parent)
            self._handle = os.open(self._real, flags)
        state = os.fstat(self._handle)
        self._identity = state.st_dev, state.st_ino

    def _lock(self, handle: int) -> None:
        """Keep out a run that writes the same file by another name, a hard link.

        Closing any descriptor of the file gives the lock up, so it is taken anew before each write.
        """
        if not lock_file(handle):
            raise OutputHeldError(
                f"another run holds {printable(f'{self.path}')}, perhaps by another name; "
                "wait for its end, or write elsewhere"
            )

    def _opened_handle(self) -> int:
        assert self._handle is not None, "the sink was not started"
        return self._handle

    def _flush(self) -> None:
        handle = self._opened_handle()
        buffered = self._buffer
        with output_errors(self.path):
            # Appending to a file that was emptied meanwhile could make it as long as it ought to
            # be, and a resumed run would then trust what it holds.
            state = os.fstat(handle)
            if (state.st_dev, state.st_ino) != self._identity:  # the function closes descriptors
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            self._lock(handle)
            if state.st_size != self.end - len(buffered):
                raise changed_meanwhile(self.path, "changed by somebody else")
            while buffered:
                written = os.write(handle, buffered)
                self._stretch_hash.update(memoryview(buffered)[:written])
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


def joined_text(end: int, pieces: Sequence[str], header: str) -> bytes:
    """Return the pieces as one text, after the header where the text before ends at 0."""
    text = "".join(pieces)
    return (header + text if text and end == 0 else text).encode()


def hash_of(file: Readable, size: int) -> blake2b:
    """Return the hash of the next `size` bytes of a file."""
    found = output_digest()
    while size and (data := file.read(min(size, _READ_BYTES))):
        found.update(data)
        size -= len(data)
    return found
