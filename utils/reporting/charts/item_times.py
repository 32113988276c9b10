"""The chart of how long items took."""

from __future__ import annotations

from ...analysis.histogram import Histogram
from .style import Figure, layout, short, whole_ticks

__all__ = ["item_times_figure"]


def item_times_figure(binned: Histogram) -> Figure:
    """Return a bar for each bin, with lines at the median, at p95 and at the longest time."""
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
            ("p95", binned.ninety_fifth, "--slower", "dash"),
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
