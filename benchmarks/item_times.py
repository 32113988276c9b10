"""Times of items by their own account: each writes to a file when it began and ended."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Noting", "noted_s"]

_NOTE = struct.Struct("dd")


class Noting:
    """A function that notes in a file when each call of another began and ended."""

    def __init__(self, function: Callable[[Any], Any], path: Path) -> None:
        self._function = function
        self._path = path

    def __call__(self, item: Any) -> Any:
        begun_s = time.perf_counter()
        result = self._function(item)
        note = _NOTE.pack(begun_s, time.perf_counter())
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, note)
        os.close(file)
        return result


def noted_s(path: Path, number: int) -> tuple[float, float]:
    """Return the seconds from first to last of the first so many items, and of the others."""
    notes = list(_NOTE.iter_unpack(path.read_bytes()))
    return _from_first_to_last(notes[:number]), _from_first_to_last(notes[number:])


def _from_first_to_last(notes: Sequence[tuple[float, float]]) -> float:
    return max(end_s for _, end_s in notes) - min(begun_s for begun_s, _ in notes)
