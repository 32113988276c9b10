"""How many rows of the output each item has, as a journal holds it."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable

__all__ = ["ONE_EACH", "counts_of", "is_for", "packed_counts", "part_of_counts", "total_rows"]

ONE_EACH = b""
"""Of items that have one row each."""

_BYTES = 4


def packed_counts(counts: Iterable[int]) -> bytes:
    """Return the numbers of rows of some items as bytes, `ONE_EACH` where each has one."""
    found = array("I", counts)
    if found.count(1) == len(found):
        return ONE_EACH
    if sys.byteorder == "big":
        found.byteswap()
    return found.tobytes()


def counts_of(packed: bytes, number: int) -> Iterable[int]:
    """Return the numbers of rows of `number` items."""
    if packed == ONE_EACH:
        return (1,) * number
    found = array("I")
    found.frombytes(packed)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def part_of_counts(packed: bytes, start: int, end: int) -> bytes:
    """Return what `packed` says of the items at the offsets from `start` up to `end`."""
    return packed[start * _BYTES : end * _BYTES]


def total_rows(packed: bytes, number: int) -> int:
    """Return how many rows `number` items have together."""
    return number if packed == ONE_EACH else sum(counts_of(packed, number))


def is_for(packed: bytes, number: int) -> bool:
    """Tell whether `packed` can be about so many items."""
    return packed == ONE_EACH or len(packed) == number * _BYTES
