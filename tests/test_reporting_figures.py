"""What charts are drawn from: bins, sums, the fitted curve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes_report import accounting, sweep, trace
from workbook.utils.analysis.aggregates import fitted_curve, parts_of, worker_sums
from workbook.utils.analysis.histogram import histogram


@given(st.lists(st.floats(0, 1e5, allow_subnormal=False), min_size=1, max_size=200))
def test_every_time_falls_into_exactly_one_bin(times_s: list[float]) -> None:
    sorted_in = histogram(times_s)
    assert sorted_in is not None
    assert sum(one.items for one in sorted_in.bins) == len(times_s) == sorted_in.measured
    assert all(one.width >= 0 for one in sorted_in.bins)
    assert sorted_in.bins[-1].most >= sorted_in.longest >= sorted_in.ninety_fifth
    assert sorted_in.ninety_fifth >= sorted_in.median >= sorted_in.bins[0].least


def test_times_far_apart_stand_on_a_log_scale_and_close_ones_do_not() -> None:
    near, far = histogram([0.1, 10.0]), histogram([0.1, 10.1])
    assert near is not None
    assert far is not None
    assert (near.is_log, far.is_log) == (False, True)
    ratios = [one.most / one.least for one in far.bins]
    assert max(ratios) == pytest.approx(min(ratios))


@pytest.mark.parametrize(("time_s", "unit"), [(2.0, "s"), (0.002, "ms"), (2e-6, "µs"), (0.0, "µs")])
def test_the_unit_suits_the_median(time_s: float, unit: str) -> None:
    sorted_in = histogram([time_s] * 3)
    assert sorted_in is not None
    assert sorted_in.unit == unit
    assert len(sorted_in.bins) == 1


def test_without_times_there_is_no_histogram() -> None:
    assert histogram([]) is None


def test_the_fitted_curve_goes_through_what_the_fit_gives_for_each_count() -> None:
    swept = sweep()
    curve = fitted_curve(swept)
    assert curve[0] == (1, 1)
    assert curve[-1] == pytest.approx((32, swept.points[-1].fitted))


def test_the_parts_add_up_to_the_workers() -> None:
    parts = parts_of(accounting())
    assert sum(part.workers for part in parts) == pytest.approx(8)
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert sum(part.time_s for part in parts) == pytest.approx(8 * 6.6)


def test_a_part_that_is_not_known_is_left_out() -> None:
    names = [part.name for part in parts_of(accounting(slower_items=None))]
    assert names == ["work", "start", "hand-over", "tail"]


def test_the_sums_of_the_workers_are_those_of_the_run() -> None:
    run = trace(workers=3, batches=10, batch_size=4)
    sums = worker_sums(run)
    assert [one.worker for one in sums] == [0, 1, 2]
    assert sum(one.items for one in sums) == 40
    assert sum(one.busy_s for one in sums) == pytest.approx(sum(run.item_times_s))
    assert sums[0].first_s == 0.02
