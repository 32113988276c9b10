"""Records of a source that are compared with what the journal knows, one stretch after another.

Where the source can, they are compared as blocks of bytes, and none of them is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from batchmap.checkpoint.identity import Identity
from batchmap.row_blocks import RowBlock
from batchmap.sources import InputRecord, Source, reader_of_blocks
from batchmap.stopping import StopRequest

__all__ = ["ComparedRecords"]

_STRETCH = 1000
"""Records that are read at once, at most, where they come one by one."""

_Stretch = Sequence[InputRecord] | RowBlock


class ComparedRecords:
    """The records of `source`, at most `limit`; none come once `stop` is requested."""

    def __init__(
        self, source: Source, identity: Identity, *, limit: int | None, stop: StopRequest
    ) -> None:
        self._identity = identity
        self._wants_blocks = _Switch()
        in_blocks = reader_of_blocks(source) if identity.is_digest else None
        self._stretches = _until(
            stop,
            _one_by_one(source.records(), limit)
            if in_blocks is None
            else _up_to(limit, _in_blocks(in_blocks(self._wants_blocks))),
        )
        self._stretch: _Stretch = ()
        self._entries = b""
        """The entries of the stretch, where that is a block."""
        self._offset = 0
        """How many records of the stretch were compared, and are the same."""

    def compare(self, known: bytes, number: int) -> int:
        """Return how many of the next `number` records are what the entries `known` say.

        The first one that is not, and all after it, are left.
        """
        same, size = 0, len(known) // number
        while same < number and self._is_left():
            start = self._offset
            some = min(number - same, len(self._stretch) - start)
            expected = known[same * size : (same + some) * size]
            if isinstance(self._stretch, RowBlock):
                found = self._entries[start * size : (start + some) * size]
                equal = _equal(found, expected, size)
            else:
                equal = self._identity.same(self._stretch[start : start + some], expected)
            same += equal
            self._offset += equal
            if equal < some:
                break
        return same

    def last_position(self) -> int:
        """Return the source's own number for the last record that was the same."""
        if isinstance(self._stretch, RowBlock):
            return self._stretch.position(self._offset - 1)
        return self._stretch[self._offset - 1][2]

    def rest(self) -> Iterator[InputRecord]:
        """Yield the records that are left."""
        self._wants_blocks.is_on = False
        while self._is_left():
            left = self._stretch[self._offset :]
            self._stretch, self._offset = (), 0
            yield from left.records() if isinstance(left, RowBlock) else left

    def _is_left(self) -> bool:
        """Tell whether a record is left; read on where one is needed."""
        if self._offset == len(self._stretch):
            self._stretch, self._offset = next(self._stretches, ()), 0
            if isinstance(self._stretch, RowBlock):
                self._entries = self._stretch.entries()
        return len(self._stretch) > 0


class _Switch:
    """Tells whether blocks are wanted; no method, so that no cycle keeps the input open."""

    is_on = True

    def __call__(self) -> bool:
        return self.is_on


def _one_by_one(records: Iterator[InputRecord], limit: int | None) -> Iterator[_Stretch]:
    records = islice(records, limit)
    while some := list(islice(records, _STRETCH)):
        yield some


def _in_blocks(pieces: Iterator[InputRecord | RowBlock | None]) -> Iterator[_Stretch]:
    some: list[InputRecord] = []
    for piece in pieces:
        is_block = isinstance(piece, RowBlock)
        if some and (is_block or len(some) == _STRETCH):
            yield some
            some = []
        if isinstance(piece, RowBlock):
            yield piece
        elif piece is not None:
            some.append(piece)
    if some:
        yield some


def _up_to(limit: int | None, stretches: Iterator[_Stretch]) -> Iterator[_Stretch]:
    left = limit
    while left != 0 and (stretch := next(stretches, ())):
        if left is not None:
            stretch = stretch[:left]
            left -= len(stretch)
        yield stretch


def _until(stop: StopRequest, stretches: Iterator[_Stretch]) -> Iterator[_Stretch]:
    while not stop.requested and (stretch := next(stretches, ())):
        yield stretch


def _equal(found: bytes, expected: bytes, size: int) -> int:
    """Return how many entries of `size` bytes are equal, from the first one on."""
    if found == expected:
        return len(found) // size
    starts = range(0, len(found), size)
    return next(at // size for at in starts if found[at : at + size] != expected[at : at + size])
