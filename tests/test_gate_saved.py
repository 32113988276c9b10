"""A gate against a saved benchmark: it says slower only where nothing else may have made it so."""

from __future__ import annotations

from typing import Any

import pytest

from batchmap_workbook.utils.analysis.gate import GatedFigure, GateResult, gate_against
from batchmap_workbook.utils.analysis.records import Case
from batchmap_workbook.utils.execution.trace import RoundsEnvironment
from tests.test_regressions import MACHINE, case, saved

TIMES = (1.0, 1.01, 0.99, 1.02, 1.0, 0.98, 1.01)


def environment(load: float | None = 0.1, probe_s: float | None = 0.001) -> RoundsEnvironment:
    return RoundsEnvironment(sequential_load=load, parallel_load=load, probe_s=probe_s)


def measured(factor: float = 1.0, times: tuple[float, ...] = TIMES, **changes: Any) -> Case:
    slower = tuple(factor * time_s for time_s in times)
    return case(sequential=times, parallel=slower, **{"environment": environment(), **changes})


def gated(
    before: Case,
    now: Case,
    *,
    gate: float = 0.1,
    machine: dict[str, Any] = MACHINE,
    **conditions: Any,
) -> GateResult:
    return gate_against(saved(before), [now], machine, conditions=conditions, gate=0.1)


def parallel_of(result: GateResult) -> GatedFigure:
    [sequential, parallel] = result.figures
    assert (sequential.figure, parallel.figure) == ("sequential time", "parallel time")
    return parallel


@pytest.mark.parametrize(
    ("factor", "decision"),
    [
        (1.0, "not slower"),
        (0.5, "not slower"),
        (1.08, "cannot tell"),
        (1.15, "cannot tell"),
        (1.25, "slower"),
        (3.0, "slower"),
    ],
)
def test_bounds_leave_room_for_what_differs_between_two_days(factor: float, decision: str) -> None:
    result = gated(measured(), measured(factor))
    assert parallel_of(result).decision == result.decision == decision
    assert parallel_of(result).ratio == pytest.approx(factor)


def test_other_programs_that_run_now_leave_it_open() -> None:
    result = gated(measured(), measured(3.0, environment=environment(load=1.1)))
    assert parallel_of(result).decision == "cannot tell"
    assert parallel_of(result).why == "other programs used 1.1 cores now, 0.1 before"
    result = gated(measured(environment=environment(load=1.1)), measured(3.0))
    assert parallel_of(result).decision == "slower"


def test_other_programs_that_ran_before_may_hide_that_it_is_slower() -> None:
    result = gated(measured(environment=environment(load=1.1)), measured())
    assert parallel_of(result).why == "other programs used 0.1 cores now, 1.1 before"
    result = gated(measured(), measured(environment=environment(load=1.1)))
    assert parallel_of(result).decision == "not slower"


def test_a_machine_that_is_slower_now_leaves_it_open() -> None:
    result = gated(measured(), measured(1.4, environment=environment(probe_s=0.0015)))
    assert parallel_of(result).decision == "cannot tell"
    result = gated(measured(), measured(1.4, environment=environment(probe_s=None)))
    assert parallel_of(result).decision == "slower"


def test_a_machine_that_is_faster_now_may_hide_that_it_is_slower() -> None:
    result = gated(measured(), measured(environment=environment(probe_s=0.0005)))
    assert parallel_of(result).decision == "cannot tell"


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (
            measured(times=TIMES[:1]),
            measured(3.0),
            "too few rounds, 1 before and 7 now; --repeat 7, on both sides, is enough",
        ),
        (
            measured(times=tuple(time_s / 100 for time_s in TIMES)),
            measured(300.0, times=tuple(time_s / 100 for time_s in TIMES)),
            "all rounds took 0.07s together, too short to compare; more items, or --repeat 30, on "
            "both sides, help",
        ),
        (
            measured(environment=environment(load=None)),
            measured(3.0),
            "the file does not say how busy the machine was; save it again",
        ),
        (
            measured(),
            measured(3.0, environment=environment(load=None)),
            "it is not known how busy the machine was now",
        ),
    ],
)
def test_what_is_not_known_is_said(before: Case, now: Case, why: str) -> None:
    assert parallel_of(gated(before, now)).why == why
    assert parallel_of(gated(before, now)).decision == "cannot tell"


def test_a_system_that_never_tells_of_other_programs_is_compared() -> None:
    unknown = environment(load=None)
    result = gated(measured(environment=unknown), measured(3.0, environment=unknown))
    assert parallel_of(result).decision == "slower"


def test_on_another_machine_nothing_is_told() -> None:
    result = gated(measured(), measured(3.0), machine={**MACHINE, "usable_cores": 64})
    assert {one.decision for one in result.figures} == {"cannot tell"}
    assert parallel_of(result).why.startswith("another machine, so times cannot be trusted")


def test_what_is_not_compared_is_not_passed() -> None:
    result = gated(measured(), measured(workers=4))
    assert result.figures == ()
    assert result.not_compared == ("I/O small: not compared: workers 2 before, 4 now",)
    assert result.decision == "cannot tell"
    result = gated(measured(), measured(), latency=3)
    assert result.decision == "cannot tell"


def test_the_more_figures_the_more_must_they_differ() -> None:
    """Five rounds can tell of one scenario at 1 %, and not of four."""
    five = [measured(times=TIMES[:5], name=str(number)) for number in range(4)]
    now = [measured(3.0, times=TIMES[:5], name=str(number)) for number in range(4)]
    one = gate_against(saved(five[0]), now[:1], MACHINE, conditions={}, gate=0.1)
    assert one.decision == "slower"
    four = gate_against(saved(*five), now, MACHINE, conditions={}, gate=0.1)
    assert four.decision == "cannot tell"
