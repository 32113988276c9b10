"""Makes a block of a document from the figure of a chart."""

from __future__ import annotations

from ..charts.style import Figure
from .model import Chart, LegendEntry, Table

__all__ = ["chart_block"]


def chart_block(
    figure: Figure, description: str, table: Table | None, *, table_stands_in: bool = True
) -> Chart:
    """Return the chart of `figure`, with a legend of those of its traces that have a name."""
    legend = tuple(_legend_entry(trace) for trace in figure["data"] if "name" in trace)
    return Chart(figure, legend, description, table, table_stands_in)


def _legend_entry(trace: Figure) -> LegendEntry:
    if trace["type"] == "bar":
        hatched = bool(trace["marker"].get("pattern", {}).get("shape"))
        return LegendEntry(trace["name"], trace["marker"]["color"], "hatch" if hatched else "box")
    if trace["mode"] == "markers":
        shape = "tick" if trace["marker"]["symbol"].startswith("line") else "mark"
        return LegendEntry(trace["name"], trace["marker"]["color"], shape)
    return LegendEntry(trace["name"], trace["line"]["color"], trace["line"]["dash"])
