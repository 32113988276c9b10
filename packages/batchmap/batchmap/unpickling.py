"""Unpickles what comes back from workers, in a thread that nobody may have to wait for.

A module that calls this library while it is imported waits for its results, in which its own
classes may be. Python would have the thread that unpickles them wait until the import has ended.
"""

from __future__ import annotations

import io
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


def loads(data: bytes | bytearray, buffers: Iterable[Any] = ()) -> Any:
    """Return what was pickled, `buffers` being its arrays; raises what unpickling raises."""
    return _Unpickler(io.BytesIO(data), buffers=buffers).load()


def found_in(module: str, qualname: str) -> Any:
    """Return what a module has under a name; raises `AttributeError`, and what its import does."""
    found: Any = sys.modules[module] if _is_importing(module) else import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _is_importing(module: str) -> bool:
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))
