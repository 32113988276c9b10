"""The plan of a run before it begins: backend, workers, batch size, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from typing import Any

from batchmap.concurrency import WorkerBounds
from batchmap.engine import open_plan
from batchmap.records import Plan
from batchmap.resources import coroutines_at_once, free_memory_bytes, usable_cores
from batchmap.scheduling.batching import BatchSizing, choose_batch_size
from batchmap.tuning.concurrency_bounds import (
    FINDS_CONCURRENCY,
    concurrency_within,
    in_words,
)

from ..cli.settings import Settings
from ..workloads.built_in import WORKLOADS

__all__ = ["plan_run"]

ITEMS_SAMPLED = 20
"""How many items are looked at to estimate the memory that one takes."""


def plan_run(
    settings: Settings, items: Iterable[Any], total: int | None
) -> tuple[Plan, BatchSizing]:
    """Return the plan for `items` and how it sizes the batches.

    What `settings` leave open is chosen: for a built-in workload backend and workers by its kind,
    the batch size by the expected time of an item; else all of it while the first items run.
    """
    if settings.backend == "auto" or settings.brings_function:
        return open_plan(settings, total)
    workload = WORKLOADS[settings.workload]
    cores = usable_cores()
    why = []
    concurrency = None
    if settings.backend is None:
        backend = workload.backend
        why.append(f"Backend chosen: {workload.kind} work")
    else:
        backend = settings.backend
        why.append("Backend: as asked for")
    if backend == "sequential":
        workers = 1
        why.append("Workers: one, the sequential backend has no more")
    elif isinstance(settings.workers, WorkerBounds):
        usual = workload.workers_per_core * cores
        workers = settings.workers.nearest(usual)
        if backend in FINDS_CONCURRENCY:
            concurrency = concurrency_within(settings.workers, usual=usual)
            workers = concurrency.most
            why.append(in_words(concurrency))
        else:
            why.append(f"Workers chosen: {workers}, within {settings.workers}")
    elif settings.workers is None and backend == "async":
        workers = coroutines_at_once()
        why.append(f"Workers chosen: {workers} coroutines at once, as file descriptors allow")
    elif settings.workers is None:
        workers = workload.workers_per_core * cores
        why.append(
            f"Workers chosen: {workload.workers_per_core} for each usable core, of which "
            f"there {'is' if cores == 1 else 'are'} {cores}"
        )
    else:
        workers = settings.workers
        why.append("Workers: as asked for")
    if settings.batch_size is None and settings.rate is not None:
        sizing = BatchSizing(1)
        why.append("Batch size chosen: with a rate, each item starts by itself")
    elif settings.batch_size is None:
        size, reason = choose_batch_size(
            total=total,
            workers=workers,
            backend=backend,
            expected_item_s=None
            if settings.input
            else workload.expected_item_s(settings.latency_s),
            item_bytes=_typical_bytes(items),
            free_memory_bytes=free_memory_bytes(),
        )
        sizing = BatchSizing(size, workers, shrinks=True)
        why.append(f"Batch size chosen: {reason}")
    else:
        sizing = BatchSizing(settings.batch_size)
        why.append("Batch size: as asked for")
    plan = Plan(
        backend,
        workers,
        sizing.size,
        sizing.num_batches(total),
        tuple(why),
        concurrency=concurrency,
    )
    return plan, sizing


def _typical_bytes(items: Iterable[Any]) -> int:
    sizes = [sys.getsizeof(item) for item in islice(items, ITEMS_SAMPLED)]
    return round(sum(sizes) / len(sizes)) if sizes else 1
