"""Unpickles what comes back from workers, in a thread that nobody may have to wait for.

A module that calls this library while it is imported waits for its results, in which its own
classes may be. Python would have the thread that unpickles them wait until the import has ended.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

__all__ = ["found_in", "loads"]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        """Return what the module has by now where it is being imported."""
        if _is_importing(module):
            return found_in(module, name)
        return super().find_class(module, name)


class _Bytes:
    """A file to unpickle from; `BytesIO` would copy the bytes first, and there may be many."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._left = memoryview(data)

    def read(self, size: int) -> bytes:
        read, self._left = self._left[:size].tobytes(), self._left[size:]
        return read

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def readline(self) -> bytes:
        """Return a line, of which only pickles of protocol 0 are made."""
        line, _, _ = self._left.tobytes().partition(b"\n")
        return self.read(len(line) + 1)


def loads(data: bytes | bytearray, buffers: Iterable[Any] = ()) -> Any:
    """Return what was pickled, `buffers` being its arrays; raises what unpickling raises."""
    return _Unpickler(_Bytes(data), buffers=buffers).load()


def found_in(module: str, qualname: str) -> Any:
    """Return what a module has under a name; raises `AttributeError`, and what its import does."""
    found: Any = sys.modules[module] if _is_importing(module) else import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _is_importing(module: str) -> bool:
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))
