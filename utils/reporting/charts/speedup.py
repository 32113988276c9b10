"""The chart of speedup by number of workers."""

from __future__ import annotations

from collections.abc import Iterator

from batchmap.command.text_layout import plural

from ...analysis.benchmark_records import Sweep
from ...analysis.records import Comparison
from ...analysis.scaling import fitted_curve
from .style import Figure, layout, line, markers, short, whole_ticks

__all__ = ["speedup_figure"]


def speedup_figure(compared: Comparison | None, sweep: Sweep | None) -> Figure:
    """Return speedup over workers: measured, the limit, and what is fitted or else predicted."""
    data: list[Figure] = []
    if sweep is not None:
        data += _sweep_traces(sweep)
    elif compared is not None:
        data += _prediction_traces(compared)
    if compared is not None:
        name = "measured" if sweep is None else "measured by the comparison"
        data.append(
            markers(name, [compared.workers], [compared.speedup], "--failed", "diamond", 14)
        )
    figure_layout = layout(height=320, x_title="workers", y_title="speedup")
    max_workers = max(_worker_counts(compared, sweep), default=1)
    highest = max([1.0, *_heights(compared, sweep)])
    figure_layout["xaxis"].update(rangemode="tozero", **whole_ticks(max_workers))
    figure_layout["yaxis"].update(range=[0, short(highest * 1.12)], ticksuffix="x")
    figure_layout["hovermode"] = "closest"
    return {"data": data, "layout": figure_layout}


def _sweep_traces(sweep: Sweep) -> list[Figure]:
    points, curve = sweep.points, fitted_curve(sweep)
    counts = [point.workers for point in points]
    return [
        line("limit", counts, [point.limit for point in points], "--limit", dash="dash"),
        line(
            "fit (USL)",
            [workers for workers, _ in curve],
            [speedup for _, speedup in curve],
            "--fit",
            dash="solid",
        ),
        markers("measured", counts, [point.speedup for point in points], "--work", "circle", 10),
    ]


def _prediction_traces(compared: Comparison) -> list[Figure]:
    used, predicted = compared.workers, compared.predictions
    limit = line(
        f"limit with {used} {plural('worker', used)}",
        [0, used],
        [compared.limit] * 2,
        "--limit",
        dash="dash",
    )
    limit["hovertemplate"] = "limit %{y:.2f}x<extra></extra>"
    if not predicted:
        return [limit]
    predictions = line(
        "predicted",
        [one.workers for one in predicted],
        [one.speedup for one in predicted],
        "--fit",
        dash="dot",
    )
    return [
        limit,
        predictions | {"mode": "lines+markers", "marker": {"size": 7, "color": "--fit"}},
    ]


def _worker_counts(compared: Comparison | None, sweep: Sweep | None) -> Iterator[int]:
    if compared is not None:
        yield compared.workers
        yield from (one.workers for one in compared.predictions if sweep is None)
    if sweep is not None:
        yield from (point.workers for point in sweep.points)


def _heights(compared: Comparison | None, sweep: Sweep | None) -> Iterator[float]:
    if sweep is not None:
        for point in sweep.points:
            yield max(point.limit, point.speedup, point.fitted)
    elif compared is not None:
        yield compared.limit
        yield from (one.speedup for one in compared.predictions)
    if compared is not None:
        yield compared.speedup
