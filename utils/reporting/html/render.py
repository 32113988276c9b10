"""Writes a report as one HTML page that holds all it needs, so that it loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...analysis.records import Case, Recommendation, Regression
from ..document.contents import build_document
from ..document.model import (
    Block,
    Bullets,
    Chapter,
    Chart,
    Document,
    Fact,
    Facts,
    LegendEntry,
    Notice,
    Paragraph,
    Table,
)
from ..escaping import html_text, script_json
from .plotly_bundle import packed_plotly

__all__ = ["render_html"]

ASSETS = Path(__file__).parent

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
"""Makes the browser refuse every request, should anything in the page try one."""

ALIGNMENTS = {"l": "", "r": ' class="number"', "w": ' class="long"'}
"""The class of a column's cells, by the letter of its alignment in `Table.align`."""


def render_html(
    command: str,
    settings: Mapping[str, Any],
    machine: Mapping[str, Any],
    cases: Sequence[Case],
    recommendations: Sequence[Recommendation] = (),
    regressions: Sequence[Regression] = (),
) -> str:
    """Return the report as an HTML page with charts; the same input gives the same page.

    Raises `UsageError` when plotly is missing.
    """
    report = build_document(command, settings, machine, cases, recommendations, regressions)
    return _Page(report, packed_plotly()).html()


class _Page:
    """Write one page; the figures of its charts are collected for the script at its end."""

    def __init__(self, document: Document, library: str) -> None:
        self._document = document
        self._library = library
        self._figures: list[Mapping[str, Any]] = []

    def html(self) -> str:
        body = "\n".join(self._body())
        title = html_text(f"{self._document.title}: {self._document.note}")
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{_asset("page.css")}</style>
</head>
<body>
{body}
<script type="application/json" id="figures">{script_json(self._figures)}</script>
<script type="text/plain" id="library">{self._library}</script>
<script>
{_asset("page.js")}</script>
</body>
</html>
"""

    def _body(self) -> Iterator[str]:
        document = self._document
        yield '<a class="skip" href="#content">Skip to the report</a>'
        yield f'<header class="top"><h1>{html_text(document.title)}</h1>'
        yield f'<p class="command"><code>{html_text(document.note)}</code></p>'
        yield from _navigation(document.chapters)
        yield "</header>"
        yield '<main id="content">'
        yield '<noscript><p class="missing">Charts need a script to be drawn; '
        yield "their figures are in the tables.</p></noscript>"
        yield '<p class="missing" id="no-charts" hidden>This browser cannot draw the charts; '
        yield "their figures are in the tables.</p>"
        for chapter in document.chapters:
            yield from self._chapter(chapter)
        yield "</main>"

    def _chapter(self, chapter: Chapter) -> Iterator[str]:
        yield f'<article id="{chapter.anchor}"><h2>{html_text(chapter.title)}</h2>'
        if chapter.note:
            yield f'<p class="note">{html_text(chapter.note)}</p>'
        for section in chapter.sections:
            yield f"<section><h3>{html_text(section.title)}</h3>"
            for block in section.blocks:
                yield from self._block(block, heading=section.title)
            yield "</section>"
        yield "</article>"

    def _block(self, block: Block, *, heading: str) -> Iterator[str]:
        match block:
            case Facts():
                yield '<dl class="facts">'
                yield from map(_fact, block.facts)
                yield "</dl>"
            case Paragraph():
                yield f"<p>{html_text(block.text)}</p>"
            case Notice():
                lines = "".join(f"<p>{html_text(line)}</p>" for line in block.lines)
                title = html_text(block.title)
                yield f'<aside class="{block.tone}"><h4>{title}</h4>{lines}</aside>'
            case Bullets():
                yield "<ul>"
                yield from (f"<li>{html_text(line)}</li>" for line in block.lines)
                yield "</ul>"
            case Table():
                yield from _table(block, heading=heading)
            case Chart():
                yield from self._chart(block)

    def _chart(self, chart: Chart) -> Iterator[str]:
        name = f"chart-{len(self._figures) + 1}"
        self._figures.append({"id": name, **chart.figure})
        height = chart.figure["layout"]["height"]
        description = html_text(chart.description)
        yield "<figure>"
        if chart.legend:
            yield '<ul class="legend">'
            yield from map(_legend_entry, chart.legend)
            yield "</ul>"
        yield f'<div class="plot" id="{name}" role="img" aria-label="{description}" '
        yield f'style="height:{height}px"></div>'
        zooms = chart.figure["layout"]["dragmode"]
        hint = '<span class="hint"> Drag to zoom in, double-click to zoom out.</span>'
        yield f"<figcaption>{description}{hint if zooms else ''}</figcaption>"
        if chart.table is not None:
            yield "<details><summary>The figures as a table</summary>"
            yield from _table(chart.table, heading="")
            yield "</details>"
        yield "</figure>"


def _navigation(chapters: Sequence[Chapter]) -> Iterator[str]:
    yield '<nav aria-label="Chapters"><ul>'
    for chapter in chapters:
        yield f'<li><a href="#{chapter.anchor}">{html_text(chapter.title)}</a></li>'
    yield "</ul></nav>"


def _fact(fact: Fact) -> str:
    bar = (
        ""
        if fact.share is None
        else f'<span class="bar"><span style="width:{fact.share}"></span></span>'
    )
    return (
        f'<div class="{fact.tone}"><dt>{html_text(fact.label)}</dt>'
        f'<dd class="value">{html_text(fact.value)}</dd>'
        f'<dd class="told">{bar}{html_text(fact.note)}</dd></div>'
    )


def _legend_entry(entry: LegendEntry) -> str:
    swatch = f'<span class="{entry.shape}" style="color:var({entry.colour})"></span>'
    return f"<li>{swatch}{html_text(entry.name)}</li>"


def _table(table: Table, *, heading: str) -> Iterator[str]:
    classes = [ALIGNMENTS[letter] for letter in table.align]
    caption = html_text(table.caption)
    yield f'<div class="scroll" role="group" aria-label="{caption}" tabindex="0">'
    hidden = ' class="unseen"' if table.caption == heading else ""
    yield f"<table><caption{hidden}>{caption}</caption>"
    head = zip(classes, table.head, strict=True)
    yield (
        "<thead><tr>"
        + "".join(f'<th scope="col"{kind}>{html_text(cell)}</th>' for kind, cell in head)
        + "</tr></thead>"
    )
    yield "<tbody>"
    for number, row in enumerate(table.rows):
        cells = [html_text(cell) for cell in row]
        if table.links:
            cells[0] = f'<a href="#{table.links[number]}">{cells[0]}</a>'
        yield (
            "<tr>"
            + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(classes, cells, strict=True))
            + "</tr>"
        )
    yield "</tbody></table></div>"


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
