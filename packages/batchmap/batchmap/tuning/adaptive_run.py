"""A run whose plan is made while its first items run: its phases and their transitions.

    measuring in place --+--> going on in place -------------------+
        |      ^         |        (decides again when items are    |
        v      |         |        slower or more than expected)    |
      GIL probe          +--> workers start, items go on ----------+--> end
      (two threads)           in place --> in the workers

Items run where the caller is until workers are ready, and no result is thrown away: every phase
yields the records of the items that it ran.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from batchmap.executors import WorkerExecutor, open_executor
from batchmap.records import Batch, BatchRecord, Plan
from batchmap.resources import usable_cores
from batchmap.scheduling.adaptive_batches import MAX_BATCH_S
from batchmap.scheduling.batching import cut
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.run_state import RunState
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.stopping import StopRequest
from batchmap.tuning.default_plan import max_in_flight
from batchmap.tuning.profiler import IN_PLACE_SLICE_S, Profiler
from batchmap.worker.processor import BatchProcessor

__all__ = ["BUDGET_BATCHES", "EngineRequest", "run_adaptively"]

BUDGET_BATCHES = 2
"""A batch's budget of time, as a multiple of the longest time that a batch is meant to take."""

BUDGET_S = BUDGET_BATCHES * MAX_BATCH_S
"""The budget of a batch in the workers, in seconds. When it is spent, the batch ends after the item
that runs, and the items after that are scheduled again."""

BUDGET_IN_PLACE_S = 2 * IN_PLACE_SLICE_S
"""The budget of a batch that runs in place or in the GIL probe, in seconds. It is shorter, so that
its last items can go to workers as soon as those are ready."""

_NextSize = Callable[[int | None], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """What the engine was asked to run; where `workers` or `batch_size` is `None`, it chooses."""

    processor: BatchProcessor
    items: Iterable[Any]
    total: int | None
    """How many items there are; `None` when unknown."""
    expected: int | None
    """A guess at their number."""
    first_item: int
    """Index of the first of them in the input."""
    workers: int | None
    batch_size: int | None
    limits: Limits
    stop: StopRequest
    state: RunState

    def cut(self, next_size: _NextSize) -> Iterator[Batch]:
        """Yield the items in batches of the sizes that `next_size` gives."""
        return cut(self.items, self.total, next_size, first_item=self.first_item)


def run_adaptively(run: EngineRequest) -> Generator[BatchRecord]:
    """Yield the records of a run that measures its first items and plans the rest."""
    with ExitStack() as in_place, ExitStack() as pool:
        yield from _AdaptiveRun(run, in_place, pool).records()


class _AdaptiveRun:
    """One such run: which executor its batches go to now, and why."""

    def __init__(self, run: EngineRequest, in_place: ExitStack, pool: ExitStack) -> None:
        self._run = run
        self._pool = pool
        self._process_in_place = run.processor.with_budget(BUDGET_IN_PLACE_S).process
        self._process_in_workers = run.processor.with_budget(BUDGET_S).process
        self._profiler = Profiler(
            self._process_in_workers,
            total=run.total,
            expected=run.expected,
            cores=usable_cores(),
            workers=run.workers,
        )
        self._last_batch: Batch | None = None
        # The sequential executor cannot give an item up, a thread can.
        backend = "thread" if run.limits.timeout_s else "sequential"
        self._in_place = self._opened(Plan(backend, 1, 1, None, ()), in_place)
        self._starting: WorkerExecutor | None = None
        """Workers that were opened and are not ready yet."""
        self._scheduler = BatchScheduler(
            self._in_place,
            self._process_in_place,
            self._batches(),
            max_in_flight=1,
            retries=run.limits.retries,
            throttle=run.limits.throttle(),
            stop=run.stop,
        )
        run.state.scheduler = self._scheduler

    def records(self) -> Iterator[BatchRecord]:
        """Yield the records of all items."""
        profiler, scheduler = self._profiler, self._scheduler
        for record in scheduler.records():
            assert self._last_batch is not None
            profiler.learn(self._last_batch, record)
            yield record
            if profiler.probes_gil and scheduler.in_flight:
                scheduler.max_in_flight = 0  # the other of the two slices ends the probe
                continue
            if (plan := profiler.next_plan()) is not None:
                if not profiler.probes_gil:
                    self._run.state.set_plan(plan)
                    if self._run.stop.requested:  # as after a look at the plan alone
                        return
                self._go_in_place()
                if plan.backend != "sequential":
                    self._start_workers(plan)
            if self._starting is not None and self._starting.ready:
                self._go_to_workers(self._starting)
        if profiler.plan is None:
            why = "Backend chosen: in place, all was done while it was measured"
            self._run.state.set_plan(Plan("sequential", 1, 1, None, (why,)))

    # Phases ---------------------------------------------------------------------------------

    def _go_in_place(self) -> None:
        self._pool.close()
        self._scheduler.executor, self._scheduler.max_in_flight = self._in_place, 1
        self._scheduler.process = self._process_in_place

    def _start_workers(self, plan: Plan) -> None:
        """Open workers; until one is ready, items go on in place."""
        self._starting = self._opened(plan, self._pool)
        self._profiler.waits_for_workers = True

    def _go_to_workers(self, executor: WorkerExecutor) -> None:
        profiler, scheduler = self._profiler, self._scheduler
        scheduler.executor = executor
        if profiler.probes_gil:
            scheduler.process, scheduler.max_in_flight = self._process_in_place, 2
        else:
            scheduler.process = self._process_in_workers
            scheduler.max_in_flight = max_in_flight(profiler.plan, self._run.limits)
        self._starting, profiler.waits_for_workers = None, False

    # Parts ----------------------------------------------------------------------------------

    def _opened(self, plan: Plan, stack: ExitStack) -> WorkerExecutor:
        limits = self._run.limits
        return stack.enter_context(
            open_executor(
                plan.backend, plan.workers, timeout_s=limits.timeout_s, stop=self._run.stop
            )
        )

    def _batches(self) -> Iterator[Batch]:
        """Yield the batches and remember the last one, which the next record is about."""
        for batch in self._run.cut(self._sizes()):
            self._last_batch = batch
            yield batch

    def _sizes(self) -> _NextSize:
        profiler, batch_size, limits = self._profiler, self._run.batch_size, self._run.limits
        if limits.rate is not None:
            return lambda left: 1
        if batch_size is None:
            return limits.capped(profiler.next_size)
        asked = batch_size

        def next_size(left: int | None) -> int:
            return min(asked, profiler.next_size(left)) if profiler.plan is None else asked

        return next_size
