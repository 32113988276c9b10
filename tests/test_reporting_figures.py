"""The figures that charts are drawn from: bins, sums, loads, the fitted curve."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.analysis.aggregates import parts_of, worker_sums
from batchmap_workbook.utils.analysis.histogram import make_histogram
from batchmap_workbook.utils.analysis.scaling import fitted_curve
from batchmap_workbook.utils.analysis.worker_load import WorkerLoad, worker_loads
from batchmap_workbook.utils.execution.trace import Span, Trace
from tests.fakes_report import sweep, time_breakdown
from tests.fakes_trace import no_trace, trace


@given(st.lists(st.floats(0, 1e5, allow_subnormal=False), min_size=1, max_size=200))
def test_every_time_falls_into_exactly_one_bin(times_s: list[float]) -> None:
    binned = make_histogram(times_s)
    assert binned is not None
    assert sum(one.items for one in binned.bins) == len(times_s) == binned.measured
    assert all(one.width >= 0 for one in binned.bins)
    assert binned.bins[-1].most >= binned.longest >= binned.ninety_fifth
    assert binned.ninety_fifth >= binned.median >= binned.bins[0].least


def test_times_far_apart_stand_on_a_log_scale_and_close_ones_do_not() -> None:
    near, far = make_histogram([0.1, 10.0]), make_histogram([0.1, 10.1])
    assert near is not None
    assert far is not None
    assert (near.is_log, far.is_log) == (False, True)
    ratios = [one.most / one.least for one in far.bins]
    assert max(ratios) == pytest.approx(min(ratios))


@pytest.mark.parametrize(("time_s", "unit"), [(2.0, "s"), (0.002, "ms"), (2e-6, "µs"), (0.0, "µs")])
def test_the_unit_suits_the_median(time_s: float, unit: str) -> None:
    binned = make_histogram([time_s] * 3)
    assert binned is not None
    assert binned.unit == unit
    assert len(binned.bins) == 1


def test_without_times_there_is_no_histogram() -> None:
    assert make_histogram([]) is None


def test_the_fitted_curve_goes_through_what_the_fit_gives_for_each_count() -> None:
    swept = sweep()
    curve = fitted_curve(swept)
    assert curve[0] == (1, 1)
    assert curve[-1] == pytest.approx((32, swept.points[-1].fitted))


def test_the_parts_add_up_to_the_workers() -> None:
    parts = parts_of(time_breakdown())
    assert sum(part.workers for part in parts) == pytest.approx(8)
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert sum(part.time_s for part in parts) == pytest.approx(8 * 6.6)


def test_a_part_that_is_not_known_is_left_out() -> None:
    names = [part.name for part in parts_of(time_breakdown(slower_items=None))]
    assert names == ["work", "start", "hand-over", "tail"]


def test_the_sums_of_the_workers_are_those_of_the_run() -> None:
    run = trace(workers=3, batches=10, batch_size=4)
    sums = worker_sums(run)
    assert [one.worker for one in sums] == [0, 1, 2]
    assert sum(one.items for one in sums) == 40
    assert sum(one.busy_s for one in sums) == pytest.approx(sum(run.item_times_s))
    assert sums[0].first_s == 0.02


def spans_of(*spans: tuple[int, float, float, float], wall_s: float = 4.0) -> Trace:
    """Return a trace with a span for each (worker, start, end, busy time)."""
    made = (
        Span(worker, started_s, ended_s, 1, 0, 1, busy_s, 0, 0, False)
        for worker, started_s, ended_s, busy_s in spans
    )
    return replace(no_trace(), wall_s=wall_s, spans=tuple(made))


def test_a_worker_is_as_busy_as_its_spans_cover_each_interval() -> None:
    run = spans_of((1, 0.5, 2.0, 1.5), (0, 1.0, 1.25, 0.25), (1, 3.0, 4.0, 1.0))
    assert worker_loads(run, intervals=4) == (
        WorkerLoad(0, (0.0, 0.25, 0.0, 0.0)),
        WorkerLoad(1, (0.5, 1.0, 0.0, 1.0)),
    )


def test_a_span_of_several_batches_is_as_busy_as_they_were() -> None:
    (load,) = worker_loads(spans_of((0, 0.0, 2.0, 0.5)), intervals=2)
    assert load.shares == (0.25, 0.0)


def test_a_run_that_took_no_time_loads_no_worker() -> None:
    (load,) = worker_loads(spans_of((0, 0.0, 0.0, 0.0), wall_s=0.0), intervals=3)
    assert load.shares == (0.0, 0.0, 0.0)
    assert worker_loads(no_trace(), intervals=3) == ()
