"""How many items were in flight: exact where intervals are fine enough, the sum exact always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.execution.in_flight import MAX_INTERVALS, InFlight


def in_flight(*spans: tuple[float, float]) -> InFlight:
    """Return what was in flight from and to the times of `spans`, in seconds since the start."""
    counted = InFlight(began_s=100.0)
    for started_s, ended_s in spans:
        counted.add(100.0 + started_s, 100.0 + ended_s)
    return counted


def test_an_interval_has_the_mean_over_its_time() -> None:
    means = in_flight((0.0, 0.0025), (0.001, 0.002)).means()
    assert list(means) == pytest.approx([1.0, 2.0, 0.5])


def test_without_items_nothing_was_in_flight() -> None:
    assert list(in_flight().means()) == []


def test_a_longer_run_has_longer_intervals_and_no_more_of_them() -> None:
    counted = in_flight((0.0, 10.0), (2.0, 4.0))
    means = list(counted.means())
    assert len(means) <= MAX_INTERVALS
    at = [int(second / counted.interval_s) for second in (1.0, 3.0, 9.0)]
    assert [means[place] for place in at] == pytest.approx([1.0, 2.0, 1.0])


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), min_size=1, max_size=50),
)
def test_the_time_in_flight_is_that_of_the_items(spans: list[tuple[float, float]]) -> None:
    counted = in_flight(*((start_s, start_s + time_s) for start_s, time_s in spans))
    means = counted.means()
    assert len(means) <= MAX_INTERVALS
    assert sum(means) * counted.interval_s == pytest.approx(
        sum(time_s for _, time_s in spans), abs=1e-6
    )
