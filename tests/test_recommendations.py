"""Recommendations follow from what was measured."""

from __future__ import annotations

from typing import Any

from batchmap_workbook.utils.analysis.benchmark_records import Recommendation
from batchmap_workbook.utils.analysis.recommendations import recommend
from batchmap_workbook.utils.analysis.records import Case
from tests.fakes import compared, compared_case, plan, run_summary


def measured(
    workload: str, *, workers: int, reached_s: float, backend: str = "thread", **sequential: Any
) -> Case:
    values = {
        "total_duration": 8.0,
        "busy_s": 8.0,
        "in_order_makespan_s": 8.0 / workers,
        "longest_item_s": 0.1,
    }
    before = run_summary(planned_workers=workers, **values | sequential)
    after = run_summary(total_duration=reached_s, workers=workers)
    chosen = plan(backend=backend, workers=workers)
    return compared_case(
        before,
        after,
        name=f"{workload} on {workers}",
        workload=workload,
        plan=chosen,
        comparison=compared(before, after, plan=chosen),
    )


def advice(*results: Case) -> Recommendation:
    [one] = recommend(results, usable_cores=2, free_memory_bytes=2**30)
    return one


def test_work_that_computes_gets_a_process_for_each_core() -> None:
    one = advice(measured("number", workers=4, reached_s=4.2, backend="process", cpu_s=7.9))
    assert (one.backend, one.workers) == ("process", 2)
    assert "99% CPU" in one.why


def test_work_that_only_computes_is_none_that_waits_when_others_keep_its_core() -> None:
    one = advice(measured("number", workers=4, reached_s=4.2, backend="process", cpu_s=3.0))
    assert (one.backend, one.workers) == ("process", 2)


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


def test_work_of_ones_own_gets_what_was_chosen_by_measuring() -> None:
    one = advice(measured("mine.py:work", workers=2, reached_s=4.2, backend="thread", cpu_s=7.9))
    assert (one.kind, one.backend, one.workers) == ("CPU-bound", "thread", 2)
