"""Predictions: measured times scheduled again, by hand once and compared."""

from __future__ import annotations

from array import array
from typing import Any

import pytest

from batchmap_workbook.utils.analysis.schedule_model import MAX_ITEMS, ScheduleModel
from batchmap_workbook.utils.analysis.what_if import best_batch_size, predictions, stops_paying_at


def model(*times_s: float, **changes: Any) -> ScheduleModel:
    values: dict[str, Any] = {
        "item_times_s": array("d", times_s),
        "items_a_time": 1,
        "sequential_s": sum(times_s),
        "workers": 2,
        "batch_size": 1,
        "shrinks": False,
        "start_s": 0.0,
        "start_step_s": 0.0,
        "end_s": 0.0,
        "hand_over_s": 0.0,
        "carrying_s": 0.0,
        "slowdown": 1.0,
        "parallel_s": sum(times_s) / 2,
        "cpu_s": 0.0,
        "capacity": 2.0,
    }
    return ScheduleModel(**{**values, **changes})


@pytest.mark.parametrize(("workers", "time_s"), [(1, 8.0), (2, 4.0), (3, 3.0), (8, 1.0)])
def test_items_that_wait_are_shared_out(workers: int, time_s: float) -> None:
    assert model(*[1.0] * 8).predicted_s(workers) == time_s


def test_start_end_and_hand_over_are_added() -> None:
    measured = model(*[1.0] * 8, start_s=0.5, end_s=0.25, hand_over_s=0.125, carrying_s=0.125)
    assert measured.predicted_s(4) == 0.5 + 2 * 1.25 + 0.25


def test_workers_start_one_after_another() -> None:
    measured = model(*[1.0] * 8, start_s=0.5, start_step_s=0.25)
    assert measured.predicted_s(2) == 0.5 + 0.25 + 4.0
    assert measured.predicted_s(4) == 0.5 + 3 * 0.25 + 2.0


def test_work_that_computes_ends_no_sooner_than_the_cores_allow() -> None:
    measured = model(*[1.0] * 8, cpu_s=8.0, capacity=1.6)
    assert measured.predicted_s(4) == pytest.approx(5.0)
    assert measured.predicted_s(1) == 8.0


def test_what_slows_items_down_slows_more_workers_down_as_much() -> None:
    measured = model(*[1.0] * 8, workers=4, slowdown=4.0, parallel_s=8.0)
    assert measured.predicted_s(8) == measured.predicted_s(2) == 8.0


def test_a_slight_slowdown_grows_with_the_workers() -> None:
    measured = model(*[1.0] * 8, slowdown=1.05)
    assert measured.predicted_s(4) == pytest.approx(2 * 1.15)


def test_batches_cost_the_tail_they_leave() -> None:
    assert model(*[1.0] * 5, batch_size=4).predicted_s(2) == 4.0


def test_of_many_items_a_sample_gives_the_same_sum() -> None:
    number = 20 * MAX_ITEMS
    measured = model(*[0.001] * number, hand_over_s=0.001)
    assert measured.predicted_s(1) == pytest.approx(number * 0.002, rel=0.01)


def test_more_workers_stop_paying_at_the_least_count_that_comes_close() -> None:
    assert stops_paying_at(model(*[1.0] * 12)) == 12
    assert stops_paying_at(model(*[1.0] * 100, cpu_s=100.0)) == 2
    assert stops_paying_at(model(10.0, *[1.0] * 10)) == 2


def test_no_count_is_predicted_that_has_more_workers_than_items() -> None:
    assert [one.workers for one in predictions(model(*[1.0] * 5))] == [1, 4, 5]


def test_a_better_batch_size_is_named_with_what_it_gains() -> None:
    small = model(*[0.001] * 4096, hand_over_s=0.01)
    better = best_batch_size(small)
    assert better is not None
    assert better.batch_size > 16
    assert better.time_s < small.predicted_s(2) / 5


def test_a_good_batch_size_is_left_alone() -> None:
    assert best_batch_size(model(*[1.0] * 64)) is None


def test_nothing_takes_no_time() -> None:
    nothing = model(sequential_s=0.0, parallel_s=0.0)
    assert nothing.predicted_s(4) == 0.0
    assert stops_paying_at(nothing) == 1
