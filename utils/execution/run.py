"""One walk over all items: the scheduler with its linings.

items -> batches -> executor: processor -> records -> recorder -> progress -> metrics -> results
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from batchmap.checkpoint.recorder import Recorder
from batchmap.clock import SYSTEM_CLOCK
from batchmap.command.progress import Activity, show_progress
from batchmap.command.run_settings import RunSettings
from batchmap.command.settings import EngineSettings
from batchmap.engine import run_plan, stream_batches
from batchmap.metrics import RunMetrics
from batchmap.records import Batch, BatchRecord, Plan, RunSummary
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.stopping import StopRequest
from batchmap.worker.processor import BatchProcessor

from ..analysis.correctness.result_log import ResultLog
from ..cli.settings import Settings
from ..workloads.simulated import WORKLOADS, SimulatedFailure
from .system_monitor import SystemMonitor, probed_s
from .trace import Trace
from .trace_builder import TraceBuilder

__all__ = ["RunRequest", "RunResult", "built_in_function", "execute_run"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is to be walked, and how."""

    plan: Plan
    items: Iterable[Any]
    total_items: int | None
    batches: Iterable[Batch] | None
    """`None`: cut while the items are measured."""
    compared_workers: int
    """For how many ideal workers the items' times are added up, too."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a walk."""

    plan: Plan
    """As it was in the end."""
    summary: RunSummary
    trace: Trace
    results: ResultLog | None
    """`None` where they are not kept."""


def execute_run(
    asked: RunRequest,
    settings: EngineSettings,
    *,
    function: Callable[[Any], Any] | None,
    recorder: Recorder | None,
    stop: StopRequest,
    keep_results: bool,
    label: str,
) -> RunResult:
    """Take every item through the scheduler and return the sums.

    `function` stands in for the workload's own; with a `recorder`, what becomes of the items is
    kept as it says. `label` goes before the progress.
    """
    plans = [asked.plan]
    activity = None if recorder is None else Activity(expected=recorder.items.expected)
    metrics = RunMetrics(
        workers=asked.compared_workers, expected_errors={SimulatedFailure.__name__}
    )
    results = ResultLog() if keep_results else None
    schedulers: list[BatchScheduler] = []
    system_monitor = SystemMonitor(probe_s=probed_s() if keep_results else None)
    started_s = SYSTEM_CLOCK.now()
    trace_builder = TraceBuilder(began_s=started_s, coroutines=lambda: plans[-1].backend == "async")

    def on_scheduler(scheduler: BatchScheduler) -> None:
        schedulers[:] = [scheduler]
        if activity is not None:
            activity.busy = lambda: min(scheduler.in_flight, plans[-1].workers)

    records = _records(asked, settings, function, recorder, stop, plans.append, on_scheduler)
    if recorder is not None:
        records = recorder.observe(records)
    records = show_progress(
        records,
        phase=label,
        total=asked.total_items,
        activity=activity,
        enabled=settings.progress and not settings.quiet,
        stop=stop,
    )
    records = trace_builder.observe(metrics.observe(records))
    if results is not None:
        records = results.observe(records)
    for _ in records:
        pass
    wall_s = SYSTEM_CLOCK.now() - started_s
    plan = plans[-1]
    summary = metrics.summary(total_duration_s=wall_s, plan=plan, interrupted=stop.requested)
    trace = trace_builder.trace(
        wall_s=wall_s,
        busy_s=summary.busy_s,
        workers=summary.workers,
        surroundings=system_monitor.surroundings(
            wall_s=wall_s,
            workers_cpu_s=summary.cpu_s if plan.backend == "process" else 0.0,
            carried_bytes=sum(scheduler.carried_bytes for scheduler in schedulers),
        ),
    )
    return RunResult(plan, summary, trace, results)


def _records(
    asked: RunRequest,
    settings: EngineSettings,
    function: Callable[[Any], Any] | None,
    recorder: Recorder | None,
    stop: StopRequest,
    on_plan: Callable[[Plan], None],
    on_scheduler: Callable[[BatchScheduler], None],
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
            max_batch_size=recorder.most_together,
        )
    if asked.batches is not None:
        return run_plan(
            processor,
            asked.batches,
            asked.plan,
            limits=limits,
            stop=stop,
            on_scheduler=on_scheduler,
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
        on_scheduler=on_scheduler,
        scheduler=settings.scheduler if isinstance(settings, RunSettings) else None,
    )


def built_in_function(settings: Settings, backend: str) -> Callable[[Any], Any]:
    """Return the function of the workload that `settings` name."""
    workload = WORKLOADS[settings.workload]
    work = workload.function(settings.seed, settings.latency_s, settings.failure_rate)
    return work.as_coroutine() if backend == "async" else work
