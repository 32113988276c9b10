"""The document model of a report, the same for every format: chapters, sections, blocks.

Text is kept unescaped; each renderer escapes it for its own format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = [
    "Bar",
    "Bars",
    "Block",
    "Bullets",
    "Chapter",
    "Chart",
    "Document",
    "Fact",
    "Fold",
    "Headline",
    "LegendEntry",
    "Notice",
    "Paragraph",
    "Section",
    "Stack",
    "Table",
    "Tone",
]

Tone: TypeAlias = Literal["plain", "good", "warning", "bad"]
"""How what is said is to be taken."""

Look: TypeAlias = Literal[
    "before", "good", "warning", "void", "possible", "failed",
    "work", "slower", "start", "hand-over", "tail",
]  # fmt: skip
"""What a bar stands for, which gives it its colour; `void`: a figure that counts for nothing."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with its name."""

    label: str
    value: str
    note: str = ""
    """What the figure is to be compared with."""
    share: str | None = None
    """The share of what was possible, such as `95.0%`, to be drawn as a bar; `None` for no bar."""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its name and its figure."""

    label: str
    value: str
    share: float
    """Its length, as a share of the longest there can be: from 0 to 1."""
    look: Look
    mark: float | None = None
    """Where on it there is a mark, likewise: at what was possible; `None` for no mark."""
    link: str = ""
    """The anchor that its name links to; empty for no link."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars below each other, each with its name and figure."""

    caption: str
    bars: tuple[Bar, ...]
    head: tuple[str, str]
    """What the names and the figures are, for a format without bars."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar divided into parts; a table beside it has their figures."""

    description: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The one figure that matters most, drawn large, with three more beside it."""

    figure: Fact | None
    """`None` where the bars say it all."""
    bars: Bars
    cards: tuple[Fact, ...]


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
    looks: tuple[Look, ...] = ()
    """For each row, the colour beside its first cell; empty without colours."""


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


@dataclass(frozen=True, slots=True)
class Fold:
    """A table that a reader opens when it is wanted."""

    title: str
    table: Table


Block: TypeAlias = Bars | Bullets | Chart | Fold | Headline | Notice | Paragraph | Stack | Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the blocks under it; one without blocks is left out."""

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
    lead: tuple[Block, ...] = ()
    """What stands before the sections."""
    folded: Fact | None = None
    """What is shown of it until it is opened, beside its title; `None`: it is open."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    verdict: str
    tone: Tone
    """That of the verdict."""
    notices: tuple[Fact, ...]
    """What matters next, with the most important first."""
    made: tuple[str, ...]
    """When, where and with which versions it was made."""
    command: str
    """The command that made it, as a shell takes it."""
    headline: Headline | None
    """`None` where nothing was measured."""
    chapters: tuple[Chapter, ...]
