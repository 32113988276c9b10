"""Real runs with one known cause of lost speed each: the report finds it, and counts all workers.

Those that other programs on the machine could blur are left to `benchmarks.planted_causes`.
"""

from __future__ import annotations

import pytest

from batchmap_workbook.utils.analysis.time_breakdown import losses
from benchmarks.injected_losses import PLANTS, Plant
from benchmarks.planted_causes import compare_plant

CERTAIN = {"straggler", "start-up", "large batches", "small batches", "something shared"}


@pytest.mark.parametrize(
    "plant", [plant for plant in PLANTS if plant.cause in CERTAIN], ids=lambda plant: plant.name
)
def test_the_cause_that_was_planted_is_named(plant: Plant) -> None:
    comparison, _, _ = compare_plant(plant, 0.2)
    assert comparison.diagnosis is not None
    assert comparison.diagnosis.loss == plant.loss
    assert comparison.diagnosis.cause in (plant.cause, "other programs")
    where = comparison.accounting
    assert where.work == pytest.approx(comparison.speedup)
    assert where.work + sum(losses(where).values()) == pytest.approx(where.workers)
