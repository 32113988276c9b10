"""Finds out whether lines that a quote has joined are rows of their own, and the quote is text."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

__all__ = ["Joined", "how_joined", "look_like_rows"]

_ODD_LINES = 10
"""One line in so many may have another number of cells."""

_RARE_IN_TEXT = (b"\t", b"|")


class Joined(Enum):
    """What lines in quotes are."""

    TEXT = "text"
    DOUBTFUL = "doubtful"
    """Each has as many cells as a row, which text may have by chance."""
    ROWS = "rows"


def look_like_rows(lines: Sequence[bytes], delimiter: bytes, width: int) -> bool:
    """Tell whether lines that do not make one row, as a quote is wrong, are rows of their own."""
    if width < 2 or len(lines) < 2 or lines[0].count(delimiter) != width - 1:
        return False
    filled = [line for line in lines if line.strip(b"\r\n")]
    odd = sum(1 for line in filled if line.count(delimiter) != width - 1)
    return odd * _ODD_LINES <= len(filled)


def how_joined(lines: Sequence[bytes], delimiter: bytes, width: int) -> Joined:
    """Return what the lines of a row are that is whole as it stands.

    They are rows where each has the number of cells, and either the delimiter is none that text
    has, or a column has a number in each of them.
    """
    if width < 2 or any(line.count(delimiter) != width - 1 for line in lines):
        return Joined.TEXT
    if delimiter in _RARE_IN_TEXT:
        return Joined.ROWS
    columns = zip(*(line.strip(b"\r\n").split(delimiter) for line in lines), strict=True)
    has_numbers = any(all(map(_is_number, cells)) for cells in columns)
    return Joined.ROWS if has_numbers else Joined.DOUBTFUL


def _is_number(cell: bytes) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
