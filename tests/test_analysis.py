"""Analysis: speedup and limits, computed by hand once and compared."""

from __future__ import annotations

import pytest

from tests.fakes import run_summary
from utils.analysis import compare_runs, describe_runs
from utils.records import Comparison, RunSummary


def comparison(sequential: RunSummary, parallel: RunSummary, workers: int = 2) -> Comparison:
    return compare_runs(
        sequential,
        parallel,
        data_type="numbers",
        planned_workers=workers,
        usable_cores=2,
        results_match=True,
    )


def test_speedup_and_efficiency() -> None:
    both = comparison(run_summary(), run_summary(total_duration=2.5, workers=2, failed=1))
    assert (both.speedup, both.efficiency, both.workers) == (1.6, 0.8, 2)
    assert both.errors == {"sequential": 0, "parallel": 1}


def test_the_limit_is_the_in_order_makespan() -> None:
    both = comparison(
        run_summary(in_order_makespan_s=2.5), run_summary(total_duration=2.5, workers=2)
    )
    assert (both.limit, both.share_of_limit) == (1.6, 1.0)
    assert (both.limit_any_order, both.share_of_limit_any_order) == (2.0, 0.8)


def test_no_schedule_is_faster_than_the_longest_item() -> None:
    both = comparison(run_summary(longest_item_s=3.2), run_summary(total_duration=3.2), workers=4)
    assert both.limit_any_order == 1.25


def test_cpu_work_is_bounded_by_the_cores_and_not_by_the_workers() -> None:
    sequential = run_summary(cpu_s=4.0, in_order_makespan_s=1.0)
    both = comparison(sequential, run_summary(total_duration=2.0), workers=4)
    assert (both.limit, both.limit_any_order) == (2.0, 2.0)


def test_no_limit_is_above_the_number_of_workers() -> None:
    sequential = run_summary(total_duration=8.0, busy_s=4.0, in_order_makespan_s=2.0)
    both = comparison(sequential, run_summary())
    assert (both.limit, both.limit_any_order) == (2.0, 2.0)


def test_what_was_reached_is_within_the_limit() -> None:
    both = comparison(run_summary(in_order_makespan_s=2.5), run_summary(total_duration=1.6))
    assert (both.speedup, both.limit, both.limit_any_order) == (2.5, 2.5, 2.5)
    assert (both.share_of_limit, both.share_of_limit_any_order) == (1.0, 1.0)


def test_a_comparison_of_nothing_divides_by_nothing() -> None:
    nothing = run_summary(
        total_processed=0, total_duration=0.0, busy_s=0.0, longest_item_s=0.0,
        in_order_makespan_s=0.0, workers=0,
    )  # fmt: skip
    assert comparison(nothing, nothing).speedup == 0.0


def test_one_run_alone_has_the_figures_that_apply() -> None:
    parallel = run_summary(total_duration=2.5, workers=2, throughput=1.6, failed=1)
    analysis = describe_runs({"parallel": parallel}, data_type="text", planned_workers=2)
    assert analysis == {
        "total_items": 4,
        "data_type": "text",
        "errors": {"parallel": 1},
        "parallel_time": 2.5,
        "parallel_throughput": 1.6,
        "workers": 2,
        "utilisation": pytest.approx(0.8),
    }
