"""The bar charts: time breakdown, item times, errors, and the speedups of many cases."""

from __future__ import annotations

from collections.abc import Sequence

from ...analysis.aggregates import Part
from ...analysis.histogram import Histogram
from ...analysis.records import Comparison
from ..escaping import chart_text
from .style import ROW_PX, Figure, layout, named_rows, short, whole_ticks

__all__ = ["errors_figure", "item_times_figure", "overview_figure", "time_breakdown_figure"]

PART_COLOURS = {
    "work": "--work",
    "slower items": "--slower",
    "start": "--start",
    "hand-over": "--hand-over",
    "tail": "--tail",
}
MAX_BARS = 12
"""Types of error with a bar of their own."""


def time_breakdown_figure(parts: Sequence[Part], workers: int) -> Figure:
    """Return one bar of all workers, divided by what their time went into."""
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": f"{part.name} {part.workers:.2f}",
            "x": [short(part.workers)],
            "y": [""],
            "marker": {
                "color": PART_COLOURS[part.name],
                "line": {"width": 1, "color": "--surface"},
                "pattern": {
                    "shape": "/" if part.workers < 0 else "",
                    "fgcolor": "--surface",
                    "fillmode": "overlay",
                },
            },
            "hovertext": [
                f"<b>{part.name}</b><br>{part.workers:.2f} of {workers} workers<br>{part.share:.1%}"
            ],
            "hoverinfo": "text",
        }
        for part in parts
    ]
    figure_layout = layout(height=140, x_title="workers")
    figure_layout["barmode"] = "relative"
    figure_layout["yaxis"]["visible"] = False
    below = sum(part.workers for part in parts if part.workers < 0)
    above = sum(part.workers for part in parts if part.workers > 0)
    figure_layout["xaxis"].update(range=[short(below), short(above)], zeroline=True)
    return {"data": bars, "layout": figure_layout}


def item_times_figure(binned: Histogram) -> Figure:
    """Return a bar for each bin, with lines at the median, at 95 % and at the longest time."""
    unit, bins = binned.unit, binned.bins
    bars = {
        "type": "bar",
        "name": "items",
        "x": [short(one.middle) for one in bins],
        "width": [short(one.width) for one in bins],
        "y": [one.items for one in bins],
        "marker": {"color": "--work", "line": {"width": 1, "color": "--surface"}},
        "customdata": [[f"{one.least:.4g}", f"{one.most:.4g}"] for one in bins],
        "hovertemplate": (
            f"%{{customdata[0]}} to %{{customdata[1]}} {unit}<br>%{{y:,}} items<extra></extra>"
        ),
    }
    highest = max(one.items for one in bins)
    top = highest * 1.1
    marks = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"{name} {at:.4g} {unit}",
            "x": [short(at)] * 2,
            "y": [0, top],
            "line": {"color": colour, "width": 2, "dash": dash},
            "hoverinfo": "name",
            "hoverlabel": {"namelength": -1},
        }
        for name, at, colour, dash in (
            ("median", binned.median, "--ink", "solid"),
            ("95 %", binned.ninety_fifth, "--slower", "dash"),
            ("longest", binned.longest, "--failed", "dot"),
        )
    ]
    figure_layout = layout(height=290, x_title=f"time of an item ({unit})", y_title="items")
    figure_layout["yaxis"].update(range=[0, top], **whole_ticks(highest))
    figure_layout["bargap"] = 0
    if binned.is_log:
        log_axis = {"type": "log", "dtick": 1, "minor": {"ticks": "outside", "dtick": "D2"}}
        figure_layout["xaxis"].update(log_axis)
    return {"data": [bars, *marks], "layout": figure_layout}


def errors_figure(frequent: Sequence[tuple[str, int]]) -> Figure:
    """Return a bar for each type of error, in the order given, the first on top."""
    shown = list(frequent[:MAX_BARS])
    if rest := frequent[MAX_BARS:]:
        shown.append((f"{len(rest)} other types", sum(number for _, number in rest)))
    rows = list(range(len(shown)))
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [number for _, number in shown],
        "y": rows,
        "width": 0.5,
        "text": [f"{number:,}" for _, number in shown],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": "--failed"},
        "hovertext": [f"<b>{chart_text(name)}</b><br>{number:,}" for name, number in shown],
        "hoverinfo": "text",
    }
    figure_layout = layout(height=80 + ROW_PX * len(shown), x_title="failed items")
    figure_layout["xaxis"].update(rangemode="tozero", **whole_ticks(shown[0][1]))
    figure_layout.update(named_rows([name for name, _ in shown]))
    figure_layout["margin"]["r"] = 48
    return {"data": [bars], "layout": figure_layout}


def overview_figure(compared: Sequence[tuple[str, Comparison]]) -> Figure:
    """Return a bar for the speedup of each case, given by name, with a mark at its limit."""
    rows = list(range(len(compared)))
    names = [chart_text(name) for name, _ in compared]
    speedups = {
        "type": "bar",
        "orientation": "h",
        "name": "speedup",
        "x": [short(one.speedup) for _, one in compared],
        "y": rows,
        "width": 0.5,
        "marker": {"color": "--work"},
        "hovertext": [
            f"<b>{name}</b><br>speedup {one.speedup:.2f}x<br>{one.share_of_limit:.1%} of the limit"
            for name, (_, one) in zip(names, compared, strict=True)
        ],
        "hoverinfo": "text",
    }
    limits = {
        "type": "scatter",
        "mode": "markers",
        "name": "limit",
        "x": [short(one.limit) for _, one in compared],
        "y": rows,
        "marker": {
            "symbol": "line-ns-open",
            "size": 24,
            "color": "--ink",
            "line": {"width": 3, "color": "--ink"},
        },
        "hovertext": [
            f"<b>{name}</b><br>limit {one.limit:.2f}x"
            for name, (_, one) in zip(names, compared, strict=True)
        ],
        "hoverinfo": "text",
    }
    figure_layout = layout(height=80 + ROW_PX * len(compared), x_title="speedup")
    figure_layout["xaxis"].update(rangemode="tozero", ticksuffix="x")
    figure_layout.update(named_rows([name for name, _ in compared]))
    return {"data": [speedups, limits], "layout": figure_layout}
