"""The figures of a run in Prometheus' text form, by names of its conventions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from batchmap.command.monitoring.run_figures import RunFigures
from batchmap.command.monitoring.run_totals import BOUNDS_S, OTHER_TYPES
from batchmap.optional import require

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["LAST_SUCCESS", "RunInfo", "are_metrics", "last_success_in", "metrics_text"]

LAST_SUCCESS = "batchmap_run_last_success_timestamp_seconds"

_PURPOSE = "--metrics-file"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is told of a run beside its figures; times are in seconds since 1970."""

    name: str
    """What tells its metrics from those of other runs on this machine."""
    task: str
    version: str
    started_s: float
    ended_s: float | None
    """`None` while it goes on."""
    exit_code: int | None
    """`None` while it goes on."""
    last_success_s: float | None
    """When a run of this name ended with exit code 0 last; `None` where that is not known."""


def metrics_text(run: RunInfo, figures: RunFigures) -> str:
    """Return the metrics; raises `UsageError` where the library that writes them is missing."""
    library = require("prometheus_client", "operations", _PURPOSE)

    class Collector:
        """Yields the metrics once: nothing of the library's own registry or files is used."""

        def collect(self) -> Iterator[Metric]:
            yield from _of_run(run, figures)
            yield from _of_items(run, figures)

    registry = library.CollectorRegistry()
    registry.register(Collector())
    text: bytes = library.generate_latest(registry)
    return text.decode()


def are_metrics(text: str) -> bool:
    """Tell whether a text is one that `metrics_text` has returned."""
    return text.startswith("# HELP batchmap_run_info ")


def last_success_in(text: str, name: str) -> float | None:
    """Return when a run called `name` last ended well, by the metrics that it wrote."""
    parser = require("prometheus_client.parser", "operations", _PURPOSE)
    try:
        for metric in parser.text_string_to_metric_families(text):
            for sample in metric.samples:
                if sample.name == LAST_SUCCESS and sample.labels.get("run") == name:
                    return float(sample.value)
    except ValueError:  # it holds something else
        return None
    return None


def _of_run(run: RunInfo, figures: RunFigures) -> Iterator[Metric]:
    core = require("prometheus_client.core", "operations", _PURPOSE)
    info = core.InfoMetricFamily("batchmap_run", "What runs.", labels=["run"])
    about = {"task": run.task, "backend": figures.backend, "version": run.version}
    info.add_metric([run.name], about)
    yield info
    gauges: tuple[tuple[str, str, float | None], ...] = (
        ("batchmap_run_in_progress", "1 while it runs, else 0.", float(run.ended_s is None)),
        ("batchmap_run_start_timestamp_seconds", "When it began.", run.started_s),
        ("batchmap_run_end_timestamp_seconds", "When it ended, once it has.", run.ended_s),
        ("batchmap_run_exit_code", "Its exit code, once it has ended.", run.exit_code),
        (
            LAST_SUCCESS,
            "When a run with this file last ended with exit code 0.",
            run.last_success_s,
        ),
        ("batchmap_workers", "Workers that are planned.", figures.workers),
        ("batchmap_workers_busy", "Workers that run a batch.", figures.busy_workers),
        (
            "batchmap_batches_in_flight",
            "Batches handed to workers and not finished.",
            figures.batches_in_flight,
        ),
        ("batchmap_items_per_second", "Items done a second, of late.", figures.rate),
        ("batchmap_items_expected", "Items to be done in all, where known.", figures.total),
    )
    for name, meaning, value in gauges:
        if value is not None:
            gauge = core.GaugeMetricFamily(name, meaning, labels=["run"])
            gauge.add_metric([run.name], value)
            yield gauge


def _of_items(run: RunInfo, figures: RunFigures) -> Iterator[Metric]:
    core: Any = require("prometheus_client.core", "operations", _PURPOSE)
    totals = figures.totals
    done = core.CounterMetricFamily(
        "batchmap_items_done", "Items whose results were written.", labels=["run"]
    )
    done.add_metric([run.name], figures.counts.succeeded)
    yield done
    failed = core.CounterMetricFamily(
        "batchmap_items_failed", "Items that failed.", labels=["run", "error_type"]
    )
    for error_type, number in {OTHER_TYPES: 0, **totals.failed_by_type}.items():
        failed.add_metric([run.name, error_type], number)
    yield failed
    retries = core.CounterMetricFamily(
        "batchmap_items_retries", "Attempts beyond the first.", labels=["run"]
    )
    retries.add_metric([run.name], figures.counts.retries)
    yield retries
    times = core.HistogramMetricFamily(
        "batchmap_item_duration_seconds", "How long items held their workers.", labels=["run"]
    )
    bounds = [*map(str, BOUNDS_S), "+Inf"]
    counts = list(zip(bounds, accumulate(totals.buckets), strict=True))
    times.add_metric([run.name], counts, totals.busy_s)
    yield times
