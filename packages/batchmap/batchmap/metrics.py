"""The totals of one run: items, failures, retries, times, throughput and workers."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from batchmap.error_kinds import ErrorKinds
from batchmap.mapping_record import MappingRecord
from batchmap.records import BatchRecord, ItemRecord, Plan
from batchmap.run_outcome import ErrorExample, RunOutcome, SlowItem
from batchmap.slow_items import Facts, SlowItems

__all__ = ["COMPUTES_FROM", "RunMetrics", "RunSummary", "is_cpu_bound"]

FAILURES_KEPT = 5
ERROR_KINDS_NAMED = 5

COMPUTES_FROM = 0.5
"""Items compute, rather than wait, when CPU time is at least this share of their time."""

EVENLY_SHARED_S = 1e-4
"""Items shorter than this count as spread evenly over the ideal workers."""


@dataclass(frozen=True, slots=True, eq=False)
class RunSummary(MappingRecord):
    """The totals of one run; also a mapping of its fields by name."""

    total_processed: int
    """Items that were run, successfully or not."""
    successful: int
    failed: int
    success_rate: float
    """From 0 to 1; 1 for a run without items."""
    total_duration: float
    """Wall time in seconds, start and end of the workers included."""
    throughput: float
    """Items a second."""
    avg_time_per_item: float
    """Seconds that an item held its worker, on average."""
    workers: int
    """Workers that were really used; for coroutines, how many ran at once."""
    busy_s: float
    """Sum of the times that items held their workers."""
    longest_item_s: float
    """The longest of those times."""
    cpu_s: float
    """CPU time that the workers used while they ran items."""
    in_order_makespan_s: float
    """What the items would take on `planned_workers` ideal workers, in the order of the records."""
    planned_workers: int
    """How many workers `in_order_makespan_s` is for."""
    batches: int
    retries: int
    """Attempts beyond the first, of all items together."""
    errors_by_type: Mapping[str, int]
    """How many items failed, by the name of the exception's class."""
    errors: tuple[ErrorExample, ...]
    """The most frequent kinds of errors, other than simulated failures, the most frequent first."""
    unexpected_failures: tuple[ItemRecord, ...]
    """The first few items that failed other than by a simulated failure."""
    interrupted: bool
    """Whether the run was stopped before its end."""
    slowest: tuple[SlowItem, ...] = ()
    """The slowest of those that took 10 ms or more, the slowest first; at most ten."""
    slowest_share: tuple[str, ...] = ()
    """What most of them have in common and most others do not, a sentence each."""

    def with_places_of(self, outcome: RunOutcome) -> RunSummary:
        """Return the summary of a job with the errors and slow items as its outcome tells them.

        The records of a job count the items that were left to be done; its outcome says where they
        stand in the input.
        """
        failures = tuple(one.record for one in outcome.first_failures)
        return replace(
            self,
            errors=outcome.errors,
            unexpected_failures=failures,
            slowest=outcome.slowest,
            slowest_share=outcome.slowest_share,
        )


def is_cpu_bound(run: RunSummary) -> bool:
    """Return whether the items of a run mostly compute; not when they took no measurable time."""
    return run.busy_s > 0 and run.cpu_s >= COMPUTES_FROM * run.busy_s


class RunMetrics:
    """The running totals of a run's batch records; memory does not grow with their number.

    `workers` is the planned number of workers; `expected_errors` names the types of the errors
    that the workload raises on purpose. `facts` tells what is known of the item at an index, for
    the slowest ones; `None` where others look for those.
    """

    def __init__(
        self,
        *,
        workers: int,
        expected_errors: Collection[str] = (),
        facts: Callable[[int], Facts] | None = None,
    ) -> None:
        self._slow = SlowItems()
        self._facts = facts
        self._expected_errors = expected_errors
        self._items = 0
        self._failed = 0
        self._busy_s = 0.0
        self._longest_s = 0.0
        self._cpu_s = 0.0
        self._retries = 0
        self._workers: set[str] = set()
        self._errors: Counter[str] = Counter()
        self._error_kinds = ErrorKinds()
        self._unexpected: list[ItemRecord] = []
        self._batches = 0
        self._planned_workers = workers
        self._free_at_s = [0.0] * workers

    @property
    def cpu_s(self) -> float:
        """CPU time that the workers used while they ran items."""
        return self._cpu_s

    def observe(self, records: Iterator[BatchRecord]) -> Iterator[BatchRecord]:
        """Add each record and yield it on."""
        for record in records:
            self.add(record)
            yield record

    def add(self, record: BatchRecord) -> None:
        """Add one record."""
        self._batches += 1
        self._items += len(record.results)
        self._busy_s += math.fsum(record.durations_s)
        self._cpu_s += record.cpu_s
        self._retries += sum(record.attempts.values()) - len(record.attempts)
        if record.worker:
            self._workers.add(record.worker)
        longest_s = max(record.durations_s, default=0.0)
        self._longest_s = max(self._longest_s, longest_s)
        if longest_s < EVENLY_SHARED_S:
            share_s = math.fsum(record.durations_s) / self._planned_workers
            self._free_at_s = [free_s + share_s for free_s in self._free_at_s]
        else:
            for duration_s in record.durations_s:
                # The worker that is free first takes the next item: list scheduling (Graham 1969).
                heapq.heapreplace(self._free_at_s, self._free_at_s[0] + duration_s)
        if record.failures:
            self._add_failures(record)
        if (facts := self._facts) is not None:
            self._slow.add(record, lambda offset: facts(record.first_item + offset))

    def look_up_slow_items(self, items_at: Callable[[Collection[int]], Mapping[int, Any]]) -> None:
        """Take what `facts` did not know of slow items from those that `items_at` returns."""
        self._slow.look_up_afterwards(items_at)

    def _add_failures(self, record: BatchRecord) -> None:
        self._failed += len(record.failures)
        for offset, failure in sorted(record.failures.items()):
            self._errors[failure.error_type] += 1
            if failure.error_type not in self._expected_errors:
                self._error_kinds.add(failure, record.first_item + offset)
        if len(self._unexpected) == FAILURES_KEPT:
            return
        for item in record.item_records():
            if item.failure and item.failure.error_type not in self._expected_errors:
                self._unexpected.append(item)
                if len(self._unexpected) == FAILURES_KEPT:
                    return

    def summary(
        self, *, total_duration_s: float, plan: Plan | None = None, interrupted: bool = False
    ) -> RunSummary:
        """Return the totals of a run that took `total_duration_s`, workers' start and end included.

        `plan` is the plan that was carried out. It bounds `workers`: the calling thread, which
        runs items in place while workers start, counts as one of those that were planned.
        """
        items = self._items
        workers = max(len(self._workers), 1 if items else 0)
        if plan is not None:
            workers = min(plan.workers, items if plan.backend == "async" else workers)
        return RunSummary(
            total_processed=items,
            successful=items - self._failed,
            failed=self._failed,
            success_rate=1 - self._failed / items if items else 1.0,
            total_duration=total_duration_s,
            throughput=items / total_duration_s if total_duration_s else 0.0,
            avg_time_per_item=self._busy_s / items if items else 0.0,
            workers=workers,
            busy_s=self._busy_s,
            longest_item_s=self._longest_s,
            cpu_s=self._cpu_s,
            in_order_makespan_s=max(self._free_at_s),
            planned_workers=self._planned_workers,
            batches=self._batches,
            retries=self._retries,
            errors_by_type=dict(self._errors),
            errors=self._error_kinds.most_frequent(ERROR_KINDS_NAMED),
            unexpected_failures=tuple(sorted(self._unexpected, key=lambda item: item.index)),
            interrupted=interrupted,
            slowest=self._slow.slowest(),
            slowest_share=self._slow.in_common(),
        )
