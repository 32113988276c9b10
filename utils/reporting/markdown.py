"""Writes a report as GitHub-flavoured Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from batchmap.text import printable

from .contents import ReportContents
from .document.contents import build_document
from .document.model import (
    Bars,
    Block,
    Bullets,
    Chapter,
    Chart,
    Document,
    Fold,
    Headline,
    Notice,
    Paragraph,
    Stack,
    Table,
)
from .escaping import markdown_text

__all__ = ["render_markdown"]

RULES = {"l": ":--", "r": "--:", "w": ":--"}
"""What stands under the head of a column, by the letter of its alignment in `Table.align`."""


def render_markdown(contents: ReportContents) -> str:
    """Return the report as GitHub-flavoured Markdown, with tables in place of charts."""
    document = build_document(contents)
    pieces = [*_top(document)]
    for chapter in document.chapters:
        pieces += _chapter(chapter)
    return "\n\n".join(pieces) + "\n"


def _top(document: Document) -> Iterator[str]:
    yield f"# {markdown_text(document.title)}"
    yield f"**{markdown_text(document.verdict)}**"
    if document.notices:
        yield "\n".join(
            f"- {markdown_text(one.label)}: {markdown_text(one.value)}" for one in document.notices
        )
    yield markdown_text(", ".join(document.made))
    yield _code(document.command)
    if document.headline is not None:
        yield from _block(document.headline, heading="")


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {markdown_text(chapter.title)}"
    if chapter.note:
        yield markdown_text(chapter.note)
    for block in chapter.lead:
        yield from _block(block, heading="")
    for section in chapter.sections:
        yield f"### {markdown_text(section.title)}"
        for block in section.blocks:
            yield from _block(block, heading=section.title)


def _block(block: Block, *, heading: str) -> Iterator[str]:
    match block:
        case Headline():
            yield _table(_headline_table(block))
        case Bars():
            rows = tuple((bar.label, bar.value) for bar in block.bars)
            yield from _captioned(Table(block.caption, block.head, rows, "wr"), heading=heading)
        case Stack():
            yield markdown_text(block.description)
        case Paragraph():
            yield markdown_text(block.text)
        case Notice():
            kind = "WARNING" if block.tone == "warning" else "TIP"
            lines = "".join(f"\n>\n> {markdown_text(line)}" for line in block.lines)
            yield f"> [!{kind}]\n> **{markdown_text(block.title)}**{lines}"
        case Bullets():
            yield "\n".join(f"- {markdown_text(line)}" for line in block.lines)
        case Table():
            yield from _captioned(block, heading=heading)
        case Fold():
            yield from _captioned(block.table, heading=heading)
        case Chart():
            yield markdown_text(block.description)
            if block.table is not None and block.table_stands_in:
                yield from _captioned(block.table, heading=heading)


def _headline_table(headline: Headline) -> Table:
    facts = [*([headline.figure] if headline.figure else []), *headline.cards]
    rows = [(fact.label, fact.value, fact.note) for fact in facts]
    rows[1:1] = [(bar.label, bar.value, "") for bar in headline.bars.bars]
    return Table("", ("Figure", "Value", ""), tuple(rows), "wrl")


def _captioned(table: Table, *, heading: str) -> Iterator[str]:
    if table.caption != heading:
        yield f"**{markdown_text(table.caption)}**"
    yield _table(table)


def _table(table: Table) -> str:
    rows = [table.head, *table.rows]
    lines = ["| " + " | ".join(map(markdown_text, row)) + " |" for row in rows]
    rule = "|" + "|".join(RULES[letter] for letter in table.align) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _code(text: str) -> str:
    """Return a block of code, in a fence that is longer than any in `text`."""
    shown = printable(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{shown}\n{fence}"
