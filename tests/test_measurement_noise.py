"""Warnings: each for its reason, and none for figures that are fine."""

from __future__ import annotations

import pytest

from batchmap_workbook.utils.analysis.measurement_noise import noise_warnings, spread_of
from batchmap_workbook.utils.execution.trace import Environment, Trace
from tests.fakes import run_summary, run_trace

STEADY = [1.0, 1.01, 0.99, 1.02, 1.0]


def warned(
    times: list[float],
    *traces: Trace,
    other_times: list[float] | None = None,
    computes: bool = True,
) -> list[str]:
    spreads = {"sequential": spread_of(other_times or times), "parallel": spread_of(times)}
    warnings = noise_warnings(spreads, {"parallel": traces}, computes=computes)
    return [one for one in warnings if "sequential run" not in one or "Faster" in one]


def trace(**surroundings: float) -> Trace:
    return run_trace(run_summary(), surroundings=Environment(**surroundings))  # type: ignore[arg-type]


def test_figures_that_are_fine_get_no_warning() -> None:
    assert warned(STEADY, trace(other_load=0.1, probe_s=0.001), trace(probe_s=0.00105)) == []


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([0.004], "The parallel run took 4.0 ms, too short to measure"),
        ([2.0, 1.0, 1.01, 0.99, 1.0], "The first parallel run took 2.00s, the others 1.00s"),
        ([1.0, 1.01, 2.0, 0.99, 1.0], "The parallel runs took from 0.99s to 2.00s"),
    ],
)
def test_times_that_cannot_be_trusted_are_warned_of(times: list[float], words: str) -> None:
    [warning] = warned(times)
    assert warning.startswith(words)


def test_a_spread_is_no_outlier() -> None:
    assert warned([1.0, 1.3, 0.8, 1.2, 0.9]) == []


def test_the_load_by_other_programs_is_warned_of() -> None:
    assert warned(STEADY, trace(other_load=0.8)) == [
        "Other programs used 0.8 cores during the parallel run"
    ]


def test_a_change_of_speed_is_warned_of_with_an_option_to_measure_it() -> None:
    [warning] = warned(STEADY, trace(probe_s=0.0010), trace(probe_s=0.0012))
    assert warning == (
        "The machine's speed changed by 20% between the runs; --repeat 5 shows how much that "
        "matters"
    )


def test_the_speed_of_cores_does_not_matter_to_items_that_wait() -> None:
    assert warned(STEADY, trace(probe_s=0.001), trace(probe_s=0.002), computes=False) == []


def test_a_run_faster_than_its_workers_can_be_is_warned_of() -> None:
    [warning] = warned([1.0], trace(), other_times=[2.0])
    assert warning.startswith("Faster than one worker can be")


def test_an_option_that_was_used_is_not_advised() -> None:
    [warning] = warned(STEADY, *[trace(probe_s=probe_s) for probe_s in (1e-3, 1.2e-3, 1e-3, 1e-3)])
    assert "--repeat" not in warning


def test_of_an_even_number_the_lower_middle_is_the_median() -> None:
    assert spread_of([4.0, 1.0, 3.0, 2.0]).median == 2.0
