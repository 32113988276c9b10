"""A run whose plan is made while its first items run: its phases and their transitions.

    measuring --+--> going on in place ------------------------+
      |    ^    |        (decides again when items are         |
      v    |    |        slower or more than expected)         |
    GIL probe   +--> workers start, items go on in place ------+--> end
    (two threads)        --> in the workers

"In place" is one thread of this process. The calling thread looks on: an item that takes long is
not waited for, what the source raises is never taken for the function's failure, and what
interrupts the caller ends the run. A function that works in the calling thread alone is noticed
when it fails elsewhere: then all items go on there. No result is thrown away: every phase yields
the records of the items that it ran.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from batchmap.clock import SYSTEM_CLOCK
from batchmap.core_sharing import cores_to_use
from batchmap.executors import WorkerExecutor
from batchmap.executors.process.spawn import processes_unavailable
from batchmap.records import Batch, BatchRecord, Plan
from batchmap.scheduling.scheduler import BatchScheduler
from batchmap.tuning.backend_choice import RELEASES_GIL_FROM, WAITS_BELOW
from batchmap.tuning.batch_budget import BUDGET_IN_PLACE_S, BUDGET_S, budget_s
from batchmap.tuning.default_plan import max_in_flight, with_free_cores
from batchmap.tuning.engine_request import EngineRequest, NextSize
from batchmap.tuning.gil_probe import ProbedProcess
from batchmap.tuning.long_item import LONG_S, LongItemWatch
from batchmap.tuning.profiler import Profiler
from batchmap.tuning.run_concurrency import RunConcurrency
from batchmap.tuning.thread_affinity import ThreadAffinity
from batchmap.tuning.thread_meter import MeteredProcess

if TYPE_CHECKING:
    from batchmap.tuning.inline import StartedBatch

__all__ = ["run_adaptively"]

NEEDS_CALLER = "Backend chosen: in place, the function works in the thread that calls alone"


def run_adaptively(run: EngineRequest) -> Generator[BatchRecord]:
    """Yield the records of a run that measures its first items and plans the rest."""
    with ExitStack() as in_place, ExitStack() as pool:
        yield from _AdaptiveRun(run, in_place, pool).records()


class _AdaptiveRun:
    """One such run: which executor its batches go to now, and why."""

    def __init__(self, run: EngineRequest, in_place: ExitStack, pool: ExitStack) -> None:
        self._run = run
        self._in_place_stack = in_place
        self._pool = pool
        processor = run.processor.with_budget(BUDGET_IN_PLACE_S)
        self._process_in_probe = ProbedProcess(processor.process, SYSTEM_CLOCK)
        self._process_in_place = MeteredProcess(processor.process, SYSTEM_CLOCK)
        process_in_workers = run.processor.with_budget(BUDGET_S).process
        self._profiler = Profiler(
            process_in_workers,
            total=run.total if run.total is None or run.started is None else run.total + 1,
            expected=run.expected,
            cores=cores_to_use,
            workers=run.workers,
            setup_s=lambda: run.processor.setup_s,
            shares_setup=run.processor.shares_setup,
            queued_s=self._process_in_probe.queued_s,
            usage=self._process_in_place.usage,
        )
        self._watch = LongItemWatch(SYSTEM_CLOCK)
        self._last_batch: Batch | None = None
        self._in_place = run.opened("thread", 1, in_place)
        self._starting: WorkerExecutor | None = None
        """Workers that were opened and are not ready yet."""
        self._process_there: Callable[[Batch], Any] = self._process_in_place
        """What processes a batch in the workers that were opened last."""
        self._affinity = ThreadAffinity()
        self._calling_thread: WorkerExecutor | None = None
        self._is_prepared = False
        """Whether processes can start quickly, although there are threads."""
        self._scheduler = BatchScheduler(
            self._in_place,
            self._process_in_place,
            self._batches(),
            max_in_flight=1,
            retries=run.limits.retries,
            retry_if=run.processor.retry_if,
            throttle=run.limits.throttle(),
            rate=run.limits.rate,
            keyed=run.limits.keyed,
            stop=run.stop,
        )
        self._scheduler.steer = self._steer
        self._scheduler.unsuited = self._failures_of_the_thread
        run.state.scheduler = self._scheduler
        self._concurrency = RunConcurrency(self._scheduler, run.state, run.limits.retries)
        if run.started is not None:
            self._take_over(run.started)

    def _take_over(self, started: StartedBatch) -> None:
        """Have a batch that runs already count as one that runs in place."""
        self._last_batch = started.batch
        self._process_in_place.running = started.running
        # First, so that it is not taken for the end of the batch that follows.
        started.future.add_done_callback(self._process_in_place.end_running)
        self._scheduler.adopt(started.future, started.batch)

    def records(self) -> Iterator[BatchRecord]:
        """Yield the records of all items."""
        profiler, scheduler = self._profiler, self._scheduler
        for record in scheduler.records():
            if self._affinity.run_again:
                self._learn_where_it_works(record)
                yield record
                continue
            assert self._last_batch is not None
            profiler.learn(self._last_batch, record)
            yield record
            if self._measures_again():
                continue
            if self._starting is None and (wider := profiler.wider_plan()) is not None:
                self._run.state.set_plan(wider)
                self._start_workers(wider)
                continue
            if profiler.probes_gil and scheduler.in_flight:
                scheduler.max_in_flight = 0  # the other of the two slices ends the probe
                continue
            if (plan := profiler.next_plan()) is not None:
                if not profiler.probes_gil:
                    self._run.state.set_plan(plan)
                    if self._run.stop.requested:  # as after a look at the plan alone
                        return
                self._follow(plan)
        self._concurrency.tell()
        if profiler.plan is None and not self._affinity.run_again:
            why = "Backend chosen: in place, all was done while it was measured"
            self._run.state.set_plan(Plan("sequential", 1, 1, None, (why,)))

    # Phases ---------------------------------------------------------------------------------

    def _measures_again(self) -> bool:
        """Tell whether a plan was given up, and go back in place once nothing is in flight."""
        profiler, scheduler = self._profiler, self._scheduler
        if not profiler.doubts_plan or self._process_in_place.running is not None:
            return False
        if scheduler.in_flight:
            scheduler.max_in_flight = 0
        else:
            self._starting, profiler.waits_for_workers = None, False
            profiler.measure_again()
            self._go_in_place()
        return True

    def _steer(self) -> float:
        """Change over to what is ready; return in how many seconds to do so again."""
        scheduler = self._scheduler
        if self._affinity.run_again:
            if not scheduler.in_flight:
                self._go_to_calling_thread()
            return LONG_S
        if self._starting is not None:
            if self._starting.unloadable:
                self._profiler.give_up_processes(self._starting.unloadable)
            elif self._starting.ready and not self._profiler.doubts_plan:
                self._go_to_workers(self._starting)
            return LONG_S
        if scheduler.executor is not self._in_place:
            self._share_cores_with_long_item()
            return min(LONG_S, self._concurrency.steer())
        if not scheduler.in_flight:
            return LONG_S
        running = self._process_in_place.running
        seen, look_s = self._watch.look(running, waits_below=WAITS_BELOW)
        if seen is not None:
            if seen.cpu_share < WAITS_BELOW:
                self._concurrency.look_at_waiting()
            if (plan := self._profiler.plan_meanwhile(seen)) is not None:
                self._run.state.set_plan(plan)
                self._start_workers(plan)
            elif seen.threads_gain is not None and seen.threads_gain < RELEASES_GIL_FROM:
                self._prepare_processes()
        return look_s

    def _prepare_processes(self) -> None:
        """Have the server start that processes come from while there are threads."""
        if not self._is_prepared and self._run.total != 0 and not processes_unavailable():
            from batchmap.executors.process.fork_client import start_server_early

            self._is_prepared = True
            start_server_early()

    def _share_cores_with_long_item(self) -> None:
        """Leave a core to the item that still runs here, while processes run the others."""
        plan, scheduler = self._profiler.plan, self._scheduler
        if plan is None or plan.backend != "process" or not scheduler.max_in_flight:
            return
        at_most = max_in_flight(plan, self._run.limits)
        is_running = self._process_in_place.running is not None
        scheduler.max_in_flight = min(plan.workers, at_most) if is_running else at_most

    def _follow(self, plan: Plan) -> None:
        """Go on in place, and open workers where the plan has some; nothing is in flight."""
        self._go_in_place()
        if plan.backend == "process":
            # Processes start by a fork, which is quickest, only where there are no threads.
            self._in_place_stack.close()
        if plan.backend != "sequential":
            self._start_workers(plan)
        if plan.backend == "process":
            self._in_place = self._run.opened("thread", 1, self._in_place_stack)
            self._scheduler.executor = self._in_place

    def _go_in_place(self) -> None:
        self._pool.close()
        self._scheduler.executor, self._scheduler.max_in_flight = self._in_place, 1
        self._scheduler.process = self._process_in_place
        self._concurrency.follow(None)

    def _start_workers(self, plan: Plan) -> None:
        """Open workers; until one is ready, items go on in place."""
        self._starting = self._run.opened(plan.backend, plan.workers, self._pool)
        self._profiler.waits_for_workers = True
        with_fewer = with_free_cores(plan, self._starting.workers)
        if with_fewer is not plan:
            self._profiler.plan = with_fewer
            self._run.state.set_plan(with_fewer)
        if self._profiler.probes_gil:
            self._process_there = self._process_in_probe
        else:
            self._process_there = self._process_in_workers()
            self._starting.prepare(self._process_there)

    def _go_to_workers(self, executor: WorkerExecutor) -> None:
        profiler, scheduler = self._profiler, self._scheduler
        scheduler.executor, scheduler.process = executor, self._process_there
        if profiler.probes_gil:
            scheduler.max_in_flight = 2
        else:
            scheduler.max_in_flight = max_in_flight(profiler.plan, self._run.limits)
            self._concurrency.follow(profiler.plan, widen=executor.widen)
            self._share_cores_with_long_item()
        self._starting, profiler.waits_for_workers = None, False

    def _process_in_workers(self) -> Callable[[Batch], Any]:
        """Return what processes a batch of the plan, with its budget."""
        budget = budget_s(self._profiler.plan, self._profiler.expected_batch_s())
        return self._run.processor.with_budget(budget).process

    # A function that works in the calling thread alone ---------------------------------------

    def _failures_of_the_thread(self, record: BatchRecord) -> Collection[int]:
        """Return the offsets of items to run again in the calling thread, and prepare for that.

        There is no time limit in the calling thread, so items with one stay where they are.
        """
        if self._run.limits.timeout_s is not None:
            return ()
        offsets = self._affinity.failures_to_retry(record)
        if offsets:
            self._scheduler.max_in_flight = 0  # what is in flight ends first
        return offsets

    def _go_to_calling_thread(self) -> None:
        if self._calling_thread is None:
            self._pool.close()
            self._starting, self._profiler.waits_for_workers = None, False
            self._calling_thread = self._run.opened("sequential", 1, self._pool)
            self._scheduler.executor, self._scheduler.max_in_flight = self._calling_thread, 1
            self._scheduler.process = self._process_in_place

    def _learn_where_it_works(self, record: BatchRecord) -> None:
        """Follow what the items show that ran again."""
        needs_caller = self._affinity.learn(record)
        if needs_caller:
            self._run.state.set_plan(Plan("sequential", 1, 1, None, (NEEDS_CALLER,)))
        elif needs_caller is False:
            self._calling_thread = None
            self._go_in_place()
            plan = self._profiler.plan
            if plan is not None and plan.backend != "sequential":
                self._start_workers(plan)

    # Parts ----------------------------------------------------------------------------------

    def _batches(self) -> Iterator[Batch | None]:
        """Yield the batches and remember the last one, which the next record is about."""
        for batch in self._run.cut(self._sizes()):
            if batch is not None:
                self._last_batch = batch
            yield batch

    def _sizes(self) -> NextSize:
        profiler, batch_size, limits = self._profiler, self._run.batch_size, self._run.limits
        if limits.starts_each:
            return lambda left: 1
        if batch_size is None:
            return limits.capped(profiler.next_size)
        asked = batch_size

        def next_size(left: int | None) -> int:
            return min(asked, profiler.next_size(left)) if profiler.plan is None else asked

        return next_size
