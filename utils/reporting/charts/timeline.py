"""The chart of what each worker did when."""

from __future__ import annotations

from typing import Any

from ...execution.trace import Span, Trace
from ..text.layout import plural, seconds
from .style import Figure, layout, short

__all__ = ["timeline_figure"]

SPAN_KINDS = (
    ("work", "--work", ""),
    ("in place, while measuring", "--in-place", ""),
    ("with retries", "--retried", ""),
    ("with failures", "--failed", "/"),
)
"""Name, colour and pattern, in the order of the legend."""
MOST_LINED_SPANS = 400
"""Beyond that, a line around each bar would hide the bar."""


def timeline_figure(trace: Trace) -> Figure:
    """Return a row a worker, a bar a span, coloured by what was special about it."""
    lined = len(trace.spans) <= MOST_LINED_SPANS
    data = []
    for kind, (name, colour, pattern) in enumerate(SPAN_KINDS):
        spans = [span for span in trace.spans if _kind(span) == kind]
        if not spans:
            continue
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "base": [short(span.started_s) for span in spans],
                "x": [short(span.ended_s - span.started_s) for span in spans],
                "y": [span.worker + 1 for span in spans],
                "width": 0.82,
                "marker": {
                    "color": colour,
                    "line": {"width": 1 if lined else 0, "color": "--surface"},
                    "pattern": {
                        "shape": pattern,
                        "fgcolor": "--surface",
                        "fillmode": "overlay",
                        "size": 6,
                    },
                },
                "customdata": [_span_told(span) for span in spans],
                "hovertemplate": (
                    "<b>worker %{y}</b><br>%{customdata[1]}, the first at place %{customdata[0]}"
                    "<br>%{customdata[2]}, from %{customdata[3]} to %{customdata[4]}"
                    "<br>%{customdata[5]}<extra></extra>"
                ),
            }
        )
    shape = layout(
        height=70 + max(60, min(900, trace.workers * _row_height(trace.workers))),
        x_title="seconds since the start",
        y_title="worker",
    )
    shape["barmode"] = "overlay"
    shape["xaxis"].update(range=[0, short(trace.wall_s)], fixedrange=False)
    shape["yaxis"].update(
        range=[trace.workers + 0.5, 0.5],
        showgrid=False,
        tickmode="linear",
        tick0=1,
        dtick=_every(trace.workers),
        tickformat="d",
    )
    shape["dragmode"] = "zoom"
    return {"data": data, "layout": shape}


def _kind(span: Span) -> int:
    """Return the place in `SPAN_KINDS` of what is most worth seeing about a span."""
    if span.failed:
        return 3
    if span.retried:
        return 2
    return 1 if span.in_place else 0


def _span_told(span: Span) -> list[Any]:
    batches = f"{span.batches:,} {'batch' if span.batches == 1 else 'batches'}"
    trouble = f"{span.failed:,} failed, {span.retried:,} retried"
    return [
        f"{span.first_item:,}",
        f"{span.items:,} {plural('item', span.items)}",
        seconds(span.ended_s - span.started_s),
        seconds(span.started_s),
        seconds(span.ended_s),
        f"{batches}; {trouble}" if span.failed or span.retried else batches,
    ]


def _row_height(workers: int) -> int:
    """Return how many pixels high a worker's row is: the more rows, the lower."""
    return next(height for most, height in ((8, 30), (16, 24), (32, 16), (64, 12), (1e9, 8))
                if workers <= most)  # fmt: skip


def _every(workers: int) -> int:
    """Return which rows bear a number, so that the numbers keep apart."""
    return next(step for most, step in ((16, 1), (32, 2), (64, 4), (160, 10), (1e9, 50))
                if workers <= most)  # fmt: skip
