"""Comparisons: speedup and limits, computed by hand once and compared."""

from __future__ import annotations

from typing import Any

import pytest
from batchmap.metrics import RunSummary

from batchmap_workbook.utils.analysis.comparison import (
    compare_runs,
    describe_runs,
    explain_run,
    median_round,
)
from batchmap_workbook.utils.analysis.given_options import GivenOptions
from batchmap_workbook.utils.analysis.records import Comparison, Verdict
from batchmap_workbook.utils.analysis.time_breakdown import losses
from batchmap_workbook.utils.execution.trace import Round
from tests.fakes import compared, plan, run_summary, run_trace


def comparison(
    sequential: RunSummary, parallel: RunSummary, workers: int = 2, **changes: Any
) -> Comparison:
    return compared(sequential, parallel, plan=plan(workers=workers), **changes)


def round_of(sequential_s: float, parallel_s: float) -> Round:
    sequential = run_summary(total_duration=sequential_s)
    parallel = run_summary(total_duration=parallel_s, workers=2)
    return Round(sequential, parallel, run_trace(sequential), run_trace(parallel))


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


def test_cpu_work_is_bounded_by_what_the_machine_was_measured_to_do() -> None:
    sequential = run_summary(cpu_s=4.0, in_order_makespan_s=2.0)
    both = comparison(sequential, run_summary(total_duration=4.0), capacity=1.6)
    assert both.limit == pytest.approx(1.6)
    assert both.machine_capacity == 1.6


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
    analysis = describe_runs({"parallel": parallel}, data_type="text")
    assert analysis == {
        "total_items": 4,
        "data_type": "text",
        "errors": {"parallel": 1},
        "parallel_time": 2.5,
        "parallel_throughput": 1.6,
        "workers": 2,
        "utilisation": pytest.approx(0.8),
    }


def test_the_shares_add_up_to_the_workers_and_the_first_is_the_speedup() -> None:
    both = comparison(run_summary(), run_summary(total_duration=2.5, workers=2, busy_s=4.5))
    where = both.accounting
    assert where.work == both.speedup == 1.6
    assert losses(where)["slower items"] == pytest.approx(0.2)
    assert where.work + sum(losses(where).values()) == pytest.approx(where.workers)


def test_without_a_baseline_slower_items_are_unknown_and_the_rest_adds_up() -> None:
    run = run_summary(total_duration=2.5, workers=2, busy_s=4.5)
    where, loss = explain_run(plan(), run, run_trace(run), usable_cores=2, given=GivenOptions())
    assert where.slower_items is None
    assert where.work + where.start + where.hand_over + where.tail == pytest.approx(2)
    assert loss is not None
    assert loss.loss == "hand-over"


def test_several_rounds_are_summed_up_by_each_sides_median_with_its_range() -> None:
    rounds = [round_of(4.0, 3.0), round_of(4.4, 2.0), round_of(4.2, 2.5)]
    both = compare_runs(
        rounds, data_type="numbers", plan=plan(), usable_cores=2, capacity=None,
        verdict=Verdict(True, 0, (), None), given=GivenOptions(),
    )  # fmt: skip
    assert (both.sequential_time, both.parallel_time) == (4.2, 2.5)
    assert both.speedup == pytest.approx(4.2 / 2.5)
    assert (both.parallel_times.least, both.parallel_times.most) == (2.0, 3.0)
    assert both.speedups.values == (4.0 / 3.0, 2.2, 4.2 / 2.5)


def test_of_two_rounds_the_faster_is_the_median_so_that_it_is_one_that_was_run() -> None:
    middle = median_round([round_of(4.0, 3.0), round_of(5.0, 2.0)])
    assert (middle.sequential.total_duration, middle.parallel.total_duration) == (4.0, 2.0)
