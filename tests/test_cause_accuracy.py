"""Real runs with one known cause of lost speed each: the report finds it, and counts all workers.

Those that other programs on the machine could blur are left to `benchmarks.cause_accuracy`.
"""

from __future__ import annotations

import pytest

from batchmap_workbook.utils.analysis.time_breakdown import losses
from benchmarks.cause_accuracy import measure
from benchmarks.injected_losses import INJECTED_LOSSES, InjectedLoss
from tests.conftest import rest_slow

CERTAIN = {"straggler", "start-up", "large batches", "small batches", "something shared"}


@pytest.mark.parametrize(
    "job",
    rest_slow(2, *(job for job in INJECTED_LOSSES if job.cause in CERTAIN)),
    ids=lambda job: job.name,
)
def test_the_cause_of_an_injected_loss_is_named(job: InjectedLoss) -> None:
    comparison, _, _ = measure(job, 0.2)
    assert comparison.diagnosis is not None
    assert comparison.diagnosis.loss == job.loss
    assert comparison.diagnosis.cause in (job.cause, "other programs")
    where = comparison.accounting
    assert where.work == pytest.approx(comparison.speedup)
    assert where.work + sum(losses(where).values()) == pytest.approx(where.workers)
