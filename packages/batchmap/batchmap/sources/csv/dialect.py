"""How the rows of a CSV file are told from its text: as its options say, or as it looks.

A delimiter that nobody asked for is the usual one, unless another one fits plainly better: the
header has several cells by it, and so have the rows after it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["CsvSettings", "Delimiter", "find_delimiter", "reader_options", "separator_line"]

DELIMITERS = (",", ";", "\t", "|")

SAMPLE_LINES = 20
"""How many lines are looked at where the header alone does not tell; they may have to be waited
for."""

_ODD_ROWS = 10
"""One row in so many may have another number of cells."""

_SEPARATOR = re.compile(r'"?sep=([^\w\s"\']|[\t ])"?\s*', re.IGNORECASE)

_IN_NAMES = frozenset("_-./\\'\"()[]{}\r\n\0")
"""What is no letter or digit and yet delimits nothing: names, dates and paths have it."""


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """How a CSV file is read; what is `None` is as it looks, or as usual."""

    usual: str = ","
    """The delimiter that its name lets expect."""
    delimiter: str | None = None
    quote: str | None = None
    """Empty: quotes are text. `None`: they are double quotes, unless what is in them looks like
    rows."""
    no_header: bool = False
    columns: tuple[str, ...] | None = None
    """The names of the columns of a file without a header."""
    skip_lines: int = 0


@dataclass(frozen=True, slots=True)
class Delimiter:
    """A delimiter that was found, and what makes it doubtful, if anything."""

    character: str
    doubt: str = ""


def separator_line(line: str) -> str | None:
    """Return the delimiter that a first line such as `sep=;` names, `None` for another line."""
    found = _SEPARATOR.fullmatch(line)
    return None if found is None else found[1]


def reader_options(delimiter: str, quote: str | None) -> dict[str, Any]:
    """Return what `csv.reader` is called with."""
    if quote == "":
        return {"delimiter": delimiter, "quoting": csv.QUOTE_NONE}
    return {"delimiter": delimiter, "quotechar": quote or '"'}


def find_delimiter(
    header: str, settings: CsvSettings, sample: Callable[[], Sequence[str]]
) -> Delimiter:
    """Return the delimiter by which the text whose first row starts with the line `header` is read.

    `sample` is called where that line does not tell, and returns the lines from there on.
    """
    usual = settings.usual
    others = [one for one in DELIMITERS if one not in (usual, settings.quote) and one in header]
    named = None if settings.columns is None else len(settings.columns)
    if named is None and not others:
        return Delimiter(usual, "" if usual in header else _doubt(_rare(header, settings, sample)))
    lines = sample()
    widths = {one: _widths(lines, one, settings.quote) for one in (usual, *others)}
    fitting = [one for one in others if _fits(widths[one], named)]
    if _fits(widths[usual], named) or not fitting:
        is_one_column = widths[usual][:1] == [1] and named is None
        seem = [one for one in others if is_one_column and widths[one][0] > 1]
        wider = [one for one in fitting if widths[one][0] > widths[usual][0]]
        return Delimiter(usual, _doubt(wider or seem))
    most = max(widths[one][0] for one in fitting)
    widest = [one for one in fitting if widths[one][0] == most]
    if len(widest) > 1:
        return Delimiter(usual, _doubt(widest))
    return Delimiter(widest[0])


def _rare(header: str, settings: CsvSettings, sample: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Return the characters that nobody expects, and that cut all lines into as many cells."""
    taken = _IN_NAMES | {settings.quote}
    marks = [one for one in dict.fromkeys(header) if not one.isalnum() and one not in taken]
    if not marks:
        return ()
    lines = sample()
    widths = {one: _widths(lines, one, settings.quote) for one in marks}
    # A name of two words above rows of two words is no table.
    return [
        one
        for one, cells in widths.items()
        if len(cells) > 1 and set(cells) == {cells[0]} and cells[0] > (2 if one == " " else 1)
    ]


def _widths(lines: Sequence[str], delimiter: str, quote: str | None) -> list[int]:
    """Return how many cells the rows have, blank ones left out; there is one at least."""
    rows = []
    try:
        for row in csv.reader(lines, **reader_options(delimiter, quote)):
            if row:
                rows.append(len(row))
    except csv.Error:  # a cell without end
        pass
    if len(rows) > 1 and len(lines) >= SAMPLE_LINES:
        rows.pop()  # it may go on after the sample
    return rows or [1]


def _fits(widths: Sequence[int], named: int | None) -> bool:
    """Tell whether rows have several cells each, as many as the first one, or as are named."""
    width = named or widths[0]
    odd = sum(1 for one in widths if one != width)
    return width > 1 and widths[0] == width and odd * _ODD_ROWS <= len(widths)


def _doubt(others: Sequence[str]) -> str:
    if not others:
        return ""
    return f"it may be {' or '.join(map(repr, others))}, as --delimiter says"
