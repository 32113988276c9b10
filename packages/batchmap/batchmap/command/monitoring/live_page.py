"""The page that `--live` shows while a run goes on: HTML that loads nothing but its own figures."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmap.command.monitoring.run_figures import RunFigures
from batchmap.command.palette import palette_css
from batchmap.command.progress_sums import clock_text, rate_text
from batchmap.command.summary import slow_item_texts, workers_in_words
from batchmap.command.text_layout import encodable
from batchmap.run_outcome import ErrorExample, SlowItem
from batchmap.text import printable

__all__ = ["LiveView", "figures_html", "page_html"]

REFRESH_WITHOUT_SCRIPT_S = 5


@dataclass(frozen=True, slots=True)
class LiveView:
    """What the page shows at one moment."""

    task: str
    source: str
    output: str
    figures: RunFigures
    done: int
    """Items that have ended in this run, failed ones included."""
    share: float | None
    """Which share of the items is done, from 0 to 1; `None` when unknown."""
    left_s: float | None
    """In how many seconds all is done if it goes on like this; `None` when unknown."""
    elapsed_s: float
    memory_bytes: int
    """What all processes of the command hold."""
    slowest: tuple[SlowItem, ...]
    reasons: tuple[str, ...]
    """Of the plan."""
    ending: str = ""
    """How the run ended; empty while it goes on."""
    is_well: bool = True
    """Whether it ended with all items done, none of them failed."""


def page_html(view: LiveView, nonce: str) -> str:
    """Return the page; its script and its style have the `nonce`, so that no other ones run."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<noscript><meta http-equiv="refresh" content="{REFRESH_WITHOUT_SCRIPT_S}"></noscript>
<title>{_text(_title(view))}</title>
<style nonce="{nonce}">
{palette_css()}{_asset("live.css")}</style>
</head>
<body>
<h1>{_text(view.task)}</h1>
<main>
{figures_html(view)}</main>
<script nonce="{nonce}">
{_asset("live.js")}</script>
</body>
</html>
"""


def figures_html(view: LiveView) -> str:
    """Return the part of the page that changes."""
    return "\n".join([*_state(view), *_facts(view), *_sections(view), ""])


def _title(view: LiveView) -> str:
    if view.ending:
        return f"{view.ending} – {view.task}"
    share = "" if view.share is None else f"{min(int(view.share * 100), 99)}% "
    return f"{share}{view.task}"


def _state(view: LiveView) -> Iterator[str]:
    tone = "" if not view.ending else " good" if view.is_well else " bad"
    text = view.ending or f"Running for {clock_text(view.elapsed_s)}"
    ended = ' data-ended="1"' if view.ending else ""
    yield (
        f'<p class="state{tone}" role="status" data-title="{_text(_title(view))}"{ended}>'
        f"{_text(text)}</p>"
    )
    yield f"<p><code>{_text(view.source)} → {_text(view.output)}</code></p>"


def _facts(view: LiveView) -> Iterator[str]:
    figures, counts = view.figures, view.figures.counts
    total = figures.total
    left = "" if total is None else f"{max(0, total - view.done):,} left"
    before = counts.succeeded_before + counts.failed_before
    notes = filter(None, (left, f"{before:,} before this run" if before else ""))
    bar = ""
    if (share := view.share) is not None:
        bar = f'<progress max="1" value="{min(1.0, share):.4f}">{share:.0%}</progress>'
    of = "items done" if total is None else f"of {total:,} items done"
    yield '<div class="hero">'
    yield f'<p class="figure"><strong>{view.done:,}</strong> <span>{of}</span></p>'
    yield f'{bar}<p class="told">{_text(", ".join(notes))}</p></div>'
    yield '<dl class="facts">'
    yield _fact("Failed", f"{counts.failed:,}", "", tone="bad" if counts.failed else "")
    yield _fact("Retries", f"{counts.retries:,}", "")
    yield _fact("Rate", rate_text(figures.rate), "of the last minute")
    kind = workers_in_words(figures.backend, figures.workers).partition(" ")[2]
    time_left = "unknown" if view.left_s is None else clock_text(view.left_s)
    yield _fact("Time left", "none" if view.ending else time_left, "")
    yield _fact(
        "Workers",
        f"{figures.busy_workers:,} of {figures.workers:,}",
        f"{kind} at work; {view.memory_bytes / 1e6:,.0f} MB of memory",
    )
    yield "</dl>"


def _fact(label: str, value: str, note: str, *, tone: str = "") -> str:
    return (
        f'<div class="{tone}"><dt>{label}</dt><dd class="value">{_text(value)}</dd>'
        f'<dd class="told">{_text(note)}</dd></div>'
    )


def _sections(view: LiveView) -> Iterator[str]:
    if view.figures.errors:
        yield "<section><h2>Most frequent errors</h2>"
        yield from _table(
            ("Items", "First at", "Error"), map(_error_cells, view.figures.errors), numbers=1
        )
        yield "</section>"
    if view.slowest:
        yield "<section><h2>Slowest items</h2>"
        cells = ((one.place, ", ".join(slow_item_texts(one))) for one in view.slowest)
        yield from _table(("Item", "What is known of it"), cells)
        yield "</section>"
    if view.reasons:
        yield "<section><h2>Plan</h2><ul>"
        yield from (f"<li>{_text(reason)}</li>" for reason in view.reasons)
        yield "</ul></section>"


def _error_cells(error: ErrorExample) -> Sequence[str]:
    return f"{error.number:,}", error.place, f"{error.error_type}: {error.error}"


def _table(
    head: Sequence[str], rows: Iterator[Sequence[str]], *, numbers: int = 0
) -> Iterator[str]:
    """Yield a table; the cells of the first columns, so many of them, are numbers."""
    kinds = [' class="number"' if at < numbers else "" for at in range(len(head))]
    yield '<div class="scroll"><table><thead><tr>'
    yield from (f"<th{kind}>{cell}</th>" for kind, cell in zip(kinds, head, strict=True))
    yield "</tr></thead><tbody>"
    for row in rows:
        cells = zip(kinds, row, strict=True)
        yield "<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for kind, cell in cells) + "</tr>"
    yield "</tbody></table></div>"


def _text(text: str) -> str:
    """Return text that comes from data for an element or an attribute in quotes."""
    return html.escape(encodable(printable(text)))


def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
