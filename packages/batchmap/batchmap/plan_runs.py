"""Runs batches as a plan says: one that is given, the usual one of a backend, or one in the making.

engine -> run_plan, run_as_asked, run_coroutines, run_as_seen -> scheduler -> executor
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from batchmap.backends import BACKENDS
from batchmap.executors import WorkerExecutor, open_executor
from batchmap.records import Batch, BatchRecord, Plan
from batchmap.scheduling.adaptive_batches import AdaptiveSizing
from batchmap.scheduling.batching import BatchSizing, BatchSource
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.run_state import RunState
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.stopping import StopRequest
from batchmap.threads import can_start_threads
from batchmap.tuning.adaptive_run import run_adaptively
from batchmap.tuning.batch_budget import BUDGET_BATCHES
from batchmap.tuning.default_plan import (
    default_plan,
    max_in_flight,
    with_free_cores,
    with_prediction,
)
from batchmap.tuning.engine_request import EngineRequest, NextSize
from batchmap.tuning.run_concurrency import RunConcurrency
from batchmap.worker.processor import BatchProcessor

if TYPE_CHECKING:
    from batchmap.executors.dask.address import DaskAddress

__all__ = ["LentWorkers", "run_as_asked", "run_as_seen", "run_coroutines", "run_plan"]


NO_THREADS = "Backend chosen: in the calling thread, as there can be no other"


class LentWorkers(Protocol):
    """Workers that are there already, such as those of a pool."""

    def lend(self, stop: StopRequest | None) -> AbstractContextManager[WorkerExecutor]:
        """Lend them to a call."""


def run_plan(
    processor: BatchProcessor,
    batches: Iterable[Batch | None],
    plan: Plan,
    *,
    limits: Limits | None = None,
    stop: StopRequest | None = None,
    state: RunState | None = None,
    pool: LentWorkers | None = None,
) -> Iterator[BatchRecord]:
    """Yield the records of `batches`, run as `plan` says, as they finish."""
    limits, state = limits or Limits(), state or RunState()
    at_once = plan.batch_size if plan.backend == "async" else 1
    with _workers(plan, limits, processor, stop, pool) as executor:
        yield from _schedule(
            executor, processor, batches, plan, limits, stop, state, at_once=at_once
        )


def _workers(
    plan: Plan,
    limits: Limits,
    processor: BatchProcessor,
    stop: StopRequest | None,
    pool: LentWorkers | None,
    cluster: DaskAddress | None = None,
    least: int | None = None,
) -> AbstractContextManager[WorkerExecutor]:
    """Return the workers of the plan, those of `pool` where there is one.

    With `least`, there are fewer worker processes where other calls have the cores.
    """
    if pool is not None:
        return pool.lend(stop)
    return open_executor(
        plan.backend,
        plan.workers,
        timeout_s=limits.timeout_s,
        stop=stop,
        scheduler=cluster,
        winds_down=processor.has_setup,
        least=least,
    )


def _schedule(
    executor: WorkerExecutor,
    processor: BatchProcessor,
    batches: Iterable[Batch | None],
    plan: Plan,
    limits: Limits,
    stop: StopRequest | None,
    state: RunState,
    *,
    at_once: int = 1,
) -> Iterator[BatchRecord]:
    """Yield the records of `batches`, with as many in flight as the workers need.

    `at_once` tells how many items of a batch run side by side.
    """
    process: Callable[[Batch], Any] = processor.process
    if plan.backend == "async":
        process = processor.process_async
    scheduler = BatchScheduler(
        executor,
        process,
        batches,
        max_in_flight=max_in_flight(plan, limits),
        retries=limits.retries,
        retry_if=processor.retry_if,
        throttle=limits.throttle(),
        rate=limits.rate,
        keyed=limits.keyed,
        stop=stop,
    )
    state.scheduler = scheduler
    concurrency = RunConcurrency(scheduler, state, limits.retries)
    concurrency.follow(plan, at_once=at_once, widen=executor.widen)
    scheduler.steer = concurrency.steer
    for record in scheduler.records():
        if executor.workers is not None:  # some may have joined or left
            now = replace(plan, workers=executor.workers)
            scheduler.max_in_flight = max_in_flight(now, limits)
        yield record
    concurrency.tell()


def run_as_seen(run: EngineRequest) -> Iterator[BatchRecord]:
    """Yield the records of a run that is planned while it goes on.

    Where the first item gives a coroutine, the others run as coroutines from there on.
    """
    if not isinstance(run.items, BatchSource):
        run = replace(run, items=iter(run.items))
    if not can_start_threads() and run.limits.timeout_s is None:
        yield from run_as_asked(run, "sequential", None, None, why=NO_THREADS)
        return
    records = run_adaptively(run)
    with closing(records):
        first = next(records, None)
        if first is None:
            return
        yield first
        is_alone = first.first_item == run.first_item and not run.state.in_flight
        if not (run.processor.has_returned_coroutines and is_alone):
            yield from records
            return
    number = len(first.results)
    rest = replace(
        run,
        processor=run.processor.as_async(),
        first_item=run.first_item + number,
        total=None if run.total is None else max(0, run.total - number),
        expected=None if run.expected is None else max(0, run.expected - number),
    )
    why = "Backend chosen: async, for a function that returns coroutines"
    yield from run_coroutines(rest, why)


def run_coroutines(
    run: EngineRequest, why: str | None, pool: LentWorkers | None = None
) -> Iterator[BatchRecord]:
    """Yield the records of coroutines; the first of them are timed for the plan."""
    plan = default_plan("async", run.workers, run.batch_size, why=why)
    if run.limits.starts_each:
        plan = replace(plan, batch_size=1)
    limits, state = run.limits, run.state

    def next_size(left: int | None) -> int:
        control = state.concurrency
        if run.batch_size is None and control is not None and control.may_be_connected:
            return 1
        return plan.batch_size

    is_planned = False
    with _workers(plan, limits, run.processor, run.stop, pool) as executor:
        for record in _schedule(
            executor,
            run.processor,
            run.cut(next_size),
            plan,
            limits,
            run.stop,
            state,
            at_once=run.batch_size or 1,
        ):
            if not is_planned:
                control = state.concurrency
                is_open = control is not None and control.is_connected
                total = None if is_open else run.total or run.expected
                state.set_plan(with_prediction(plan, record, total, limits.items_per_s))
                is_planned = True
            yield record
    if not is_planned:
        state.set_plan(plan)


def run_as_asked(
    run: EngineRequest,
    backend: str,
    cluster: DaskAddress | None,
    pool: LentWorkers | None,
    *,
    why: str | None = None,
) -> Iterator[BatchRecord]:
    """Yield the records of a run whose backend is given; sizes of batches follow what is seen.

    `why` is the reason for the backend, `None` where it was asked for.
    """
    plan = default_plan(backend, run.workers, run.batch_size, why=why)
    limits, stop = run.limits, run.stop
    with _workers(plan, limits, run.processor, stop, pool, cluster, run.least_workers) as executor:
        if cluster is not None:
            plan = default_plan(backend, None, run.batch_size, cluster_workers=executor.workers)
        plan = with_free_cores(plan, executor.workers)
        measured = executor.dispatch_cost
        if measured is not None:
            reason = (
                f"Measured: a batch takes {measured.alone_s * 1e3:.1f} ms to a worker of this "
                f"cluster and back, of many at once {measured.each_s * 1e3:.1f} ms each"
            )
            plan = replace(plan, why=(reason, *plan.why))
        run.state.set_plan(plan)

        def schedule(processor: BatchProcessor, size: NextSize) -> Iterator[BatchRecord]:
            return _schedule(executor, processor, run.cut(size), plan, limits, stop, run.state)

        if run.batch_size is not None or limits.starts_each:
            sizing = BatchSizing(1 if limits.starts_each else plan.batch_size)
            yield from schedule(run.processor, sizing.next_size)
            return
        adaptive = AdaptiveSizing(
            workers=plan.workers,
            hand_over_s=BACKENDS[backend].hand_over_s,
            measured_s=measured and measured.alone_s,
            shared_s=measured.each_s if measured else 0.0,
        )
        processor = run.processor.with_budget(BUDGET_BATCHES * adaptive.longest_batch_s)
        for record in schedule(processor, limits.capped(adaptive.next_size)):
            at_once = run.state.concurrency.limit if run.state.concurrency else plan.workers
            adaptive.workers = executor.workers or at_once
            adaptive.learn(record)
            yield record
