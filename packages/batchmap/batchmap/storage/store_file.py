"""A file of a store, open to be read: a part that does not come is asked for again."""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from batchmap.storage.store_errors import store_errors

__all__ = ["RetryingFile", "comes_in_parts"]

_PERMANENT = (FileNotFoundError, PermissionError, IsADirectoryError)
"""Errors that another request would only get again."""


class RetryingFile:
    """The file of an fsspec file system; a read that fails is repeated after each of `waits_s`.

    `waits_s` is empty for a file that the store sends in one piece, which cannot be repeated.
    """

    def __init__(self, file: Any, waits_s: Sequence[float]) -> None:
        self._file = file
        self._waits_s = waits_s
        buffered = import_module("fsspec.spec").AbstractBufferedFile
        self._size_bytes = file.size if waits_s and isinstance(file, buffered) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes; raises `OSError` when they do not come."""
        for wait_s in self._waits_s:
            try:
                return self._read(size)
            except _PERMANENT:
                raise
            except Exception as error:
                if getattr(error, "errno", None) == errno.EBUSY:  # it was changed meanwhile
                    raise
                time.sleep(wait_s)
        with store_errors():
            return self._read(size)

    def _read(self, size: int) -> bytes:
        data = bytes(self._file.read(size))
        if not data and size and self._size_bytes and self._file.tell() < self._size_bytes:
            raise OSError(f"it ended after {self._file.tell()} of {self._size_bytes} bytes")
        return data


def comes_in_parts(file: Any, size_bytes: int) -> bool:
    """Tell whether a web server sends any part of a file that is asked for."""
    try:
        file.seek(size_bytes - 1)
        has_last = len(file.read(1)) == 1  # nothing comes where a server refuses the part
        file.seek(0)
    except ValueError:
        return False
    return has_last
