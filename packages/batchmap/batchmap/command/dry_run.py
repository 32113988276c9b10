"""Finds the plan of a run by running its first items, and keeps nothing of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from batchmap.engine import RunState, limits_of, stream_batches
from batchmap.job import Job, dask_address
from batchmap.options import JobOptions
from batchmap.records import Plan, UnreadableRecord
from batchmap.sources import Source
from batchmap.stopping import StopRequest, Urgency
from batchmap.worker.processor import BatchProcessor

__all__ = ["find_plan"]

MAX_COROUTINES = 20
"""How many coroutines are run, side by side, to see how long one takes."""


def find_plan(job: Job) -> Plan:
    """Return the plan that the job would follow; the items that are measured run, no others do.

    Its output is neither opened nor looked at.
    """
    plans: list[Plan] = []
    is_enough = StopRequest()

    def keep(plan: Plan) -> None:
        plans.append(plan)
        is_enough.request(Urgency.DRAIN)

    options, source = job.options, job.source
    items = (item for item, _, _ in source.records() if type(item) is not UnreadableRecord)
    processor = BatchProcessor(job.function, stop=is_enough)
    total = _number_of_items(options, source)
    most = (options.limit, MAX_COROUTINES if processor.is_async else None)
    for _ in stream_batches(
        processor,
        islice(items, min((number for number in most if number is not None), default=None)),
        options,
        total=total,
        limits=replace(limits_of(options), retries=0, rate=None),
        stop=is_enough,
        state=RunState(on_plan=keep),
        cluster=dask_address(options),
    ):
        if job.stop.requested:
            is_enough.request(Urgency.KILL)
    return _no_faster_than(options.rate, total, plans[-1])


def _no_faster_than(rate: float | None, total: int | None, plan: Plan) -> Plan:
    if rate is None or total is None:
        return plan
    slowest_s = total / rate
    return replace(
        plan,
        why=(*plan.why, f"--rate {rate:g} lets {total:,} items start in {slowest_s:.2f}s"),
        predicted_s=max(plan.predicted_s or 0.0, slowest_s),
    )


def _number_of_items(options: JobOptions, source: Source) -> int | None:
    total = source.total
    if total is None and source.repeatable:
        total = sum(1 for _ in islice(source.records(), options.limit))
    return total if total is None or options.limit is None else min(total, options.limit)
