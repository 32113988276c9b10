"""Writes the blocks of a document as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..document.model import (
    Bars,
    Block,
    Bullets,
    Chart,
    Fold,
    Headline,
    LegendEntry,
    Notice,
    Paragraph,
    Stack,
    Table,
)
from ..escaping import html_text
from .figures import bars_html, headline_html, stack_html
from .tables import table_html

__all__ = ["BlockWriter"]


class BlockWriter:
    """Writes blocks; the charts in them are collected for the script that draws them."""

    def __init__(self) -> None:
        self.charts: list[Mapping[str, Any]] = []
        """What Plotly takes of each, with the `id` of the element that it is drawn in."""

    def html(self, block: Block, *, heading: str) -> Iterator[str]:
        """Yield the lines of a block that stands under `heading`."""
        match block:
            case Headline():
                yield from headline_html(block)
            case Bars():
                yield from bars_html(block)
            case Stack():
                yield from stack_html(block)
            case Paragraph():
                yield f"<p>{html_text(block.text)}</p>"
            case Notice():
                lines = "".join(f"<p>{html_text(line)}</p>" for line in block.lines)
                title = html_text(block.title)
                yield f'<aside class="{block.tone}"><p class="title">{title}</p>{lines}</aside>'
            case Bullets():
                yield "<ul>"
                yield from (f"<li>{html_text(line)}</li>" for line in block.lines)
                yield "</ul>"
            case Table():
                yield from table_html(block, heading=heading)
            case Fold():
                yield f"<details><summary>{html_text(block.title)}</summary>"
                yield from table_html(block.table, heading=block.table.caption)
                yield "</details>"
            case Chart():
                yield from self._chart(block)

    def _chart(self, chart: Chart) -> Iterator[str]:
        name = f"chart-{len(self.charts) + 1}"
        self.charts.append({"id": name, **chart.figure})
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
            yield from table_html(chart.table, heading="")
            yield "</details>"
        yield "</figure>"


def _legend_entry(entry: LegendEntry) -> str:
    swatch = f'<span class="{entry.shape}" style="color:var({entry.colour})"></span>'
    return f"<li>{swatch}{html_text(entry.name)}</li>"
