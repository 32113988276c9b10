"""The timelines of more workers than a screen has rows for: how busy they were, how many ran."""

from __future__ import annotations

from ...analysis.worker_load import worker_loads
from ...execution.trace import Trace
from ..wording import seconds
from .style import Figure, layout, line, short, whole_ticks

__all__ = ["density_figure", "in_flight_figure"]

INTERVALS = 160
"""Columns of the chart: about as many as a phone can tell apart."""

MAX_BANDS = 80
"""With more workers, several that follow each other share a row."""

HEIGHT_PX = 430
IN_FLIGHT_HEIGHT_PX = 260


def density_figure(trace: Trace) -> Figure:
    """Return how busy the workers were in each interval: a row each, or for several together."""
    a_band = -(-trace.workers // MAX_BANDS)
    bands = [[0.0] * INTERVALS for _ in range(-(-trace.workers // a_band))]
    for load in worker_loads(trace, intervals=INTERVALS):
        band = bands[load.worker // a_band]
        for interval, share in enumerate(load.shares):
            band[interval] += share / a_band
    interval_s = trace.wall_s / INTERVALS
    busy = {
        "type": "heatmap",
        "x0": short(interval_s / 2),
        "dx": short(interval_s),
        "y0": (a_band - 1) / 2,
        "dy": a_band,
        "z": [[round(min(1.0, share), 3) for share in band] for band in bands],
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "--surface"], [1, "--work"]],
        "showscale": False,
        "hovertemplate": "worker %{y}, %{x:.3g} s: %{z:.0%} busy<extra></extra>",
    }
    failed = [span for span in trace.spans if span.failed]
    failures = {
        "type": "scatter",
        "mode": "markers",
        "name": "with failures",
        "x": [short(span.ended_s) for span in failed],
        "y": [span.worker for span in failed],
        "marker": {
            "color": "--failed",
            "symbol": "circle",
            "size": 4,
            "line": {"width": 0, "color": "--surface"},
        },
        "hovertemplate": "worker %{y}: failed by %{x:.3g} s<extra></extra>",
    }
    figure_layout = layout(height=HEIGHT_PX, x_title="seconds since the start", y_title="worker")
    figure_layout["xaxis"].update(range=[0, short(trace.wall_s)])
    figure_layout["yaxis"].update(range=[trace.workers - 0.5, -0.5], showgrid=False, tickformat="d")
    return {"data": [busy, *([failures] if failed else [])], "layout": figure_layout}


def in_flight_figure(trace: Trace) -> Figure:
    """Return how many items were in flight over the run, with the most that could be.

    Where items of a batch began one after another, which their record does not tell, the means may
    be above that; then the most is shown.
    """
    interval_s, means = trace.in_flight_interval_s, trace.in_flight
    texts = [
        f"{min(mean, trace.workers):,.0f} in flight, {seconds(interval_s * number)}"
        for number, mean in enumerate(means)
    ]
    in_flight = {
        "type": "scatter",
        "mode": "lines",
        "name": "items in flight",
        "x": [short(interval_s * (number + 0.5)) for number in range(len(means))],
        "y": [short(min(mean, trace.workers)) for mean in means],
        "line": {"color": "--work", "width": 1.5, "shape": "hvh", "dash": "solid"},
        "fill": "tozeroy",
        "fillcolor": "--work-page",
        "hovertext": texts,
        "hoverinfo": "text",
    }
    most = line(
        f"at most {trace.workers:,}", [0, trace.wall_s], [trace.workers] * 2, "--limit", dash="dash"
    )
    most["hovertemplate"] = "at most %{y:,}<extra></extra>"
    figure_layout = layout(
        height=IN_FLIGHT_HEIGHT_PX, x_title="seconds since the start", y_title="items in flight"
    )
    figure_layout["xaxis"].update(range=[0, short(trace.wall_s)])
    figure_layout["yaxis"].update(range=[0, trace.workers * 1.08], **whole_ticks(trace.workers))
    return {"data": [in_flight, most], "layout": figure_layout}
