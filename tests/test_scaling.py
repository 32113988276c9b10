"""The fit of speedups to the Universal Scalability Law: data of the law give the law back."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.analysis.benchmark_records import Sweep
from batchmap_workbook.utils.analysis.records import Comparison
from batchmap_workbook.utils.analysis.scaling import fit_scaling

COUNTS = (1, 2, 4, 8, 16, 32)

shares = st.floats(0, 1)
crosstalks = st.floats(0, 0.1)


def law(workers: int, serial_share: float, crosstalk: float) -> float:
    others = workers - 1
    return workers / (1 + serial_share * others + crosstalk * workers * others)


def comparison(speedup: float, *, time_s: float = 1.0) -> Comparison:
    values: dict[str, Any] = {field.name: None for field in fields(Comparison)}
    return Comparison(
        **values
        | {
            "speedup": speedup,
            "parallel_time": time_s,
            "efficiency": 0.5,
            "limit": 9.0,
            "share_of_limit": 0.25,
        }
    )


def fit(speedups: dict[int, float]) -> Sweep:
    return fit_scaling({workers: comparison(speedup) for workers, speedup in speedups.items()})


def by_law(serial_share: float, crosstalk: float, counts: tuple[int, ...] = COUNTS) -> Sweep:
    return fit({workers: law(workers, serial_share, crosstalk) for workers in counts})


def fitted(sweep: Sweep, workers: int) -> float:
    return law(workers, sweep.serial_share, sweep.crosstalk)


def squares(speedups: dict[int, float], serial_share: float, crosstalk: float) -> float:
    """Return the squared errors in the form of the law that is linear in its parameters."""
    return math.fsum(
        (n / speedup - 1 - serial_share * (n - 1) - crosstalk * n * (n - 1)) ** 2
        for n, speedup in speedups.items()
        if n > 1
    )


@given(shares, crosstalks)
def test_speedups_made_by_the_law_give_its_parameters(share: float, crosstalk: float) -> None:
    sweep = by_law(share, crosstalk)
    assert sweep.serial_share == pytest.approx(share, abs=1e-6)
    assert sweep.crosstalk == pytest.approx(crosstalk, abs=1e-6)


@given(shares, crosstalks)
def test_two_counts_are_enough_for_the_law(share: float, crosstalk: float) -> None:
    sweep = by_law(share, crosstalk, counts=(2, 8))
    assert [point.fitted for point in sweep.points] == pytest.approx(
        [point.speedup for point in sweep.points], abs=1e-6
    )


@given(
    shares,
    crosstalks,
    st.lists(st.floats(0.5, 1.5), min_size=len(COUNTS), max_size=len(COUNTS)),
    shares,
    crosstalks,
)
def test_no_other_parameters_fit_disturbed_speedups_better(
    share: float, crosstalk: float, factors: list[float], other_share: float, other: float
) -> None:
    speedups = {n: law(n, share, crosstalk) * by for n, by in zip(COUNTS, factors, strict=True)}
    sweep = fit(speedups)
    assert 0 <= sweep.serial_share <= 1
    assert sweep.crosstalk >= 0
    least = squares(speedups, sweep.serial_share, sweep.crosstalk)
    near = squares(
        speedups, min(1, sweep.serial_share + other_share / 100), sweep.crosstalk + other / 100
    )
    assert least <= squares(speedups, other_share, other) + 1e-7
    assert least <= near + 1e-7


@given(shares, st.floats(1e-6, 0.1))
def test_the_curve_rises_up_to_the_best_count_and_falls_beyond_it(
    share: float, crosstalk: float
) -> None:
    sweep = by_law(share, crosstalk)
    best = sweep.best_workers
    assert best is not None
    below = [fitted(sweep, n) for n in sorted({1, (best + 1) // 2, max(1, best - 1)})]
    beyond = [fitted(sweep, n) for n in (best + 1, 2 * best + 1, 4 * best + 1)]
    assert below == sorted(below)
    assert beyond == sorted(beyond, reverse=True)
    assert fitted(sweep, 1) == 1


def test_the_best_count_is_the_root_of_what_is_parallel_over_the_crosstalk() -> None:
    assert by_law(0.04, 0.0015).best_workers == round(math.sqrt(0.96 / 0.0015)) == 25


def test_the_best_count_is_one_where_a_second_worker_costs_more_than_it_gains() -> None:
    assert by_law(1.0, 0.05).best_workers == 1


@pytest.mark.parametrize("crosstalk", [0.0, 1e-12, 0.9e-8])
def test_there_is_no_best_count_where_the_peak_is_out_of_reach(crosstalk: float) -> None:
    assert by_law(0.0, crosstalk).best_workers is None


def test_a_single_count_gives_a_serial_share_and_no_crosstalk() -> None:
    sweep = fit({4: 2.5})
    assert sweep.serial_share == pytest.approx((4 / 2.5 - 1) / 3)
    assert sweep.crosstalk == 0
    assert sweep.best_workers is None
    assert sweep.points[0].fitted == pytest.approx(2.5)


def test_a_single_count_below_one_process_needs_crosstalk_too() -> None:
    sweep = fit({4: 0.5})
    assert sweep.serial_share == 1
    assert sweep.points[0].fitted == pytest.approx(0.5)


def test_speedups_above_the_number_of_workers_are_taken_for_perfect_ones() -> None:
    sweep = fit({2: 2.4, 4: 5.5, 8: 11.0})
    assert (sweep.serial_share, sweep.crosstalk) == (0, 0)
    assert [point.fitted for point in sweep.points] == [2, 4, 8]


@pytest.mark.parametrize("speedups", [{}, {1: 0.97}, {2: 0.0, 8: 0.0}, {2: math.inf, 4: math.nan}])
def test_points_that_say_nothing_about_the_law_leave_both_parameters_zero(
    speedups: dict[int, float],
) -> None:
    sweep = fit(speedups)
    assert (sweep.serial_share, sweep.crosstalk, sweep.best_workers) == (0, 0, None)
    assert len(sweep.points) == len(speedups)


def test_points_come_with_the_fewest_workers_first_and_keep_what_was_measured() -> None:
    sweep = fit_scaling({8: comparison(4.0, time_s=2.0), 2: comparison(1.8, time_s=4.0)})
    assert [(point.workers, point.time_s, point.speedup) for point in sweep.points] == [
        (2, 4.0, 1.8),
        (8, 2.0, 4.0),
    ]
    assert {(p.efficiency, p.limit, p.share_of_limit) for p in sweep.points} == {(0.5, 9.0, 0.25)}
    assert [fitted(sweep, p.workers) for p in sweep.points] == [p.fitted for p in sweep.points]


@given(st.dictionaries(st.integers(1, 10_000), st.floats(1e-9, 1e9), max_size=6))
def test_any_speedups_get_a_fit(speedups: dict[int, float]) -> None:
    sweep = fit(speedups)
    assert 0 <= sweep.serial_share <= 1
    assert 0 <= sweep.crosstalk < math.inf
    assert all(0 < point.fitted <= point.workers * (1 + 1e-12) for point in sweep.points)
