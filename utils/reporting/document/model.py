"""What a report consists of, whatever it will be written in: chapters, sections, blocks.

Text is kept as it is; whoever writes it out escapes it for the language he writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = [
    "Block",
    "Bullets",
    "Chapter",
    "Chart",
    "Document",
    "Fact",
    "Facts",
    "LegendEntry",
    "Notice",
    "Paragraph",
    "Section",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Fact:
    """One headline figure."""

    label: str
    value: str
    note: str = ""
    """What sets the figure in proportion."""
    share: str | None = None
    """How much of what was possible, as a percentage such as `95.0%`, to be drawn as a bar."""
    tone: Literal["plain", "good", "bad"] = "plain"


@dataclass(frozen=True, slots=True)
class Facts:
    """Headline figures, side by side."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text; also what says why something is missing."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the reader must not overlook."""

    tone: Literal["warning", "advice"]
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    """A letter a column: `l` for text, `r` for numbers, `w` for text that may be long."""
    links: tuple[str, ...] = ()
    """The chapter that each row's first cell leads to, by its anchor; empty without links."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What a colour of a chart stands for."""

    name: str
    colour: str
    """The page's custom property that holds it."""
    shape: str
    """`box` or `hatch`: a bar; `mark` or `tick`: a point; `solid`, `dash` or `dot`: a line."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of figures, with the same told in words and as a table."""

    figure: Mapping[str, Any]
    """The specification that the chart library takes: `data` and `layout`."""
    legend: tuple[LegendEntry, ...]
    told: str
    """What the chart shows, in a sentence, for those who cannot see it."""
    table: Table | None
    """The figures behind it; `None` where they are too many, and summed up in `told`."""
    table_stands_in: bool = True
    """Whether a report without pictures shows the table in its place."""


Block: TypeAlias = Facts | Paragraph | Notice | Bullets | Table | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """All that belongs to one case, or to the report as a whole."""

    anchor: str
    """What a link to it is called; letters, digits and dashes."""
    title: str
    note: str
    """A line under the title; may be empty."""
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    note: str
    """A line under the title."""
    chapters: tuple[Chapter, ...]
