"""The chart of speedup by number of workers."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.aggregates import fitted_curve
from ...analysis.records import Comparison, Sweep
from ..text.layout import plural
from .style import Figure, layout, line, markers, short, whole_ticks

__all__ = ["speedup_figure"]


def speedup_figure(compared: Comparison | None, sweep: Sweep | None) -> Figure:
    """Return speedup over workers: measured, predicted, fitted, and what was possible."""
    data: list[Figure] = []
    highest: list[float] = [1.0]
    most_workers = max(_worker_counts(compared, sweep), default=1)
    if sweep is not None:
        points = sweep.points
        counts = [point.workers for point in points]
        curve = fitted_curve(sweep)
        data += [
            line("limit", counts, [point.limit for point in points], "--limit", dash="dash"),
            line(
                "fit (USL)",
                [workers for workers, _ in curve],
                [speedup for _, speedup in curve],
                "--fit",
                dash="solid",
            ),
            markers("measured", counts, [p.speedup for p in points], "--work", "circle", 10),
        ]
        highest += [max(point.limit, point.speedup, point.fitted) for point in points]
    if compared is not None and sweep is None:
        predicted = compared.predictions
        used = compared.workers
        data.append(
            line(
                f"limit with {used} {plural('worker', used)}",
                [0, used],
                [compared.limit] * 2,
                "--limit",
                dash="dash",
            )
            | {"hovertemplate": "limit %{y:.2f}x<extra></extra>"}
        )
        if predicted:
            data.append(
                line(
                    "predicted",
                    [one.workers for one in predicted],
                    [one.speedup for one in predicted],
                    "--fit",
                    dash="dot",
                )
                | {"mode": "lines+markers", "marker": {"size": 7, "color": "--fit"}}
            )
        highest += [compared.limit, *(one.speedup for one in predicted)]
    if compared is not None:
        name = "measured" if sweep is None else "measured by the comparison"
        data.append(
            markers(name, [compared.workers], [compared.speedup], "--failed", "diamond", 14)
        )
        highest.append(compared.speedup)
    shape = layout(height=320, x_title="workers", y_title="speedup")
    shape["xaxis"].update(rangemode="tozero", **whole_ticks(most_workers))
    shape["yaxis"].update(range=[0, short(max(highest) * 1.12)], ticksuffix="x")
    shape["hovermode"] = "closest"
    return {"data": data, "layout": shape}


def _worker_counts(compared: Comparison | None, sweep: Sweep | None) -> Iterator[int]:
    if compared is not None:
        yield compared.workers
        yield from (one.workers for one in compared.predictions if sweep is None)
    if sweep is not None:
        yield from (point.workers for point in sweep.points)
