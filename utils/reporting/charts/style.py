"""What the charts are put together from, as plain specifications for the chart library.

A colour is the name of one of the page's custom properties (`--work`), so that the page can put
in what fits light or dark. Text of charts is read as HTML by the library: what comes from data
goes through `chart_text`, and never into a template.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from ..document.model import Chart, LegendEntry, Table
from ..escaping import chart_text

__all__ = [
    "ROW_PX",
    "Figure",
    "charted",
    "hatching",
    "layout",
    "line",
    "markers",
    "named_rows",
    "short",
    "whole_ticks",
]

Figure = dict[str, Any]

LONGEST_NAME = 44
"""As many characters as a phone has room for."""
ROW_PX = 48
"""Height of a row with its name."""


def layout(*, height: int, x_title: str, y_title: str = "") -> Figure:
    """Return what all charts look like; only a timeline can be zoomed, and only along its time."""
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
        "showlegend": False,  # the page has a better one: that of the library does not fit a phone
        "hoverlabel": {
            "align": "left",
            "bgcolor": "--tip",
            "bordercolor": "--axis",
            "font": {"color": "--ink", "family": "system-ui, sans-serif", "size": 13},
        },
    }


def named_rows(names: Sequence[str]) -> Figure:
    """Return the layout of rows, each under its name, the first on top; names may be alike.

    Beside the rows, the names would leave no room for them on a phone.
    """
    return {
        "yaxis": {"range": [len(names) - 0.5, -0.7], "visible": False, "fixedrange": True},
        "annotations": [
            {
                "text": chart_text(name, most=LONGEST_NAME),
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": row - 0.28,
                "yanchor": "bottom",
                "showarrow": False,
                "borderpad": 0,
            }
            for row, name in enumerate(names)
        ],
    }


def hatching(shape: str) -> Figure:
    """Return the pattern of bars that must be told apart by more than colour; "" for none."""
    return {"shape": shape, "fgcolor": "--surface", "fillmode": "overlay", "size": 6}


def whole_ticks(most: int) -> Figure:
    """Return the ticks of an axis of counts, so that none is written twice or between two."""
    return {"tickformat": ",d", **({"tick0": 0, "dtick": 1} if most < 8 else {})}


def line(
    name: str, workers: Sequence[float], speedups: Sequence[float], colour: str, *, dash: str
) -> Figure:
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


def short(figure: float) -> float | None:
    """Return a figure with no more digits than a screen can show, to keep the page small.

    What is not finite has no place in JSON nor in a chart, and is left out of both.
    """
    return float(f"{figure:.7g}") if isfinite(figure) else None


def charted(
    figure: Figure, told: str, table: Table | None, *, table_stands_in: bool = True
) -> Chart:
    """Return the chart of `figure`, with a legend of those of its traces that have a name."""
    legend = tuple(_legend_entry(trace) for trace in figure["data"] if "name" in trace)
    return Chart(figure, legend, told, table, table_stands_in)


def _axis_title(text: str) -> Figure:
    return {"text": text, "standoff": 8, "font": {"size": 13}}


def _legend_entry(trace: Figure) -> LegendEntry:
    if trace["type"] == "bar":
        hatched = bool(trace["marker"].get("pattern", {}).get("shape"))
        return LegendEntry(trace["name"], trace["marker"]["color"], "hatch" if hatched else "box")
    if trace["mode"] == "markers":
        shape = "tick" if trace["marker"]["symbol"].startswith("line") else "mark"
        return LegendEntry(trace["name"], trace["marker"]["color"], shape)
    return LegendEntry(trace["name"], trace["line"]["color"], trace["line"]["dash"])
