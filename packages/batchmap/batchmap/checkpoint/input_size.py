"""How many items an input has, and what share of it has been read."""

from __future__ import annotations

from batchmap.errors import BatchmapError
from batchmap.sources import Source

__all__ = ["InputSize"]

COUNTED_BYTES = 2**21
"""An input of so many bytes of records, at most, is counted before the run begins; of a larger one
the share that was read is known, and extrapolated once that many bytes were read."""

SAMPLE_RECORDS = 200
SAMPLE_BYTES = 2**20
"""How many records, and bytes of them, of a larger one are read in advance for a first guess."""

READ_AHEAD_BYTES = 2**18
"""How far the position in a file may be ahead of the records that were made of it."""


class InputSize:
    """The size of `source`: counted where it is small, else known by the share that was read.

    Reads a small input, or the start of a larger one. Raises `InputError` where already its first
    records cannot be read.
    """

    def __init__(self, source: Source, *, limit: int | None) -> None:
        self._source = source
        self._limit = limit
        self.counted = source.total
        """How many records there are; `None` where that is not known."""
        self._guessed: int | None = None
        is_remote = "://" in source.name
        if self.counted is None and source.repeatable and (source.size_bytes or not is_remote):
            self._count(is_remote=is_remote)
        if limit is not None and self.counted is not None:
            self.counted = min(limit, self.counted)

    def _count(self, *, is_remote: bool) -> None:
        source = self._source
        whole = source.size_bytes
        is_small = not is_remote if whole is None else whole <= COUNTED_BYTES and not is_remote
        number = size = 0
        try:
            for _, raw, _ in source.records():
                is_sampled = number == SAMPLE_RECORDS or size > SAMPLE_BYTES
                if size > COUNTED_BYTES or (is_sampled and not is_small):
                    self._guessed = whole and whole * number // size
                    return
                number += 1
                size += len(raw) + 1
        except BatchmapError:
            if not number:
                raise
            return  # what is before a fault is done first
        self.counted = number

    def expected(self, read: int) -> int | None:
        """Estimate how many records there are once `read` of them were; `None` when unknown."""
        if self.counted is not None:
            return self.counted
        size_bytes = self._source.size_bytes
        share = self._source.fraction() if size_bytes is not None else None
        guess = self._guessed
        if share and size_bytes and share * size_bytes >= COUNTED_BYTES:
            guess = round(read / share)
        if guess is None or self._limit is None:
            return guess
        return min(guess, self._limit)

    def share(self, read: int, read_bytes: int) -> float | None:
        """Return which share of the input `read` records are, from 0 to 1; `None` when unknown.

        `read_bytes` is how many bytes these records have, at least.
        """
        if self.counted is not None:
            return read / self.counted if self.counted else 1.0
        position = self._source.fraction()
        of_limit = 0.0 if self._limit is None else read / self._limit
        if position is None:
            return of_limit or None
        if size_bytes := self._source.size_bytes:
            # Blocks are read ahead; and between records there are more bytes than they have.
            least = max(read_bytes / size_bytes, position - READ_AHEAD_BYTES / size_bytes)
            position = min(position, least)
        return max(position, of_limit)
