"""Recommendations: drawn from what was measured."""

from __future__ import annotations

from typing import Any

from tests.fakes import plan, run_summary
from utils.analysis import compare_runs
from utils.recommending import recommend
from utils.records import Recommendation, ScenarioResult


def measured(
    workload: str, *, workers: int, reached_s: float, backend: str = "thread", **sequential: Any
) -> ScenarioResult:
    values = {"total_duration": 8.0, "busy_s": 8.0, "in_order_makespan_s": 8.0 / workers}
    before = run_summary(planned_workers=workers, **values | sequential)
    after = run_summary(total_duration=reached_s, workers=workers)
    return ScenarioResult(
        f"{workload} on {workers}",
        workload,
        plan(backend=backend, workers=workers),
        before,
        compare_runs(
            before, after, data_type="text", planned_workers=workers, usable_cores=2,
            results_match=True,
        ),
    )  # fmt: skip


def advice(*results: ScenarioResult) -> Recommendation:
    [one] = recommend(results, usable_cores=2, free_memory_bytes=2**30)
    return one


def test_work_that_computes_gets_a_process_for_each_core() -> None:
    one = advice(measured("number", workers=4, reached_s=4.2, backend="process", cpu_s=7.9))
    assert (one.backend, one.workers) == ("process", 2)
    assert "99% CPU" in one.why


def test_work_that_waits_gets_the_most_threads_that_paid() -> None:
    one = advice(
        measured("io", workers=2, reached_s=4.0, cpu_s=0.08),
        measured("io", workers=8, reached_s=1.1, cpu_s=0.08),
        measured("io", workers=64, reached_s=1.0, cpu_s=0.08),
    )
    assert (one.backend, one.workers) == ("thread", 8)
    assert "99.0% waiting" in one.why
    assert "up to about 200" in one.why


def test_where_no_count_paid_the_fastest_is_named() -> None:
    one = advice(measured("io", workers=4, reached_s=6.0), measured("io", workers=8, reached_s=5.0))
    assert one.workers == 8


def test_each_workload_has_one_recommendation_in_the_order_measured() -> None:
    results = [
        measured("text", workers=2, reached_s=4.0),
        measured("io", workers=2, reached_s=4.0),
        measured("text", workers=4, reached_s=2.0),
    ]
    named = [one.workload for one in recommend(results, usable_cores=2, free_memory_bytes=2**30)]
    assert named == ["text", "io"]


def test_a_scenario_without_items_recommends_nothing() -> None:
    empty = measured("io", workers=2, reached_s=1.0, total_processed=0)
    assert recommend([empty], usable_cores=2, free_memory_bytes=2**30) == []
