"""The look and the parts that the charts share, as plain specifications for Plotly.

A colour is the name of a custom property of the page (`--work`), which gives it one value on a
light and another on a dark background. Plotly reads text in charts as HTML: no text from data is in
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

__all__ = [
    "Figure",
    "layout",
    "line",
    "markers",
    "short",
    "whole_ticks",
]

Figure = dict[str, Any]

MAX_SPARSE_COUNT = 8
"""Below this, an axis of counts gets a tick for each."""


def layout(*, height: int, x_title: str, y_title: str = "") -> Figure:
    """Return the layout that all charts start from; a chart that can be zoomed changes it."""
    axis = {
        "automargin": True,
        "fixedrange": True,
        "gridcolor": "--grid",
        "zerolinecolor": "--axis",
        "zeroline": False,
        "linecolor": "--axis",
        "tickcolor": "--axis",
    }
    return {
        "height": height,
        "autosize": True,
        "dragmode": False,
        "paper_bgcolor": "--surface",
        "plot_bgcolor": "--surface",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "--ink"},
        "margin": {"l": 12, "r": 16, "t": 12, "b": 12},
        "xaxis": {**axis, "tickangle": 0, "title": _axis_title(x_title)},
        "yaxis": {**axis, "title": _axis_title(y_title)},
        "showlegend": False,  # Plotly's does not fit a phone; the page has its own
        "hoverlabel": {
            "align": "left",
            "bgcolor": "--tip",
            "bordercolor": "--axis",
            "font": {"color": "--ink", "family": "system-ui, sans-serif", "size": 13},
        },
    }


def whole_ticks(max_count: int) -> Figure:
    """Return the ticks of an axis of counts: at whole numbers only, and at each only once."""
    few = {"tick0": 0, "dtick": 1} if max_count < MAX_SPARSE_COUNT else {}
    return {"tickformat": ",d", **few}


def line(
    name: str, workers: Sequence[float], speedups: Sequence[float], colour: str, *, dash: str
) -> Figure:
    """Return a line of speedups over worker counts."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [short(count) for count in workers],
        "y": [short(speedup) for speedup in speedups],
        "line": {"color": colour, "width": 2, "dash": dash},
        "hovertemplate": f"{name}: %{{y:.2f}}x with %{{x:.0f}} workers<extra></extra>",
    }


def markers(
    name: str,
    workers: Sequence[int],
    speedups: Sequence[float],
    colour: str,
    symbol: str,
    size: int,
) -> Figure:
    """Return speedups over worker counts as separate marks, `size` in pixels."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(workers),
        "y": [short(speedup) for speedup in speedups],
        "marker": {
            "color": colour,
            "symbol": symbol,
            "size": size,
            "line": {"width": 2, "color": "--surface"},
        },
        "hovertemplate": f"{name}: %{{y:.2f}}x with %{{x}} workers<extra></extra>",
    }


def short(number: float) -> float | None:
    """Return a number with no more digits than a screen can show, to keep the page small.

    A number that is not finite becomes `None`: neither JSON nor a chart can show it.
    """
    return float(f"{number:.7g}") if isfinite(number) else None


def _axis_title(text: str) -> Figure:
    return {"text": text, "standoff": 8, "font": {"size": 13}}
