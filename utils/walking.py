"""One walk over all items: the corridor with its linings.

items -> batches -> executor: processor -> records -> recorder -> progress -> metrics -> results
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from utils.clock import SYSTEM_CLOCK
from utils.engine import run_plan, stream_batches
from utils.limits import Limits
from utils.metrics import RunMetrics
from utils.processing import BatchProcessor
from utils.progress import Activity, show_progress
from utils.recording import Recorder
from utils.records import Batch, BatchRecord, Plan, RunSummary
from utils.results import ResultLog
from utils.run_settings import RunSettings
from utils.running import Corridor
from utils.settings import EngineSettings, Settings
from utils.stopping import StopRequest
from utils.surroundings import Lookout, probed_s
from utils.traces import Trace
from utils.tracing import Tracer
from utils.workloads import WORKLOADS, SimulatedFailure

__all__ = ["Walk", "Walked", "built_in_function", "walk"]


@dataclass(frozen=True, slots=True)
class Walk:
    """What is to be walked, and how."""

    plan: Plan
    items: Iterable[Any]
    total_items: int | None
    batches: Iterable[Batch] | None
    """`None`: cut while the items are measured."""
    compared_workers: int
    """For how many ideal workers the items' times are added up, too."""


@dataclass(frozen=True, slots=True)
class Walked:
    """What came of a walk."""

    plan: Plan
    """As it was in the end."""
    summary: RunSummary
    trace: Trace
    results: ResultLog | None
    """`None` where they are not kept."""


def walk(
    asked: Walk,
    settings: EngineSettings,
    *,
    function: Callable[[Any], Any] | None,
    recorder: Recorder | None,
    stop: StopRequest,
    keep_results: bool,
    label: str,
) -> Walked:
    """Take every item through the corridor and return the sums.

    `function` stands in for the workload's own; with a `recorder`, what becomes of the items is
    kept as it says. `label` goes before the progress.
    """
    plans = [asked.plan]
    activity = None if recorder is None else Activity(expected=recorder.items.expected)
    metrics = RunMetrics(
        workers=asked.compared_workers, expected_errors={SimulatedFailure.__name__}
    )
    results = ResultLog() if keep_results else None
    corridors: list[Corridor] = []
    lookout = Lookout(probe_s=probed_s() if keep_results else None)
    started_s = SYSTEM_CLOCK.now()
    tracer = Tracer(began_s=started_s, coroutines=lambda: plans[-1].backend == "async")

    def on_corridor(corridor: Corridor) -> None:
        corridors[:] = [corridor]
        if activity is not None:
            activity.busy = lambda: min(corridor.under_way, plans[-1].workers)

    records = _records(asked, settings, function, recorder, stop, plans.append, on_corridor)
    if recorder is not None:
        records = recorder.watch(records)
    records = show_progress(
        records,
        phase=label,
        total=asked.total_items,
        activity=activity,
        enabled=settings.progress and not settings.quiet,
        stop=stop,
    )
    records = tracer.watch(metrics.watch(records))
    if results is not None:
        records = results.watch(records)
    for _ in records:
        pass
    wall_s = SYSTEM_CLOCK.now() - started_s
    plan = plans[-1]
    summary = metrics.summary(total_duration_s=wall_s, plan=plan, interrupted=stop.requested)
    trace = tracer.trace(
        wall_s=wall_s,
        busy_s=summary.busy_s,
        workers=summary.workers,
        surroundings=lookout.surroundings(
            wall_s=wall_s,
            workers_cpu_s=summary.cpu_s if plan.backend == "process" else 0.0,
            carried_bytes=sum(corridor.carried_bytes for corridor in corridors),
        ),
    )
    return Walked(plan, summary, trace, results)


def _records(
    asked: Walk,
    settings: EngineSettings,
    function: Callable[[Any], Any] | None,
    recorder: Recorder | None,
    stop: StopRequest,
    on_plan: Callable[[Plan], None],
    on_corridor: Callable[[Corridor], None],
) -> Iterator[BatchRecord]:
    if function is None:
        assert isinstance(settings, Settings)
        function = built_in_function(settings, asked.plan.backend)
    processor = BatchProcessor(function, stop=stop)
    limits = Limits(retries=settings.retries, timeout_s=settings.timeout_s, rate=settings.rate)
    if isinstance(settings, RunSettings) and recorder is not None:
        limits = replace(
            limits,
            memory_floor_bytes=settings.memory_floor_bytes,
            has_room=recorder.has_room,
            most_together=recorder.most_together,
        )
    if asked.batches is not None:
        return run_plan(
            processor,
            asked.batches,
            asked.plan,
            limits=limits,
            stop=stop,
            on_corridor=on_corridor,
        )
    return stream_batches(
        processor,
        asked.items,
        total=asked.total_items,
        expected=None if recorder is None else recorder.items.expected(),
        backend=asked.plan.backend,
        workers=settings.workers,
        batch_size=settings.batch_size,
        limits=limits,
        stop=stop,
        on_plan=on_plan,
        on_corridor=on_corridor,
        scheduler=settings.scheduler if isinstance(settings, RunSettings) else None,
    )


def built_in_function(settings: Settings, backend: str) -> Callable[[Any], Any]:
    """Return the function of the workload that `settings` name."""
    workload = WORKLOADS[settings.workload]
    work = workload.function(settings.seed, settings.latency_s, settings.failure_rate)
    return work.as_coroutine() if backend == "async" else work
