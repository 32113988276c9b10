"""Writes a report as GitHub-flavoured Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..analysis.records import Case, Recommendation, Regression
from .document.contents import build_document
from .document.model import (
    Block,
    Bullets,
    Chapter,
    Chart,
    Facts,
    Notice,
    Paragraph,
    Table,
)
from .escaping import markdown_text

__all__ = ["render_markdown"]

RULES = {"l": ":--", "r": "--:", "w": ":--"}
"""What stands under the head of a column, by the letter of its alignment in `Table.align`."""


def render_markdown(
    command: str,
    settings: Mapping[str, Any],
    machine: Mapping[str, Any],
    cases: Sequence[Case],
    recommendations: Sequence[Recommendation] = (),
    regressions: Sequence[Regression] = (),
) -> str:
    """Return the report as GitHub-flavoured Markdown, with tables in place of charts."""
    report = build_document(command, settings, machine, cases, recommendations, regressions)
    pieces = [f"# {markdown_text(report.title)}", markdown_text(report.note)]
    for chapter in report.chapters:
        pieces += _chapter(chapter)
    return "\n\n".join(pieces) + "\n"


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {markdown_text(chapter.title)}"
    if chapter.note:
        yield markdown_text(chapter.note)
    for section in chapter.sections:
        yield f"### {markdown_text(section.title)}"
        for block in section.blocks:
            yield from _block(block, heading=section.title)


def _block(block: Block, *, heading: str) -> Iterator[str]:
    match block:
        case Facts():
            rows = tuple((fact.label, fact.value, fact.note) for fact in block.facts)
            yield _table(Table("", ("Figure", "Value", ""), rows, "lrl"))
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
        case Chart():
            yield markdown_text(block.description)
            if block.table is not None and block.table_stands_in:
                yield from _captioned(block.table, heading=heading)


def _captioned(table: Table, *, heading: str) -> Iterator[str]:
    if table.caption != heading:
        yield f"**{markdown_text(table.caption)}**"
    yield _table(table)


def _table(table: Table) -> str:
    rows = [table.head, *table.rows]
    lines = ["| " + " | ".join(map(markdown_text, row)) + " |" for row in rows]
    rule = "|" + "|".join(RULES[letter] for letter in table.align) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
