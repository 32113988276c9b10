"""One run over all items, and what is measured of it.

records, as the engine yields them -> progress -> results -> metrics -> trace
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.command.settings import CommandSettings
from batchmap.engine import RunState, run_plan, stream_batches
from batchmap.job import RunObserver
from batchmap.metrics import RunMetrics, RunSummary
from batchmap.records import Batch, BatchRecord, Plan
from batchmap.slow_items import Facts
from batchmap.stopping import StopRequest

from ..cli.compared_task import ComparedTask
from ..workloads.built_in import SimulatedFailure
from .system_monitor import SystemMonitor, probed_s
from .trace import Trace
from .trace_builder import TraceBuilder

__all__ = ["RunRequest", "RunResult", "execute_run", "run_items"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is to be run, and how."""

    plan: Plan
    items: Iterable[Any]
    total_items: int | None
    """`None` when unknown."""
    batches: Iterable[Batch] | None
    """`None`: cut while the items are measured."""
    compared_workers: int
    """For how many ideal workers the metrics compute the makespan of the items; for the sequential
    run, as many as the parallel run has that it is compared with."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run."""

    plan: Plan
    """As it was in the end."""
    summary: RunSummary
    trace: Trace


def run_items(
    request: RunRequest,
    settings: CommandSettings,
    task: ComparedTask,
    *,
    state: RunState,
    stop: StopRequest,
) -> Iterator[BatchRecord]:
    """Yield the records of the items of `request`, by its plan or by one that is made meanwhile."""
    processor = task.processor(stop=stop)
    limits = task.limits(settings)
    if request.batches is not None:
        return run_plan(
            processor, request.batches, request.plan, limits=limits, stop=stop, state=state
        )
    return stream_batches(
        processor,
        task.items_of(request.items),
        replace(settings, backend=request.plan.backend),
        total=request.total_items,
        limits=limits,
        stop=stop,
        state=state,
    )


def execute_run(
    records: Iterator[BatchRecord],
    request: RunRequest,
    *,
    state: RunState,
    observers: Sequence[RunObserver] = (),
    facts: Callable[[int], Facts] | None = None,
    items_at: Callable[[Collection[int]], Mapping[int, Any]] | None = None,
    probes_machine: bool,
    stop: StopRequest,
) -> RunResult:
    """Take all of `records` and return the sums and the trace of the run.

    Each of `observers` sees the records, the first one first, then metrics and trace do. `facts`
    tells what is known of the item at an index, where nothing else looks for slow ones; `items_at`
    returns such items after the run that could not be had meanwhile. With `probes_machine`, a fixed
    piece of work is timed before, which tells how fast the machine is.
    """
    state.plan = state.plan or request.plan
    metrics = RunMetrics(
        workers=request.compared_workers,
        expected_errors={SimulatedFailure.__name__},
        facts=facts,
    )
    system_monitor = SystemMonitor(probe_s=probed_s() if probes_machine else None)
    started_s = SYSTEM_CLOCK.now()
    trace_builder = TraceBuilder(began_s=started_s, coroutines=lambda: state.is_async)
    for observer in (*observers, metrics, trace_builder):
        records = observer.observe(records)
    for _ in records:
        pass
    wall_s = SYSTEM_CLOCK.now() - started_s
    plan = state.plan or request.plan
    workers_cpu_s = metrics.cpu_s if plan.backend == "process" else 0.0
    surroundings = system_monitor.surroundings(
        wall_s=wall_s, workers_cpu_s=workers_cpu_s, carried_bytes=state.carried_bytes
    )
    if items_at is not None and not stop.requested:
        metrics.look_up_slow_items(items_at)
    summary = metrics.summary(total_duration_s=wall_s, plan=plan, interrupted=stop.requested)
    trace = trace_builder.trace(
        wall_s=wall_s, busy_s=summary.busy_s, workers=summary.workers, surroundings=surroundings
    )
    return RunResult(plan, summary, trace)
