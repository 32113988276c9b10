"""Where the bytes of an input come from: a local file, a store, or standard input."""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from batchmap.errors import InputError
from batchmap.sources.base import state_of_file
from batchmap.storage import Store, StoreUrl, why_failed

__all__ = ["ByteSource", "LocalFile", "StandardInput", "StoreFile", "is_stored"]

_POLL_S = 0.1
"""How often it is checked, while standard input is waited for, whether to stop."""

Opened = tuple[BinaryIO, int | None]
"""A file to read bytes from, and how many it holds where that is known."""


class ByteSource(Protocol):
    """Something that bytes are read from, from front to back."""

    name: str
    """As it is called in messages."""
    paths: tuple[Path, ...]
    """The regular file that it is, if any."""
    repeatable: bool
    """Whether it can be opened more than once."""
    size_bytes: int | None
    may_unpack: bool
    """Whether a compressed file may arrive decompressed, as from some web servers."""

    def opened(self) -> AbstractContextManager[Opened]:
        """Open it, from its start; raises `InputError` or `OSError` where it cannot be read."""
        ...

    def state(self) -> object:
        """Return a value that changes when the bytes do, `None` where that cannot be known."""
        ...


class LocalFile:
    """A file of this machine; if it is no regular one, such as a pipe, it is read once only."""

    may_unpack = False

    def __init__(self, path: Path, *, name: str) -> None:
        self.name = name
        self.repeatable = path.is_file()
        self._path = path.absolute()  # the function may change the current directory
        self.paths: tuple[Path, ...] = (self._path,) if self.repeatable else ()
        self.size_bytes = path.stat().st_size if self.repeatable else None

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        # A buffer would hold back the lines of a pipe until it is full.
        with self._path.open("rb", buffering=0) as file:
            state = os.fstat(file.fileno())
            yield file, state.st_size if stat.S_ISREG(state.st_mode) else None

    def state(self) -> object:
        return state_of_file(self._path) if self.repeatable else None


class StandardInput:
    """Standard input as it is now; it ends once `stopped` says so.

    What becomes of file descriptor 0 and of `sys.stdin` later, as by the user's function, is none
    of its business.
    """

    name = "standard input"
    paths: tuple[Path, ...] = ()
    repeatable = False
    may_unpack = False
    size_bytes: int | None = None

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._stream = None if sys.stdin is None else sys.stdin.buffer
        self._descriptor: int | None = None
        if sys.platform != "win32":  # where `select` takes sockets only
            with contextlib.suppress(OSError, AttributeError):  # a stream of Python's alone
                self._descriptor = os.dup(cast(BinaryIO, self._stream).fileno())

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        if self._stream is None:
            raise InputError("standard input: it is closed; name a file instead of -")
        if self._descriptor is None:
            yield self._stream, None
            return
        # Otherwise a moment without data would look like the end.
        with contextlib.suppress(OSError):
            os.set_blocking(self._descriptor, True)
        yield cast(BinaryIO, _Stoppable(self._descriptor, self._stopped)), None

    def state(self) -> object:
        return None


class StoreFile:
    """A file of a store; raises `InputError` where it cannot be read."""

    paths: tuple[Path, ...] = ()
    repeatable = True

    def __init__(self, url: StoreUrl) -> None:
        self.name = str(url)
        try:
            self._store = Store(url)
            info = self._store.info(self._store.path)
        except FileNotFoundError:
            raise InputError(f"{url}: there is no such file; check the URL") from None
        except OSError as error:
            raise InputError(f"{url}: cannot be read ({why_failed(error)})") from error
        if info.get("type") == "directory":
            raise InputError(
                f"{url}: that is a directory; name a file in it, or a quoted pattern such as "
                f"'{str(url).rstrip('/')}/*'",
                advice="{rows} takes the rows of all files in it",
            )
        self.size_bytes: int | None = info.get("size")
        self.may_unpack = url.is_of_the_web

    def version(self) -> str:
        """Return what the store says of its version now, as of the files of a pattern."""
        return self._store.version(self._store.path)

    @contextmanager
    def opened(self) -> Iterator[Opened]:
        with self._store.opened(self._store.path) as file:
            yield file, self.size_bytes or None

    def state(self) -> object:
        try:
            return self._store.state(self._store.path)
        except OSError as error:
            return type(error)


def is_stored(url: StoreUrl) -> bool:
    """Tell whether there is a file of exactly that URL; `False` where the store does not answer."""
    try:
        store = Store(url)
        return store.size_bytes(store.path) is not None
    except OSError:
        return False


class _Stoppable(io.RawIOBase):
    """A descriptor that is read until its end, or until `stopped` says so."""

    def __init__(self, descriptor: int, stopped: Callable[[], bool]) -> None:
        self._descriptor = descriptor
        self._stopped = stopped

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes and read those there are; none at the end, or once it is to stop."""
        while not self._stopped():
            if select.select([self._descriptor], [], [], _POLL_S)[0]:
                return os.readv(self._descriptor, [buffer])
        return 0
