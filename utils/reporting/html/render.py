"""Writes a report as one HTML page that holds all it needs, so that it loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from batchmap.command.palette import palette_css

from ..contents import ReportContents
from ..document.contents import build_document
from ..document.model import Chapter, Document, Fact, Section
from ..escaping import html_text, script_json
from .blocks import BlockWriter
from .figures import headline_html
from .plotly_bundle import packed_plotly

__all__ = ["render_html"]

ASSETS = Path(__file__).parent

STYLES = ("page.css", "blocks.css", "print.css")
"""In the order in which they count, after the palette."""

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
"""Makes the browser refuse every request, should anything in the page try one."""


def render_html(contents: ReportContents) -> str:
    """Return the report as an HTML page with charts; the same input gives the same page.

    Raises `UsageError` when plotly is missing.
    """
    library = packed_plotly()
    document = build_document(contents)
    blocks = BlockWriter()
    body = "\n".join(_body(document, blocks))
    title = html_text(f"{document.verdict} – {document.title}")
    styles = "".join([palette_css(), *map(_asset, STYLES)])
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{styles}</style>
<noscript><style>.plot, .legend {{ display: none; }}</style></noscript>
</head>
<body>
{body}
<script type="application/json" id="figures">{script_json(blocks.charts)}</script>
<script type="text/plain" id="library">{library}</script>
<script>
{_asset("page.js")}</script>
</body>
</html>
"""


def _body(document: Document, blocks: BlockWriter) -> Iterator[str]:
    yield '<a class="skip" href="#content">Skip to the report</a>'
    yield '<div class="page">'
    yield from _navigation(document)
    yield '<main id="content">'
    yield from _top(document)
    if document.headline is not None:
        yield from headline_html(document.headline)
    for chapter in document.chapters:
        yield from _chapter(chapter, blocks)
    yield "</main>"
    yield "</div>"


def _top(document: Document) -> Iterator[str]:
    """Yield what a reader sees first: the verdict, what matters next, and what made the report."""
    yield f'<header class="top {document.tone}">'
    yield f"<h1>{html_text(document.title)}</h1>"
    yield f'<p class="verdict">{html_text(document.verdict)}</p>'
    if document.notices:
        yield '<dl class="notices">'
        yield from map(_notice, document.notices)
        yield "</dl>"
    made = "".join(f"<li>{html_text(text)}</li>" for text in document.made)
    yield f'<ul class="made">{made}</ul>'
    yield '<div class="command" role="group" aria-label="The command">'
    yield f'<code id="command">{html_text(document.command)}</code>'
    yield '<button type="button" id="copy" hidden>Copy</button></div>'
    yield "</header>"
    yield '<noscript><p class="missing">Charts need a script to be drawn; '
    yield "their figures are in the tables.</p></noscript>"
    yield '<p class="missing" id="no-charts" hidden>This browser cannot draw the charts; '
    yield "their figures are in the tables.</p>"


def _notice(notice: Fact) -> str:
    label, value = html_text(notice.label), html_text(notice.value)
    return f'<div class="{notice.tone}"><dt>{label}</dt><dd>{value}</dd></div>'


def _navigation(document: Document) -> Iterator[str]:
    yield '<nav aria-label="Contents"><ul>'
    for chapter in document.chapters:
        yield f'<li><a href="#{chapter.anchor}">{html_text(chapter.title)}</a>'
        if chapter.folded is None:
            yield "<ul>"
            for section in chapter.sections:
                title = html_text(section.title)
                yield f'<li><a href="#{_anchor(chapter, section)}">{title}</a></li>'
            yield "</ul>"
        yield "</li>"
    yield "</ul></nav>"


def _anchor(chapter: Chapter, section: Section) -> str:
    return f"{chapter.anchor}-{section.title.lower().replace(' ', '-')}"


def _chapter(chapter: Chapter, blocks: BlockWriter) -> Iterator[str]:
    title, note = html_text(chapter.title), html_text(chapter.note)
    if (shown := chapter.folded) is not None:
        yield f'<details class="scenario" id="{chapter.anchor}"><summary>'
        yield f'<h2>{title}</h2><span class="{shown.tone}"><b>{html_text(shown.value)}</b> '
        yield f"<span>{html_text(shown.note)}</span></span></summary>"
    else:
        yield f'<article id="{chapter.anchor}"><h2>{title}</h2>'
    if note:
        yield f'<p class="note">{note}</p>'
    if chapter.lead:
        yield "<div>"
        for block in chapter.lead:
            yield from blocks.html(block, heading="")
        yield "</div>"
    for section in chapter.sections:
        yield f'<section id="{_anchor(chapter, section)}"><h3>{html_text(section.title)}</h3>'
        for block in section.blocks:
            yield from blocks.html(block, heading=section.title)
        yield "</section>"
    yield "</article>" if shown is None else "</details>"


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
