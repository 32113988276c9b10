"""The parts of a text report: its title, its sections, and figures with their units."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from textwrap import wrap

__all__ = [
    "COLUMNS",
    "Lines",
    "cut",
    "encodable",
    "join_lines",
    "plural",
    "rate",
    "section",
    "title_lines",
    "wrapped",
]

Lines = list[str]

COLUMNS = 80
"""Columns of the terminals that a report must fit."""


def join_lines(lines: Iterable[str]) -> str:
    """Return the lines as a text that ends in exactly one line feed."""
    return "\n".join(lines).rstrip("\n") + "\n"


def title_lines(title: str) -> Lines:
    """Return a title, its underline and an empty line."""
    return [title, "=" * len(title), ""]


def section(heading: str, *entries: str) -> Lines:
    """Return a heading, the entries as a list wrapped at 80 columns, and an empty line."""
    rows = (wrapped(f"- {entry}", indent="  ") for entry in entries)
    return [heading, *chain.from_iterable(rows), ""]


def wrapped(text: str, *, indent: str = "", most: int | None = None) -> Lines:
    """Return a text in rows of 80 columns, all but the first indented.

    No option is parted at its hyphens. With `most`, there are no more rows than that, none of them
    longer than 80 columns; else a word that does not fit is left whole.
    """
    return wrap(
        text,
        COLUMNS,
        subsequent_indent=indent,
        break_long_words=most is not None,
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" …",
    )


def cut(text: str, width: int = COLUMNS) -> str:
    """Return the text, its end replaced by `…` where it is longer than `width` characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def encodable(text: str) -> str:
    """Return `text` with escapes for what no encoding has, such as half of a surrogate pair."""
    return text.encode(errors="backslashreplace").decode()


def rate(items_per_s: float) -> str:
    """Return a throughput with its unit."""
    return f"{items_per_s:.1f} items/sec"


def plural(noun: str, number: int) -> str:
    """Return the noun as it stands beside `number`."""
    return noun if number == 1 else noun + "s"
