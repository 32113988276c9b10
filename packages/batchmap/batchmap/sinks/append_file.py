"""Files that are written durably: appended to, or replaced whole."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from batchmap.errors import OutputError
from batchmap.storage import Location
from batchmap.text import printable

__all__ = [
    "DRAFT_PREFIX",
    "AppendedFile",
    "GrowingText",
    "changed_meanwhile",
    "draft_of",
    "draft_path",
    "output_errors",
    "real_path",
    "sync_directory",
]

DRAFT_PREFIX = ".draft-"
_GATHERED_BYTES = 256 << 10
_AGAIN = "run the same command with --resume"
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}

_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has the latter only


class GrowingText(Protocol):
    """Text that grows at its end alone and may be cut back: the promise of `Sink`, for bytes."""

    path: Location
    """How to call it in messages."""
    end: int
    commit_every_s: float
    commit_soonest_s: float

    def start(self, end: int) -> int: ...

    def append(self, text: str) -> int: ...

    def sync(self) -> int: ...

    def rollback(self) -> int: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...

    def head(self) -> BinaryIO:
        """Return something to read from how it begins."""
        ...


class AppendedFile:
    """A file that grows at its end alone and may be cut back.

    `end` counts what is still in memory too.
    """

    commit_every_s = 0.5
    commit_soonest_s = 0.0

    def __init__(self, path: Path) -> None:
        self.path: Location = path
        self.end = 0
        self._handle: int | None = None
        self._gathered = bytearray()
        self._real = real_path(path)
        self._named = path.absolute()

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
        self._gathered += data
        self.end += len(data)
        if len(self._gathered) > _GATHERED_BYTES:
            self._flush()
        return self.end

    def sync(self) -> int:
        self._flush()
        with output_errors(self.path):
            _sync_data(self._opened_handle())
            self._check_named()
        return self.end

    def rollback(self) -> int:
        self.end -= len(self._gathered)
        self._gathered.clear()
        with output_errors(self.path):
            self._check_named()  # what somebody else put there is not ours to cut
        return self.end

    def finish(self) -> None:
        """Do nothing: the file is complete after each `sync`."""

    def close(self) -> None:
        self._gathered.clear()
        if self._handle is not None:
            with suppress(OSError):  # all that matters was synced, and nothing more can be done
                os.close(self._handle)
            self._handle = None

    def head(self) -> BinaryIO:
        """Return a second opening of the file, to read how it begins."""
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
        gathered = self._gathered
        with output_errors(self.path):
            # Appending to a file that was emptied meanwhile could make it as long as it ought to
            # be, and a resumed run would take what it holds for good.
            if os.fstat(handle).st_size != self.end - len(gathered):
                raise changed_meanwhile(self.path, "changed by somebody else")
            while gathered:
                written = os.write(handle, gathered)
                del gathered[:written]

    def _check_named(self) -> None:
        ours = os.fstat(self._opened_handle())
        try:
            named = self._named.stat()
        except FileNotFoundError:
            raise changed_meanwhile(self.path, "removed") from None
        if not os.path.samestat(named, ours):
            raise changed_meanwhile(self.path, "replaced")
        if ours.st_size != self.end:
            raise changed_meanwhile(self.path, "changed by somebody else")


def draft_path(target: Path, directory: Path) -> Path:
    """Return the name of the draft in `directory` that is to take the place of `target`."""
    return directory / f"{DRAFT_PREFIX}{target.name}"


@contextmanager
def draft_of(target: Path, directory: Path) -> Iterator[BinaryIO]:
    """Give a file in `directory` that takes the place of `target`, durably, if all goes well.

    Otherwise the draft is removed; one that a crash has left is taken away first. `directory` must
    be on the file system of `target`.
    """
    draft = draft_path(target, directory)
    draft.unlink(missing_ok=True)
    try:
        with draft.open("xb") as file:
            if target.exists():
                draft.chmod(stat.S_IMODE(target.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
        sync_directory(target.parent)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    if os.name == "nt":  # there a directory cannot be opened
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems know no such thing
            raise
    finally:
        os.close(handle)


def real_path(path: Path) -> Path:
    """Return `path` with all links followed; raises `OutputError` when that cannot be done."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:  # no current directory; a NUL in the name
        why = getattr(error, "strerror", None) or error
        raise OutputError(f"{printable(str(path))}: {why}; name another file") from error


@contextmanager
def output_errors(path: Location) -> Iterator[None]:
    """Turn an `OSError` inside into an `OutputError` with the way out."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{printable(str(path))}: {_told(error)}") from error


def changed_meanwhile(path: Location, what: str) -> OutputError:
    return OutputError(
        f"{printable(str(path))}: {what} while it was written; "
        f"leave it alone and {_AGAIN}, which does again what is lost"
    )


def _told(error: OSError) -> str:
    number = error.errno
    if number in _FULL:
        return f"disk full; make room and {_AGAIN}"
    why = os.strerror(number) if number else printable(str(error)) or type(error).__name__
    if number == errno.EFBIG:
        return f"cannot be written ({why}); raise the limit (ulimit -f) and {_AGAIN}"
    if number == errno.EISDIR:
        return "that is a directory; name a file in it"
    if number in _FORBIDDEN:
        return f"cannot be written ({why}); name a file that you may write"
    if number in (errno.ENOENT, errno.ENOTDIR):
        return f"cannot be written ({why}); check the path"
    return f"cannot be written ({why}); mend that and {_AGAIN}"
