"""A text that a process hands to its parent at any time; it is whole also where it is killed."""

from __future__ import annotations

import mmap

__all__ = ["SharedText"]

MAX_BYTES = 1 << 17
"""How long a text may be."""

_LENGTH_BYTES = 4


class SharedText:
    """The text that this process, or one that it has forked, has set last.

    It is in memory that the processes share, without a file or a descriptor, which a function of
    the user's might close. Of two places, the one is written while the other one counts.
    """

    def __init__(self) -> None:
        self._place_bytes = _LENGTH_BYTES + MAX_BYTES
        self._memory = mmap.mmap(-1, 1 + 2 * self._place_bytes)

    def set(self, text: str) -> None:
        """Replace the text; raises `ValueError` for one that is too long."""
        data = text.encode()
        if len(data) > MAX_BYTES:
            raise ValueError(f"{len(data):,} bytes are more than {MAX_BYTES:,}")
        place = 1 - self._memory[0]
        start = self._start(place)
        self._memory[start : start + _LENGTH_BYTES] = len(data).to_bytes(_LENGTH_BYTES)
        self._memory[start + _LENGTH_BYTES : start + _LENGTH_BYTES + len(data)] = data
        self._memory[0] = place

    def get(self) -> str:
        """Return the text, empty where none was set."""
        start = self._start(self._memory[0])
        length = int.from_bytes(self._memory[start : start + _LENGTH_BYTES])
        return self._memory[start + _LENGTH_BYTES : start + _LENGTH_BYTES + length].decode()

    def _start(self, place: int) -> int:
        return 1 + place * self._place_bytes
