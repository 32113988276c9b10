"""Plans: what was asked for is taken, the rest is chosen by the kind of workload."""

from __future__ import annotations

from typing import Any

import pytest
from batchmap.records import Plan
from batchmap.resources import usable_cores

from batchmap_workbook.utils.cli.settings import Settings
from batchmap_workbook.utils.execution.planning import plan_run
from batchmap_workbook.utils.workloads.generated_items import GeneratedItems


def planned(total: int = 100, **options: Any) -> Plan:
    plan, _ = plan_run(Settings.of(**options), GeneratedItems("mixed", total), total)
    return plan


@pytest.mark.parametrize(
    ("workload", "backend", "per_core"),
    [("io", "thread", 4), ("text", "thread", 2), ("number", "process", 1)],
)
def test_backend_and_workers_follow_the_kind_of_workload(
    workload: str, backend: str, per_core: int
) -> None:
    plan = planned(workload=workload)
    assert (plan.backend, plan.workers) == (backend, per_core * usable_cores())
    assert any(reason.startswith("Backend chosen") for reason in plan.why)
    assert any(reason.startswith("Workers chosen") for reason in plan.why)


def test_what_was_asked_for_is_taken() -> None:
    plan = planned(workers=3, backend="thread", batch_size=7)
    assert (plan.backend, plan.workers, plan.batch_size, plan.num_batches) == ("thread", 3, 7, 15)
    assert plan.why == (
        "Backend: as asked for",
        "Workers: as asked for",
        "Batch size: as asked for",
    )


def test_the_sequential_backend_has_one_worker() -> None:
    assert planned(backend="sequential", workers=8).workers == 1


def test_waiting_items_travel_alone_and_short_ones_together() -> None:
    assert planned(latency_s=0.5).batch_size == 1
    assert planned(total=100_000, latency_s=0).batch_size > 100


def test_without_items_there_is_a_plan_all_the_same() -> None:
    plan = planned(total=0)
    assert (plan.batch_size, plan.num_batches) == (1, 0)
