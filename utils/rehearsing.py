"""Finds the plan of a run by running its first items, and keeps nothing of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from utils.engine import Limits, stream_batches
from utils.processing import BatchProcessor
from utils.records import BadRecord, Plan
from utils.run_settings import RunSettings
from utils.sources import Source
from utils.stopping import StopRequest, Urgency

__all__ = ["rehearse"]


def rehearse(
    settings: RunSettings, function: Callable[[Any], Any], source: Source, stop: StopRequest
) -> Plan:
    """Return the plan that a run would follow; the items that are measured run, no others do."""
    plans: list[Plan] = []
    enough = StopRequest()

    def keep(plan: Plan) -> None:
        plans.append(plan)
        enough.request(Urgency.DRAIN)

    items = (item for item, _, _ in source.records() if type(item) is not BadRecord)
    for _ in stream_batches(
        BatchProcessor(function, stop=enough),
        islice(items, settings.limit),
        total=_number_of_items(settings, source),
        backend=settings.backend or "auto",
        workers=settings.workers,
        batch_size=settings.batch_size,
        limits=Limits(timeout_s=settings.timeout_s),
        stop=enough,
        on_plan=keep,
    ):
        if stop.requested:
            enough.request(Urgency.KILL)
    return plans[-1]


def _number_of_items(settings: RunSettings, source: Source) -> int | None:
    total = source.total
    if total is None and source.repeatable:
        total = sum(1 for _ in islice(source.records(), settings.limit))
    return total if total is None or settings.limit is None else min(total, settings.limit)
