"""The engine: items to records, by a plan that is given or made while the first items run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from batchmap.executors import WorkerExecutor, open_executor
from batchmap.executors.dask.address import DaskAddress
from batchmap.records import Batch, BatchRecord, Plan
from batchmap.resources import coroutines_at_once, usable_cores
from batchmap.scheduling.adaptive_batches import MAX_BATCH_S, AdaptiveSizing
from batchmap.scheduling.batching import HAND_OVER_S, BatchSizing, cut
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.stopping import StopRequest
from batchmap.tuning.profiler import IN_PLACE_SLICE_S, Profiler
from batchmap.worker.processor import BatchProcessor

__all__ = ["run_plan", "stream_batches"]


BUDGET_BATCHES = 2

BUDGET_S = BUDGET_BATCHES * MAX_BATCH_S
"""A batch that turns out to take longer is cut short; what is left of it is done by whoever can."""

BUDGET_IN_PLACE_S = 2 * IN_PLACE_SLICE_S
"""The same for batches that are done in place or to measure, while workers might do them sooner."""

COROUTINES_TOGETHER = 250
"""With more coroutines at once than this, several travel together: starting them must keep up."""

_NextSize = Callable[[int | None], int]


def stream_batches(
    processor: BatchProcessor,
    items: Iterable[Any],
    *,
    total: int | None,
    backend: str = "auto",
    workers: int | None = None,
    batch_size: int | None = None,
    limits: Limits | None = None,
    stop: StopRequest | None = None,
    on_plan: Callable[[Plan], None] | None = None,
    on_scheduler: Callable[[BatchScheduler], None] | None = None,
    first_item: int = 0,
    expected: int | None = None,
    scheduler: DaskAddress | None = None,
) -> Iterator[BatchRecord]:
    """Yield the records of the items in batches as they finish; choose what is left open.

    `total` counts `items`, `None` when unknown; `expected` is a guess at it then. `first_item` is
    the place of the first of them.
    `on_plan` gets the plan when it is made, and again when it changes; `on_scheduler` gets what can
    tell how many batches are in flight. `scheduler` is that of a Dask cluster.
    """
    chosen = backend == "auto" and processor.is_async
    if chosen:
        backend = "async"
    if backend == "async" and not processor.is_async:
        raise ValueError("the async backend needs an `async def` function")
    run = _Run(
        processor=processor,
        items=items,
        total=total,
        expected=expected,
        first_item=first_item,
        workers=workers,
        batch_size=batch_size,
        limits=limits or Limits(),
        stop=stop or StopRequest(),
        on_plan=on_plan or _ignore,
        on_scheduler=on_scheduler or _ignore,
        scheduler=scheduler,
    )
    if backend == "async":
        return _run_coroutines(run, chosen=chosen)
    return _run_adaptively(run) if backend == "auto" else _run_as_asked(run, backend)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What `stream_batches` was asked for."""

    processor: BatchProcessor
    items: Iterable[Any]
    total: int | None
    expected: int | None
    first_item: int
    workers: int | None
    batch_size: int | None
    limits: Limits
    stop: StopRequest
    on_plan: Callable[[Plan], None]
    on_scheduler: Callable[[BatchScheduler], None]
    scheduler: DaskAddress | None

    def cut(self, next_size: _NextSize) -> Iterator[Batch]:
        """Yield the items in batches."""
        return cut(self.items, self.total, next_size, first_item=self.first_item)


def _ignore(_: Any) -> None:
    pass


def run_plan(
    processor: BatchProcessor,
    batches: Iterable[Batch],
    plan: Plan,
    *,
    limits: Limits | None = None,
    stop: StopRequest | None = None,
    on_scheduler: Callable[[BatchScheduler], None] | None = None,
) -> Iterator[BatchRecord]:
    """Yield the records of `batches`, run as `plan` says, as they finish."""
    limits = limits or Limits()
    with open_executor(
        plan.backend, plan.workers, timeout_s=limits.timeout_s, stop=stop
    ) as executor:
        yield from _follow(executor, processor, batches, plan, limits, stop, on_scheduler)


def _follow(
    executor: WorkerExecutor,
    processor: BatchProcessor,
    batches: Iterable[Batch],
    plan: Plan,
    limits: Limits,
    stop: StopRequest | None,
    on_scheduler: Callable[[BatchScheduler], None] | None,
) -> Iterator[BatchRecord]:
    """Yield the records of `batches`, with as many in flight as there are workers for."""
    scheduler = BatchScheduler(
        executor,
        _entry(processor, plan.backend),
        batches,
        max_in_flight=_max_in_flight(plan, limits),
        retries=limits.retries,
        throttle=limits.throttle(),
        stop=stop,
    )
    if on_scheduler is not None:
        on_scheduler(scheduler)
    for record in scheduler.records():
        if executor.workers is not None:  # some may have joined or left
            scheduler.max_in_flight = _max_in_flight(
                replace(plan, workers=executor.workers), limits
            )
        yield record


def _plan_as_asked(
    backend: str,
    workers: int | None,
    batch_size: int | None,
    *,
    why: str = "Backend: as asked for",
    cluster_workers: int | None = None,
) -> Plan:
    if backend == "sequential":
        workers = 1
    number = workers or {
        "thread": 4 * usable_cores(),
        "process": usable_cores(),
        "async": coroutines_at_once(),
        "dask": usable_cores(),
    }.get(backend, 1)
    reasons = [why]
    if cluster_workers is not None:
        number = cluster_workers
        reasons.append(f"Workers: {number} in the cluster as the run began")
    elif workers is None:
        reasons.append(f"Workers: {number} by default")
    if batch_size is None and backend == "async":
        batch_size = math.ceil(number / COROUTINES_TOGETHER)
    return Plan(backend, number, batch_size or 1, None, tuple(reasons))


def _run_coroutines(run: _Run, *, chosen: bool) -> Iterator[BatchRecord]:
    """Yield the records of coroutines; the plan is told with the first of them, which are timed."""
    why = "Backend chosen: async, for an `async def` function"
    plan = _plan_as_asked(
        "async", run.workers, run.batch_size, why=why if chosen else "Backend: as asked for"
    )
    if run.limits.rate is not None:  # each starts by itself
        plan = replace(plan, batch_size=1)
    batches = run.cut(BatchSizing(plan.batch_size).next_size)
    is_told = False
    for record in run_plan(
        run.processor,
        batches,
        plan,
        limits=run.limits,
        stop=run.stop,
        on_scheduler=run.on_scheduler,
    ):
        if not is_told:
            run.on_plan(_with_prediction(plan, record, run.total or run.expected, run.limits.rate))
            is_told = True
        yield record
    if not is_told:
        run.on_plan(plan)


def _with_prediction(
    plan: Plan, record: BatchRecord, total: int | None, rate: float | None
) -> Plan:
    """Return the plan with the time that `total` coroutines take if all are like these."""
    item_s = sum(record.durations_s) / len(record.durations_s)
    told = f"Measured: an item takes {item_s * 1e3:.1f} ms"
    if total is None:
        return replace(plan, why=(told, *plan.why))
    predicted_s = max(item_s * math.ceil(total / plan.workers), total / rate if rate else 0.0)
    return replace(plan, why=(told, *plan.why), predicted_s=predicted_s)


def _run_as_asked(run: _Run, backend: str) -> Iterator[BatchRecord]:
    plan = _plan_as_asked(backend, run.workers, run.batch_size)
    limits, stop = run.limits, run.stop
    with open_executor(
        backend, plan.workers, timeout_s=limits.timeout_s, stop=stop, scheduler=run.scheduler
    ) as executor:
        if run.scheduler is not None:
            plan = _plan_as_asked(backend, None, run.batch_size, cluster_workers=executor.workers)
        measured = executor.dispatch_cost
        if measured is not None:
            told = (
                f"Measured: a batch takes {measured.alone_s * 1e3:.1f} ms to a worker of this "
                f"cluster and back, of many at once {measured.each_s * 1e3:.1f} ms each"
            )
            plan = replace(plan, why=(told, *plan.why))
        run.on_plan(plan)

        def follow(processor: BatchProcessor, size: _NextSize) -> Iterator[BatchRecord]:
            return _follow(executor, processor, run.cut(size), plan, limits, stop, run.on_scheduler)

        if run.batch_size is not None or limits.rate is not None:
            sizing = BatchSizing(1 if limits.rate is not None else plan.batch_size)
            yield from follow(run.processor, sizing.next_size)
            return
        adaptive = AdaptiveSizing(
            workers=plan.workers,
            hand_over_s=HAND_OVER_S[backend],
            measured_s=measured and measured.alone_s,
            shared_s=measured.each_s if measured else 0.0,
        )
        processor = run.processor.with_budget(BUDGET_BATCHES * adaptive.longest_batch_s)
        for record in follow(processor, limits.capped(adaptive.next_size)):
            adaptive.workers = executor.workers or plan.workers
            adaptive.learn(record)
            yield record


def _run_adaptively(run: _Run) -> Iterator[BatchRecord]:
    limits, stop, on_plan = run.limits, run.stop, run.on_plan
    process = run.processor.with_budget(BUDGET_S).process
    process_in_place = run.processor.with_budget(BUDGET_IN_PLACE_S).process
    profiler = Profiler(
        process,
        total=run.total,
        expected=run.expected,
        cores=usable_cores(),
        workers=run.workers,
    )
    in_place = Plan("thread" if limits.timeout_s else "sequential", 1, 1, None, ())
    sizes = _sizes(profiler, run.batch_size, limits)
    taken: list[Batch] = []
    with ExitStack() as home, ExitStack() as pool:

        def opened(plan: Plan, stack: ExitStack) -> WorkerExecutor:
            return stack.enter_context(
                open_executor(plan.backend, plan.workers, timeout_s=limits.timeout_s, stop=stop)
            )

        here = opened(in_place, home)
        scheduler = BatchScheduler(
            here,
            process_in_place,
            _noted(run.cut(sizes), taken),
            max_in_flight=1,
            retries=limits.retries,
            throttle=limits.throttle(),
            stop=stop,
        )
        run.on_scheduler(scheduler)
        starting: WorkerExecutor | None = None
        for record in scheduler.records():
            profiler.learn(taken[-1], record)
            yield record
            if profiler.probes_gil and scheduler.in_flight:
                scheduler.max_in_flight = 0  # the other of the two slices ends the GIL probe
                continue
            if (plan := profiler.next_plan()) is not None:
                if not profiler.probes_gil:
                    on_plan(plan)
                    if stop.requested:  # as after a look at the plan alone
                        return
                pool.close()
                scheduler.executor, scheduler.max_in_flight = here, 1
                scheduler.process = process_in_place
                if plan.backend != "sequential":
                    starting = opened(plan, pool)
                    profiler.waits_for_workers = True
            # While workers start up, items go on in place.
            if starting is not None and starting.ready:
                scheduler.executor = starting
                scheduler.process = process_in_place if profiler.probes_gil else process
                scheduler.max_in_flight = (
                    2 if profiler.probes_gil else _max_in_flight(profiler.plan, limits)
                )
                starting, profiler.waits_for_workers = None, False
    if profiler.plan is None:
        on_plan(
            Plan(
                "sequential",
                1,
                1,
                None,
                ("Backend chosen: in place, all was done while it was measured",),
            )
        )


def _sizes(
    profiler: Profiler, batch_size: int | None, limits: Limits
) -> Callable[[int | None], int]:
    if limits.rate is not None:
        return lambda left: 1
    if batch_size is None:
        return limits.capped(profiler.next_size)
    return lambda left: (
        min(batch_size, profiler.next_size(left)) if profiler.plan is None else batch_size
    )


def _noted(batches: Iterator[Batch], taken: list[Batch]) -> Iterator[Batch]:
    """Yield the batches on and keep the last in `taken`."""
    for batch in batches:
        taken[:] = [batch]
        yield batch


def _entry(processor: BatchProcessor, backend: str) -> Callable[[Batch], Any]:
    return processor.process_async if backend == "async" else processor.process


def _max_in_flight(plan: Plan | None, limits: Limits) -> int:
    """Return how many batches are in flight: what runs, and as much again so that none waits."""
    if plan is None or plan.backend == "sequential":
        return 1
    if limits.rate is not None:
        return plan.workers
    if plan.backend == "async":  # the items of a batch run side by side
        return max(2, math.ceil(2 * plan.workers / plan.batch_size))
    return 2 * plan.workers
