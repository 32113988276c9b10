"""Metrics: the sums of a run, exact and in bounded memory."""

from __future__ import annotations

import pytest
from batchmap.metrics import FAILURES_KEPT, RunMetrics
from batchmap.records import BatchRecord, ItemFailure

from tests.fakes import batch_record

SIMULATED = ItemFailure("SimulatedFailure", "told to", "")
REAL = ItemFailure("ValueError", "bad line", "")


def test_the_sums_are_those_of_the_records() -> None:
    metrics = RunMetrics(workers=2, expected_errors={"SimulatedFailure"})
    metrics.add(batch_record(["a", None], durations_s=[1.0, 3.0], failures={1: SIMULATED}))
    metrics.add(batch_record(["b"], first_item=2, durations_s=[2.0], attempts={0: 3}, worker="1:2"))
    summary = metrics.summary(total_duration_s=4.0)
    assert (summary.total_processed, summary.successful, summary.failed) == (3, 2, 1)
    assert summary.success_rate == pytest.approx(2 / 3)
    assert (summary.throughput, summary.avg_time_per_item) == (0.75, 2.0)
    assert (summary.busy_s, summary.longest_item_s, summary.workers) == (6.0, 3.0, 2)
    assert summary.retries == 2
    assert summary.errors_by_type == {"SimulatedFailure": 1}
    assert summary.unexpected_failures == ()


def test_the_in_order_makespan_is_that_of_list_scheduling() -> None:
    metrics = RunMetrics(workers=2)
    metrics.add(batch_record([0] * 5, durations_s=[3.0, 1.0, 1.0, 1.0, 4.0]))
    # worker 1: 3, then 4 from 3 to 7; worker 2: 1, 1, 1
    assert metrics.summary(total_duration_s=1.0).in_order_makespan_s == 7.0


def test_unexpected_failures_are_kept_first_come_and_shown_in_order() -> None:
    metrics = RunMetrics(workers=1, expected_errors={"SimulatedFailure"})
    for index in reversed(range(20)):
        metrics.add(batch_record([None], first_item=index, failures={0: REAL}))
    kept = metrics.summary(total_duration_s=1.0).unexpected_failures
    assert [item.index for item in kept] == list(range(20 - FAILURES_KEPT, 20))


def test_a_run_without_items_divides_by_nothing() -> None:
    summary = RunMetrics(workers=1).summary(total_duration_s=0.0)
    assert (summary.success_rate, summary.throughput, summary.avg_time_per_item) == (1.0, 0.0, 0.0)


def test_observing_yields_every_record_on() -> None:
    records: list[BatchRecord] = [batch_record([1]), batch_record([2])]
    metrics = RunMetrics(workers=1)
    assert list(metrics.observe(iter(records))) == records
    assert metrics.summary(total_duration_s=1.0).total_processed == 2
