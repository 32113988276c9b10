"""Finds the plan of a run by running its first items, and keeps nothing of them."""

from __future__ import annotations

import logging
import statistics
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from batchmap.checkpoint.fingerprint import output_form
from batchmap.command.forecast import forecast
from batchmap.engine import RunState, stream_batches
from batchmap.job import Job, dask_address
from batchmap.options import JobOptions
from batchmap.records import BatchRecord, ItemFailure, Plan, UnreadableRecord
from batchmap.scheduling.limits import Limits
from batchmap.scheduling.rate_limiter import RateLimiter
from batchmap.sinks import Sink
from batchmap.sinks.csv.columns import EXTRA
from batchmap.sinks.many_results import EncodeEach, encode_many
from batchmap.sources import Source
from batchmap.sources.sampled import whole_of
from batchmap.stopping import StopRequest, Urgency
from batchmap.storage.table_output import TableOutput
from batchmap.storage.table_url import TableUrl
from batchmap.worker.back_off import NO_RETRIES
from batchmap.worker.failures import UnwritableFailure

__all__ = ["find_plan"]

_logger = logging.getLogger(__name__)

MAX_COROUTINES = 20
"""How many coroutines are run, side by side, to see how long one takes."""


def find_plan(job: Job) -> Plan:
    """Return the plan that the job would follow; the items that are measured run, no others do.

    Where a sample is asked for, all of its items run, and the time is forecast for the whole input.
    Its output is neither opened nor looked at.
    """
    plans: list[Plan] = []
    is_enough = StopRequest()
    options, source = job.options, job.source
    whole = whole_of(source)
    is_sample = whole is not source

    def keep(plan: Plan) -> None:
        plans.append(plan)
        if not is_sample:
            is_enough.request(Urgency.DRAIN)

    items: Iterator[Any] = (
        (index, item) if options.index else item
        for index, (item, _, _) in enumerate(source.records())
        if type(item) is not UnreadableRecord
    )
    sink = _trial_sink(options)
    encode, gives_many = sink.encoder, job.shape.gives_many
    processor = job.processor(stop=is_enough, encode=EncodeEach(encode) if gives_many else encode)
    total = _number_of_items(options, whole)
    few_coroutines = processor.is_async and not is_sample
    most = (options.limit, MAX_COROUTINES if few_coroutines else None)
    unwritable = _UnwritableTrial(sink, gives_many=gives_many)
    times_s, failed = array("d"), 0
    limits = job.limits()
    if limits.rate is not None and not is_sample:
        items = _telling_cost(items, limits.rate)
    for record in stream_batches(
        processor,
        islice(items, min((number for number in most if number is not None), default=None)),
        options,
        total=total,
        limits=replace(
            limits,
            retries=replace(NO_RETRIES, pauses=False),
            rate=limits.rate if is_sample else None,
        ),
        stop=is_enough,
        state=RunState(on_plan=keep),
        cluster=dask_address(options),
    ):
        unwritable.add(record)
        times_s.extend(record.durations_s)
        failed += len(record.failures)
        if job.stop.requested:
            is_enough.request(Urgency.KILL)
    unwritable.tell(options.output_format)
    if is_enough.reason:
        _logger.warning("the function stopped what was measured: %.300s", is_enough.reason)
    plan = plans[-1]
    total = total if limits.keyed is None else None  # it does not tell how long that takes
    if is_sample and times_s:
        plan = _with_forecast(plan, times_s, failed, total=total, rate=limits.items_per_s)
    return _no_faster_than(limits, options, total, plan)


def _telling_cost(items: Iterator[Any], rate: RateLimiter) -> Iterator[Any]:
    """Yield the items once each has told what it counts, so that the rate can be reckoned with."""
    for item in items:
        with suppress(Exception):  # it would fail
            rate.amounts([item])
        yield item


def _with_forecast(
    plan: Plan, times_s: Sequence[float], failed: int, *, total: int | None, rate: float | None
) -> Plan:
    """Return the plan with the time that the whole input takes, as the times of a sample tell.

    Where it is not known how many items there are, only what the sample took is told.
    """
    of_all = "" if total is None else f" of {total:,}"
    sampled = (
        f"Sampled: {len(times_s):,}{of_all} items at random take "
        f"{statistics.fmean(times_s) * 1e3:,.1f} ms on average, the longest "
        f"{max(times_s) * 1e3:,.1f} ms; {failed:,} of them failed"
    )
    plan = replace(plan, why=(*plan.why, sampled), predicted_s=None)
    if total is None:
        return plan
    found = forecast(times_s, total=total, workers=plan.workers, rate=rate)
    return replace(
        plan,
        predicted_s=found.expected_s,
        predicted_range_s=found.range_s,
    )


def _trial_sink(options: JobOptions) -> Sink:
    """Return a sink of the output's format that writes nothing: it is never started."""
    columns = (*(options.columns_out or ()), EXTRA)
    form = replace(output_form(options), record="result", with_item=False, columns_out=columns)
    if isinstance(options.output, TableUrl):
        return form.sink(TableOutput(options.output))
    return form.sink(Path("unwritten"))


class _UnwritableTrial:
    """Counts results that the format of the output has no form for, and tells of them."""

    def __init__(self, sink: Sink, *, gives_many: bool) -> None:
        self._encode = partial(encode_many, sink) if gives_many else sink.encode
        self._number = self._results = 0
        self._first: ItemFailure | None = None

    def add(self, record: BatchRecord) -> None:
        """Count the results of some items; failures of other kinds are none."""
        numbers = range(len(record.results))
        good = [number for number in numbers if number not in record.failures]
        _, late = self._encode(good, good, [record.results[number] for number in good])
        failures = [*record.failures.values(), *late.values()]
        unwritable = [one for one in failures if isinstance(one, UnwritableFailure)]
        self._results += len(good) + len(unwritable) - len(late)
        self._number += len(unwritable)
        self._first = self._first or next(iter(unwritable), None)

    def tell(self, output_format: str) -> None:
        """Say in a line how many cannot be written, if any."""
        if self._first is not None:
            _logger.warning(
                "%d of %d results cannot be written as %s: %s: %.300s",
                self._number, self._results, output_format,
                self._first.error_type, self._first.error,
            )  # fmt: skip


def _no_faster_than(limits: Limits, options: JobOptions, total: int | None, plan: Plan) -> Plan:
    if limits.items_per_s is None or total is None:
        return plan
    slowest_s = total / limits.items_per_s
    rates = " and ".join(map(str, options.rate or ()))
    return replace(
        plan,
        why=(*plan.why, f"--rate {rates} lets {total:,} items start in {slowest_s:.2f}s"),
        predicted_s=max(plan.predicted_s or 0.0, slowest_s),
    )


def _number_of_items(options: JobOptions, source: Source) -> int | None:
    total = source.total
    if total is None and source.repeatable:
        total = sum(1 for _ in islice(source.records(), options.limit))
    return total if total is None or options.limit is None else min(total, options.limit)
