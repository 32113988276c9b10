"""The charts of bars: where the workers went, item times, errors, speedups of many cases."""

from __future__ import annotations

from collections.abc import Sequence

from ...analysis.aggregates import Part
from ...analysis.histogram import Histogram
from ...analysis.records import Comparison
from ..escaping import chart_text
from .style import ROW_PX, Figure, layout, named_rows, short, whole_ticks

__all__ = ["accounting_figure", "errors_figure", "item_times_figure", "overview_figure"]

PART_COLOURS = {
    "work": "--work",
    "slower items": "--slower",
    "start": "--start",
    "hand-over": "--hand-over",
    "tail": "--tail",
}
MOST_BARS = 12


def accounting_figure(parts: Sequence[Part], workers: int) -> Figure:
    """Return one bar of all workers, by what their time went into."""
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
    shape = layout(height=140, x_title="workers")
    shape["barmode"] = "relative"
    shape["yaxis"]["visible"] = False
    below = sum(part.workers for part in parts if part.workers < 0)
    above = sum(part.workers for part in parts if part.workers > 0)
    shape["xaxis"].update(range=[short(below), short(above)], zeroline=True)
    return {"data": bars, "layout": shape}


def item_times_figure(sorted_in: Histogram) -> Figure:
    """Return a bar a bin, with marks at the median, at 95 % and at the longest."""
    unit, bins = sorted_in.unit, sorted_in.bins
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
    most = highest * 1.1
    marks = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": f"{name} {at:.4g} {unit}",
            "x": [short(at)] * 2,
            "y": [0, most],
            "line": {"color": colour, "width": 2, "dash": dash},
            "hoverinfo": "name",
            "hoverlabel": {"namelength": -1},
        }
        for name, at, colour, dash in (
            ("median", sorted_in.median, "--ink", "solid"),
            ("95 %", sorted_in.ninety_fifth, "--slower", "dash"),
            ("longest", sorted_in.longest, "--failed", "dot"),
        )
    ]
    shape = layout(height=290, x_title=f"time of an item ({unit})", y_title="items")
    shape["yaxis"].update(range=[0, most], **whole_ticks(highest))
    shape["bargap"] = 0
    if sorted_in.is_log:
        shape["xaxis"].update(type="log", dtick=1, minor={"ticks": "outside", "dtick": "D2"})
    return {"data": [bars, *marks], "layout": shape}


def errors_figure(frequent: Sequence[tuple[str, int]]) -> Figure:
    """Return a bar a type of error, the most frequent on top."""
    shown = list(frequent[:MOST_BARS])
    if rest := frequent[MOST_BARS:]:
        shown.append((f"{len(rest)} other types", sum(number for _, number in rest)))
    places = list(range(len(shown)))
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [number for _, number in shown],
        "y": places,
        "width": 0.5,
        "text": [f"{number:,}" for _, number in shown],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": "--failed"},
        "hovertext": [f"<b>{chart_text(name)}</b><br>{number:,}" for name, number in shown],
        "hoverinfo": "text",
    }
    shape = layout(height=80 + ROW_PX * len(shown), x_title="failed items")
    shape["xaxis"].update(rangemode="tozero", **whole_ticks(shown[0][1]))
    shape.update(named_rows([name for name, _ in shown]))
    shape["margin"]["r"] = 48
    return {"data": [bars], "layout": shape}


def overview_figure(compared: Sequence[tuple[str, Comparison]]) -> Figure:
    """Return each case's speedup, and its limit as a mark beyond it."""
    places = list(range(len(compared)))
    names = [chart_text(name) for name, _ in compared]
    speedups = {
        "type": "bar",
        "orientation": "h",
        "name": "speedup",
        "x": [short(one.speedup) for _, one in compared],
        "y": places,
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
        "y": places,
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
    shape = layout(height=80 + ROW_PX * len(compared), x_title="speedup")
    shape["xaxis"].update(rangemode="tozero", ticksuffix="x")
    shape.update(named_rows([name for name, _ in compared]))
    return {"data": [speedups, limits], "layout": shape}
