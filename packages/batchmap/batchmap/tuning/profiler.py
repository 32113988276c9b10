"""Measures a function on its first items and decides how to run the rest.

    slices in place, each twice as long --> GIL probe, where it matters --> plan
         ^                                                                   |
         +--- in place again, and more items or slower ones than expected ---+

A slice is a batch that is measured. The first items run in one thread, and their results are kept.
Where one takes long, the plan is made while it still runs (`plan_meanwhile`). The GIL probe runs
two slices at once in two threads: where they keep more than one core busy, the function releases
the GIL.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from batchmap.backends import BACKENDS
from batchmap.clock import SYSTEM_CLOCK, Clock
from batchmap.concurrency import WorkerBounds
from batchmap.executors.process.spawn import processes_unavailable
from batchmap.records import Batch, BatchRecord, Plan
from batchmap.resources import ProcessUsage, free_memory_bytes, process_usage
from batchmap.scheduling.adaptive_batches import AdaptiveSizing
from batchmap.tuning.backend_choice import PARALLEL_FROM, Profile, choose_backend
from batchmap.tuning.gil_probe import GIL_PROBE_S, GilProbe
from batchmap.tuning.long_item import LongItem
from batchmap.tuning.plan_check import PlanCheck
from batchmap.tuning.transfer_cost import with_transfer
from batchmap.tuning.usage_window import MEASURE_S, UsageWindow

__all__ = ["IN_PLACE_SLICE_S", "Profiler"]

_logger = logging.getLogger("auto")

SPINNING_S = 0.2
"""Until this many seconds after the start, several busy cores are not taken for the work of an
item: the threads of a numeric library spin for about half as long after it was loaded."""

START_BESIDE_S = 0.03
"""What starting processes takes longer while an item runs, in seconds: they cannot be forked."""

LONG_FIRST_S = 0.5
"""A first item that takes longer than this does count, by itself."""

SLICE_S = 0.002
"""How long a slice of items may take while they are measured, in seconds."""

IN_PLACE_SLICE_S = 0.05
"""How long a slice may take once it is decided to go on in place, in seconds."""

MIN_WAITS_AN_ITEM = 0.5
"""Items that give up their core less often than this do not wait: other programs had the core."""


class Profiler:
    """Sizes the first slices, learns from their records, and decides how to go on.

    The engine calls `next_size` before each slice, and `learn` and `next_plan` with each record.
    `total` counts the items; where it is `None`, `expected` is a guess at it. `cores` tells how
    many may be used at that moment: other calls may have taken some by the time of a decision.
    `setup_s` tells what the function's set-up took, in seconds; with `shares_setup`, threads share
    what it gave. `queued_s` tells how long the thread of a slice of the GIL probe was ready and had
    no core.
    Where `choose_backend` needs the GIL probe, the plan for it (two threads) comes first. While
    items go on in place, it decides again when they turn out slower or more than expected.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        total: int | None,
        expected: int | None = None,
        cores: Callable[[], int],
        workers: int | WorkerBounds | None = None,
        setup_s: Callable[[], float] = lambda: 0.0,
        shares_setup: bool = False,
        queued_s: Callable[[BatchRecord], float] = lambda record: 0.0,
        clock: Clock = SYSTEM_CLOCK,
        usage: Callable[[], ProcessUsage] = process_usage,
    ) -> None:
        self._function = function
        self._total = total
        self._expected = expected if total is None else total
        self._cores = cores
        self._workers = workers
        self._setup_s = setup_s
        self._shares_setup = shares_setup
        self._clock = clock
        self._used = UsageWindow(clock, usage)
        self._seems_parallel = False
        self._last_slice_s = 0.0
        self._item_s: float | None = None
        self._sample: tuple[Sequence[Any], Sequence[Any]] = ((), ())
        self._gil_probe = GilProbe(queued_s)
        self._decided_s = 0.0
        self._decided_item_s = 0.0
        self._sizing: AdaptiveSizing | None = None
        self.plan: Plan | None = None
        """The plan that is followed now; `None` while items are measured in place."""
        self.probes_gil = False
        """Whether the GIL probe runs now."""
        self._check = PlanCheck(clock)
        self.doubts_plan = False
        """Whether items turned out to be others than those that the plan rests on."""
        self._unloadable = ""
        """Why workers cannot load the function; empty as far as is known."""
        self._waits_longer: tuple[float, float] | None = None
        self.waits_for_workers = False
        """Whether items go on in place until workers have started; the engine sets it."""

    def next_size(self, left: int | None) -> int:
        """Return how many items the next slice or batch has; `left` are left, `None`: unknown."""
        if self._item_s is None:
            return 1
        if self.waits_for_workers:
            return max(1, int(SLICE_S / self._item_s))
        if self._sizing is not None:
            return self._sizing.next_size(left)
        if self.probes_gil:
            return max(1, math.ceil(GIL_PROBE_S / self._item_s))
        unsure = self.plan is None or self._seems_parallel
        slice_s = SLICE_S if unsure else IN_PLACE_SLICE_S
        return max(1, min(2 * self._used.done, int(slice_s / self._item_s)))

    def learn(self, batch: Batch, record: BatchRecord) -> None:
        """Take in what came of a slice or batch."""
        if self._sizing is not None:
            self._sizing.learn(record)
            self._used.done += len(record.results)
            self.doubts_plan |= self._check.doubts(record)
            self._waits_longer = self._check.waits_longer(record) or self._waits_longer
            return
        if self.probes_gil:
            self._gil_probe.add(record)
            self._used.done += len(record.results)
            return
        number = len(record.results)
        slice_s = record.ended_s - record.started_s
        self._used.add(number, slice_s, record.cpu_s)
        if number:
            self._last_slice_s = slice_s
            self._item_s = max(1e-9, slice_s / number)
            self._sample = (batch.items, record.results)

    def next_plan(self) -> Plan | None:
        """Return a plan to change to, or `None` to go on as before."""
        if self._sizing is not None or self._item_s is None:
            return None
        if self.probes_gil:
            probe = self._gil_probe
            if not probe.has_ended():
                return None
            # Of the items in the probe, the CPU time alone counts.
            items = max(1, len(self._sample[1]) + probe.items)
            self._item_s = max(1e-9, (self._last_slice_s + probe.cpu_s) / items)
            self.probes_gil = False
            if probe.is_unclear:
                return self._start_gil_probe()
        elif not self._is_time_to_decide():
            return None
        known = self._known()
        was_parallel, self._seems_parallel = self._seems_parallel, known.own_cores > PARALLEL_FROM
        if self._seems_parallel:
            self._used.restart()
        known, plan = self._choose(known)
        if plan is None:
            return self._start_gil_probe()
        if self._seems_parallel and (
            self._used.elapsed_s < SPINNING_S or (was_parallel and self.plan is not None)
        ):
            return None  # it is not believed yet, or nothing is new: on in place, in either case
        return self._decided(plan, known)

    def plan_meanwhile(self, seen: LongItem) -> Plan | None:
        """Return a plan to change to while an item runs that takes long, or `None` to go on."""
        if self._sizing is not None or self.probes_gil:
            return None
        left = self._left()
        known = Profile(
            left=None if left is None else max(0, left - 1),
            elapsed_s=self._used.elapsed_s,
            item_s=max(self._item_s or 0.0, seen.elapsed_s),
            cpu_share=seen.cpu_share,
            threads_gain=seen.threads_gain,
            running_s=seen.elapsed_s,  # nothing is known but that it has not ended
            late_start_s=START_BESIDE_S,
        )
        known, plan = self._choose(known)
        if plan is None or plan.backend == "sequential":
            return None
        self._item_s = known.item_s
        return self._decided(plan, known, rests_on_one=True)

    def wider_plan(self) -> Plan | None:
        """Return a plan with more threads where items turned out to wait longer, else `None`."""
        if self._waits_longer is None or self.plan is None:
            return None
        (item_s, cpu_share), self._waits_longer = self._waits_longer, None
        known = Profile(
            left=self._left(), elapsed_s=self._used.elapsed_s, item_s=item_s, cpu_share=cpu_share
        )
        known, plan = self._choose(known)
        if plan is None or plan.backend != "thread" or plan.workers < 2 * self.plan.workers:
            return None
        return self._decided(plan, known)

    def give_up_processes(self, why: str) -> None:
        """Have another plan made, as workers cannot load the function."""
        self._unloadable, self.doubts_plan = why, True

    def measure_again(self) -> None:
        """Give the plan up; the next slices are measured in place."""
        self.doubts_plan, self._waits_longer = False, None
        self._sizing = self.plan = None
        self._item_s = None
        self._used.restart()

    def _choose(self, known: Profile) -> tuple[Profile, Plan | None]:
        """Return the plan, `None` where the GIL probe must come first, and what it is based on."""
        setup_s = self._setup_s()
        thread_setup_s = 0.0 if self._shares_setup else setup_s
        known = replace(known, setup_s=setup_s, thread_setup_s=thread_setup_s)
        plan = choose_backend(known, cores=self._cores(), workers=self._workers)
        if plan is not None and plan.backend == "process" and known.transfer is None:
            if why := self._unloadable or processes_unavailable():
                _logger.warning("no worker processes, so threads run items that compute: %s", why)
                known = replace(known, unpicklable=why)
            else:
                known = with_transfer(
                    known, self._function, self._sample, self._clock, plan.workers
                )
            plan = choose_backend(known, cores=self._cores(), workers=self._workers)
        return known, plan

    def expected_batch_s(self) -> float:
        """Return what a batch of the plan is expected to take, in seconds."""
        return 0.0 if self.plan is None else self.plan.batch_size * self._decided_item_s

    def _decided(self, plan: Plan, known: Profile, *, rests_on_one: bool = False) -> Plan:
        self._check.begin(known, rests_on_one=rests_on_one)
        self._decided_s = self._used.elapsed_s
        self._decided_item_s = known.item_s
        if plan.backend != "sequential":
            item_bytes = known.transfer.item_bytes if known.transfer else 0
            self._sizing = AdaptiveSizing(
                workers=plan.workers,
                hand_over_s=BACKENDS[plan.backend].hand_over_s,
                item_s=known.item_s,
                item_bytes=item_bytes,
                free_memory_bytes=free_memory_bytes() if item_bytes else None,
            )
            plan = replace(plan, batch_size=self._sizing.next_size(known.left))
        self.plan = plan
        return plan

    def _start_gil_probe(self) -> Plan:
        self.probes_gil = True
        self._gil_probe.begin()
        return GilProbe.PLAN

    def _is_time_to_decide(self) -> bool:
        used = self._used
        if self._total is not None and used.done >= self._total:
            return self.plan is None
        if self.plan is None and not self._seems_parallel:
            return used.measured_s >= (MEASURE_S if used.done > 1 else LONG_FIRST_S)
        assert self._item_s is not None
        if self._seems_parallel:  # or threads of a library still spin since it was loaded
            return used.measured_s >= max(MEASURE_S, used.elapsed_s / 4)
        slower = self._item_s > 2 * self._decided_item_s and used.elapsed_s > MEASURE_S
        return slower or (self._total is None and used.elapsed_s >= 2 * self._decided_s)

    def _known(self) -> Profile:
        assert self._item_s is not None
        now, before = self._used.now(), self._used.recently()
        gain = self._gil_probe.gain
        measured_s, busy_s = now.now_s - before.now_s, now.busy_s - before.busy_s
        own_cpu_s = now.usage.cpu_s - before.usage.cpu_s
        # While the thread queued for a core, other programs had it: that is no waiting.
        queued_s = now.usage.queued_s - before.usage.queued_s
        running_s = max(busy_s - queued_s, now.cpu_s - before.cpu_s)
        cpu_share = min(1.0, (now.cpu_s - before.cpu_s) / running_s) if running_s else 1.0
        if now.usage.waits - before.usage.waits < MIN_WAITS_AN_ITEM * (now.done - before.done):
            cpu_share = 1.0
        return Profile(
            left=self._left(),
            elapsed_s=self._used.elapsed_s,
            item_s=self._item_s,
            cpu_share=cpu_share,
            own_cores=own_cpu_s / measured_s if gain is None and measured_s else 1.0,
            threads_gain=gain,
        )

    def _left(self) -> int | None:
        """Return how many items are left, `None` when that cannot even be guessed."""
        if self._total is not None:
            return max(0, self._total - self._used.done)
        if self._expected is None or self._expected <= self._used.done:
            return None
        return self._expected - self._used.done
