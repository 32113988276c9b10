"""Finds the plan of a run by running its first items, and keeps nothing of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

from batchmap.command.run_settings import RunSettings
from batchmap.engine import stream_batches
from batchmap.records import Plan, UnreadableRecord
from batchmap.scheduling.limits import Limits
from batchmap.sources import Source
from batchmap.stopping import StopRequest, Urgency
from batchmap.worker.processor import BatchProcessor

__all__ = ["find_plan"]

COROUTINES_TRIED = 20
"""How many coroutines are run, side by side, to see how long one takes."""


def find_plan(
    settings: RunSettings, function: Callable[[Any], Any], source: Source, stop: StopRequest
) -> Plan:
    """Return the plan that a run would follow; the items that are measured run, no others do."""
    plans: list[Plan] = []
    enough = StopRequest()

    def keep(plan: Plan) -> None:
        plans.append(plan)
        enough.request(Urgency.DRAIN)

    items = (item for item, _, _ in source.records() if type(item) is not UnreadableRecord)
    processor = BatchProcessor(function, stop=enough)
    total = _number_of_items(settings, source)
    most = (settings.limit, COROUTINES_TRIED if processor.is_async else None)
    for _ in stream_batches(
        processor,
        islice(items, min((number for number in most if number is not None), default=None)),
        total=total,
        backend=settings.backend or "auto",
        workers=settings.workers,
        batch_size=settings.batch_size,
        limits=Limits(timeout_s=settings.timeout_s),
        scheduler=settings.scheduler,
        stop=enough,
        on_plan=keep,
    ):
        if stop.requested:
            enough.request(Urgency.KILL)
    return _no_faster_than(settings.rate, total, plans[-1])


def _no_faster_than(rate: float | None, total: int | None, plan: Plan) -> Plan:
    if rate is None or total is None:
        return plan
    slowest_s = total / rate
    return replace(
        plan,
        why=(*plan.why, f"--rate {rate:g} lets {total:,} items start in {slowest_s:.2f}s"),
        predicted_s=max(plan.predicted_s or 0.0, slowest_s),
    )


def _number_of_items(settings: RunSettings, source: Source) -> int | None:
    total = source.total
    if total is None and source.repeatable:
        total = sum(1 for _ in islice(source.records(), settings.limit))
    return total if total is None or settings.limit is None else min(total, settings.limit)
