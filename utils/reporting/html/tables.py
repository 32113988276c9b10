"""Writes tables; on a phone each row of a wide one becomes a card."""

from __future__ import annotations

from collections.abc import Iterator

from ..document.model import Table
from ..escaping import html_text

__all__ = ["table_html"]

ALIGNMENTS = {"l": "", "r": "number", "w": "long"}
"""The class of a column's cells, by the letter of its alignment in `Table.align`."""

NARROW = 2
"""A table of so many columns fits a phone as it is."""

WIDE = 5
"""One of more may have to be scrolled, which a keyboard can do where it has the focus."""


def table_html(table: Table, *, heading: str) -> Iterator[str]:
    """Yield a table; its caption is for screen readers alone where it repeats the `heading`.

    The roles are those that the elements have by themselves, as long as no style makes cards of
    them.
    """
    caption = html_text(table.caption)
    kinds = [ALIGNMENTS[letter] for letter in table.align]
    is_wide = len(table.head) > NARROW
    scrolls = f' role="group" aria-label="{caption}" tabindex="0"' if len(kinds) > WIDE else ""
    yield f'<div class="scroll"{scrolls}>'
    yield f'<table class="{"wide" if is_wide else "pairs"}" role="table">'
    yield f"<caption{_class('unseen' if table.caption == heading else '')}>{caption}</caption>"
    head = "".join(
        f'<th scope="col" role="columnheader"{_class(kind)}>{html_text(cell)}</th>'
        for kind, cell in zip(kinds, table.head, strict=True)
    )
    yield f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
    yield '<tbody role="rowgroup">'
    for number, row in enumerate(table.rows):
        cells = [html_text(cell) for cell in row]
        if table.links:
            cells[0] = f'<a href="#{table.links[number]}">{cells[0]}</a>'
        if table.looks:
            cells[0] = f'<span class="swatch {table.looks[number]}"></span>{cells[0]}'
        first = f'<th scope="row" role="rowheader"{_class(kinds[0])}>{cells[0]}</th>'
        rest = "".join(
            f'<td role="cell"{_class(kind)} data-label="{html_text(name)}">{cell}</td>'
            for kind, name, cell in zip(kinds[1:], table.head[1:], cells[1:], strict=True)
        )
        yield f'<tr role="row">{first}{rest}</tr>'
    yield "</tbody></table></div>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
