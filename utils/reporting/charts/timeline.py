"""The chart of what each worker ran when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchmap.command.text_layout import plural

from ...execution.trace import Span, Trace
from ..wording import seconds
from .style import Figure, layout, short

__all__ = ["MAX_ROWS", "timeline_figure"]

MAX_ROWS = 40
"""Workers that a screen has rows for."""

SPAN_KINDS = (
    ("work", "--work", ""),
    ("in place, while measuring", "--in-place", ""),
    ("with retries", "--retried", ""),
    ("with failures", "--failed", "/"),
)
"""Name, colour and pattern, in the order of the legend."""

MAX_OUTLINED_SPANS = 400
"""Beyond that, a line around each bar would hide the bar."""


def timeline_figure(trace: Trace) -> Figure:
    """Return a row for each worker, with a bar for each span in the colour of its kind.

    For at most `MAX_ROWS` workers.
    """
    outlined = len(trace.spans) <= MAX_OUTLINED_SPANS
    by_kind: list[list[Span]] = [[] for _ in SPAN_KINDS]
    for span in trace.spans:
        by_kind[_kind(span)].append(span)
    return {
        "data": [
            _bars(spans, *SPAN_KINDS[kind], outlined=outlined)
            for kind, spans in enumerate(by_kind)
            if spans
        ],
        "layout": _timeline_layout(trace),
    }


def _kind(span: Span) -> int:
    """Return the index in `SPAN_KINDS` of what is most worth seeing about a span."""
    if span.failed:
        return 3
    if span.retried:
        return 2
    return 1 if span.in_place else 0


def _bars(spans: Sequence[Span], name: str, colour: str, pattern: str, *, outlined: bool) -> Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "base": [short(span.started_s) for span in spans],
        "x": [short(span.ended_s - span.started_s) for span in spans],
        "y": [span.worker for span in spans],
        "width": 0.82,
        "marker": {
            "color": colour,
            "line": {"width": 1 if outlined else 0, "color": "--surface"},
            "pattern": {
                "shape": pattern,
                "fgcolor": "--surface",
                "fillmode": "overlay",
                "size": 6,
            },
        },
        "customdata": [_hover_data(span) for span in spans],
        "hovertemplate": (
            "<b>worker %{y}</b><br>%{customdata[1]}, the first at place %{customdata[0]}"
            "<br>%{customdata[2]}, from %{customdata[3]} to %{customdata[4]}"
            "<br>%{customdata[5]}<extra></extra>"
        ),
    }


def _hover_data(span: Span) -> list[Any]:
    batches = f"{span.batches:,} {'batch' if span.batches == 1 else 'batches'}"
    problems = f"{span.failed:,} failed, {span.retried:,} retried"
    return [
        f"{span.first_item:,}",
        f"{span.items:,} {plural('item', span.items)}",
        seconds(span.ended_s - span.started_s),
        seconds(span.started_s),
        seconds(span.ended_s),
        f"{batches}; {problems}" if span.failed or span.retried else batches,
    ]


def _timeline_layout(trace: Trace) -> Figure:
    figure_layout = layout(
        height=70 + max(60, trace.workers * _row_height(trace.workers)),
        x_title="seconds since the start",
        y_title="worker",
    )
    figure_layout["barmode"] = "overlay"
    figure_layout["xaxis"].update(range=[0, short(trace.wall_s)], fixedrange=False)
    figure_layout["yaxis"].update(
        range=[trace.workers - 0.5, -0.5],
        showgrid=False,
        tickmode="linear",
        tick0=0,
        dtick=_label_step(trace.workers),
        tickformat="d",
    )
    figure_layout["dragmode"] = "zoom"
    return figure_layout


def _row_height(workers: int) -> int:
    """Return the height of a worker's row in pixels: the more rows, the lower."""
    return next(height for most, height in ((8, 30), (16, 24), (24, 17), (MAX_ROWS, 11))
                if workers <= most)  # fmt: skip


def _label_step(workers: int) -> int:
    """Return every how many rows one has a number, so that the numbers do not touch."""
    return next(step for most, step in ((16, 1), (24, 2), (MAX_ROWS, 4))
                if workers <= most)  # fmt: skip
