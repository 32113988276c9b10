"""The chart of how many items were allowed at once over time."""

from __future__ import annotations

from batchmap.concurrency import Concurrency

from .style import Figure, layout, short, whole_ticks

__all__ = ["concurrency_figure"]


def concurrency_figure(found: Concurrency, wall_s: float) -> Figure:
    """Return the limit in steps from the beginning of a run, which took `wall_s` seconds."""
    times_s = [at_s for at_s, _ in found.history]
    limits = [limit for _, limit in found.history]
    data = {
        "type": "scatter",
        "mode": "lines",
        "name": "allowed at once",
        "x": [short(at_s) for at_s in [*times_s, max(wall_s, *times_s)]],
        "y": [*limits, limits[-1]],
        "line": {"color": "--work", "width": 2, "dash": "solid", "shape": "hv"},
        "hovertemplate": "%{y:,d} at once from %{x:.2f} s on<extra></extra>",
    }
    figure_layout = layout(height=200, x_title="seconds", y_title="at once")
    figure_layout["xaxis"].update(rangemode="tozero")
    figure_layout["yaxis"].update(rangemode="tozero", **whole_ticks(max(limits)))
    figure_layout["hovermode"] = "closest"
    return {"data": [data], "layout": figure_layout}
