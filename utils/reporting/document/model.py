"""The document model of a report, the same for every format: chapters, sections, blocks.

Text is kept unescaped; each renderer escapes it for its own format.
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
    """What the figure is to be compared with."""
    share: str | None = None
    """The share of what was possible, such as `95.0%`, to be drawn as a bar; `None` for no bar."""
    tone: Literal["plain", "good", "bad"] = "plain"


@dataclass(frozen=True, slots=True)
class Facts:
    """Headline figures, side by side."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text, for example the reason why something is missing."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning or an advice that must not be overlooked."""

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
    """A letter for each column: `l` for text, `r` for numbers, `w` for text that may be long."""
    links: tuple[str, ...] = ()
    """For each row, the anchor of the chapter that its first cell links to; empty without links."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What a colour in a chart stands for."""

    name: str
    colour: str
    """The custom property of the page that holds it, such as `--work`."""
    shape: str
    """`box` or `hatch`: a bar; `mark` or `tick`: a point; `solid`, `dash` or `dot`: a line."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, with what it shows as a sentence and as a table."""

    figure: Mapping[str, Any]
    """The specification that Plotly takes: `data` and `layout`."""
    legend: tuple[LegendEntry, ...]
    description: str
    """What the chart shows, in words, for readers who cannot see it."""
    table: Table | None
    """The figures behind it; `None` where a table beside the chart or `description` has them."""
    table_stands_in: bool = True
    """Whether a format without charts shows the table in its place."""


Block: TypeAlias = Facts | Paragraph | Notice | Bullets | Table | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the blocks under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The sections on one case, or on the report as a whole."""

    anchor: str
    """The target of links to it; letters, digits and dashes."""
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
