"""A gate's decisions: bounds that hold as often as they say, and no decision without them."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import combinations, product
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.analysis.gate import (
    Decision,
    GatedFigure,
    GateResult,
    decide,
    run_in_turn,
)
from batchmap_workbook.utils.analysis.gate.decision import FALSE_DECISIONS
from batchmap_workbook.utils.analysis.gate.intervals import (
    RatioInterval,
    paired_interval,
    samples_interval,
)
from batchmap_workbook.utils.analysis.gate.paired_runs import BUDGET_S, LOOKS, RUN_S, PairedRuns
from batchmap_workbook.utils.execution.revisions import RunTime
from tests.fakes import FakeClock

ALPHAS = (0.001, 0.01, 0.05, 0.2)


# Intervals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("number", [1, 4, 7, 10, 13])
def test_the_true_median_lies_below_the_bounds_of_pairs_as_rarely_as_asked(
    number: int, alpha: float
) -> None:
    """Each ratio is above or below the true median, which is 0 here, by a fair coin."""
    missed = 0
    for signs in product((-1, 1), repeat=number):
        ratios = [sign * (place + 1) for place, sign in enumerate(signs)]
        interval = paired_interval(ratios, alpha=alpha)
        missed += interval is not None and interval.least > 0
    if interval is None:
        assert 2**-number > alpha  # not even the least of all could be a bound
    else:
        assert 0 < missed / 2**number <= alpha


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize(("first", "second"), [(1, 3), (3, 4), (5, 5), (7, 4), (6, 6)])
def test_two_samples_of_the_same_are_told_apart_as_rarely_as_asked(
    first: int, second: int, alpha: float
) -> None:
    """Each choice of places for the first sample among all times is as likely."""
    choices = list(combinations(range(first + second), first))
    missed = 0
    for chosen in choices:
        before = [2.0**place for place in chosen]
        now = [2.0**place for place in range(first + second) if place not in chosen]
        interval = samples_interval(before, now, alpha=alpha)
        missed += interval is not None and interval.least > 1
    if interval is None:
        assert 1 / len(choices) > alpha
    else:
        assert 0 < missed / len(choices) <= alpha


def test_the_rank_of_large_samples_follows_that_of_small_ones() -> None:
    """The exact distribution and its approximation meet where one takes over from the other."""
    small, large = ([1.0 + place / 1000 for place in range(number)] for number in (30, 31))
    widths = [samples_interval(one, one, alpha=0.01) for one in (small, large)]
    assert widths[0] is not None
    assert widths[1] is not None
    assert widths[1].most == pytest.approx(widths[0].most, rel=2e-4)


@given(
    st.lists(st.floats(0.1, 10), min_size=7, max_size=40),
    st.lists(st.floats(0.1, 10), min_size=7, max_size=40),
    st.floats(0.1, 10),
)
def test_bounds_follow_a_factor_and_hold_the_ratio(
    before: list[float], now: list[float], factor: float
) -> None:
    one = samples_interval(before, now, alpha=0.01)
    other = samples_interval(before, [factor * time_s for time_s in now], alpha=0.01)
    back = samples_interval(now, before, alpha=0.01)
    assert one is not None
    assert other is not None
    assert back is not None
    assert one.least <= one.ratio <= one.most
    assert other.least == pytest.approx(factor * one.least)
    assert back.most == pytest.approx(1 / one.least)


@pytest.mark.parametrize(
    ("interval", "decision"),
    [
        (RatioInterval(1.12, 1.11, 1.13), "slower"),
        (RatioInterval(1.12, 1.1, 1.13), "cannot tell"),
        (RatioInterval(1.05, 0.9, 1.1), "not slower"),
        (RatioInterval(0.5, 0.4, 0.6), "not slower"),
        (RatioInterval(1.0, 0.9, 1.11), "cannot tell"),
        (None, "cannot tell"),
    ],
)
def test_only_bounds_on_one_side_of_the_gate_decide(
    interval: RatioInterval | None, decision: str
) -> None:
    assert decide(interval, 0.1) == decision


def figure(decision: str) -> GatedFigure:
    return GatedFigure("a", "time", 1.0, 1.0, 1.0, None, None, Decision(decision))


@pytest.mark.parametrize(
    ("decisions", "not_compared", "decision"),
    [
        (["not slower", "not slower"], [], "not slower"),
        (["not slower", "cannot tell", "slower"], ["b: not compared"], "slower"),
        (["not slower", "cannot tell"], [], "cannot tell"),
        (["not slower"], ["b: not compared"], "cannot tell"),
        ([], [], "cannot tell"),
    ],
)
def test_one_slower_figure_decides_and_all_must_be_known_to_pass(
    decisions: list[str], not_compared: list[str], decision: str
) -> None:
    result = GateResult(0.1, [figure(one) for one in decisions], not_compared)
    assert result.decision == decision


# Runs in turn -------------------------------------------------------------------------------


class FakeSide:
    """A side whose items take `item_s()` each, on a clock of its own making."""

    def __init__(
        self, clock: FakeClock, item_s: Callable[[], float], log: list[FakeSide], num_items: int
    ) -> None:
        self.num_items = num_items
        self._clock = clock
        self._item_s = item_s
        self._log = log
        self.runs: list[tuple[int, int]] = []

    def run(self, first: int, number: int) -> RunTime:
        self._log.append(self)
        self.runs.append((first, number))
        time_s = number * self._item_s()
        self._clock.sleep(time_s)
        return RunTime(time_s, 0)


def noisy(dice: random.Random, item_s: float, disturbed: float) -> Callable[[], float]:
    """Return times of which a share is disturbed, as another program takes the core."""
    return lambda: item_s * dice.lognormvariate(0, 0.02) * (2.5 if dice.random() < disturbed else 1)


def compare(
    ratio: float,
    *,
    gate: float | None = 0.05,
    seed: int = 0,
    item_s: float = 0.004,
    num_items: int = 100,
    pairs: int | None = None,
    disturbed: float = 0.3,
    start_s: float = 0.0,
    starts: list[int] | None = None,
) -> tuple[PairedRuns, FakeSide, FakeSide, list[FakeSide]]:
    dice, clock, log = random.Random(seed), FakeClock(), list[FakeSide]()
    starts = [] if starts is None else starts
    before, now = (
        FakeSide(clock, noisy(dice, item_s * by, disturbed), log, num_items) for by in (1, ratio)
    )

    def start() -> tuple[FakeSide, FakeSide]:
        clock.sleep(start_s)
        starts.append(len(now.runs))
        return before, now

    runs = run_in_turn(start, gate=gate, pairs=pairs, rng=dice, clock=clock)
    return runs, before, now, log


def test_the_same_is_never_called_slower_and_ten_percent_are_found() -> None:
    same = [compare(1.0, seed=seed)[0].decision for seed in range(100)]
    assert set(same) <= {Decision.NOT_SLOWER, Decision.CANNOT_TELL}
    assert same.count(Decision.NOT_SLOWER) > 90
    slower = [compare(1.1, seed=seed)[0].decision for seed in range(100)]
    assert slower.count(Decision.SLOWER) > 90


def test_at_the_gate_itself_a_decision_is_as_rare_as_asked() -> None:
    decided = [compare(1.05, seed=seed)[0].decision for seed in range(200)]
    assert decided.count(Decision.SLOWER) <= 200 * 2 * FALSE_DECISIONS
    assert decided.count(Decision.NOT_SLOWER) <= 200 * 2 * FALSE_DECISIONS


def test_it_ends_at_the_first_look_that_can_tell() -> None:
    runs, *_ = compare(3.0)
    assert (runs.decision, len(runs.now), len(runs.before)) == ("slower", LOOKS[0], LOOKS[0])


def test_it_ends_when_the_time_is_over_without_a_decision() -> None:
    runs, *_ = compare(1.05, item_s=0.2)
    assert runs.decision == "cannot tell"
    assert runs.measured_s == pytest.approx(BUDGET_S, abs=2)


def test_items_that_take_longer_than_the_time_are_run_once_and_not_decided() -> None:
    runs, *_ = compare(3.0, item_s=100)
    assert (runs.decision, runs.interval, len(runs.now)) == ("cannot tell", None, 1)


def test_a_set_up_in_the_first_run_does_not_count() -> None:
    """It would make a single item look long enough for a run."""
    waits = iter([3.0, 3.0])

    def item_s() -> float:
        return next(waits, 0.001)

    clock, log = FakeClock(), list[FakeSide]()
    sides = FakeSide(clock, item_s, log, 100), FakeSide(clock, item_s, log, 100)
    runs = run_in_turn(lambda: sides, gate=0.1, rng=random.Random(0), clock=clock)
    assert runs.items_a_run == pytest.approx(RUN_S / 0.001, rel=0.1)


def test_so_many_pairs_as_asked_for_are_run_however_long_they_take() -> None:
    runs, *_ = compare(3.0, item_s=100, pairs=8)
    assert (runs.decision, len(runs.now)) == ("slower", 8)
    runs, *_ = compare(3.0, pairs=6)
    assert (runs.decision, runs.interval, len(runs.now)) == ("cannot tell", None, 6)


def test_without_a_gate_it_ends_when_the_ratio_is_known_well() -> None:
    runs, *_ = compare(1.3, gate=None, disturbed=0)
    assert runs.decision is None
    assert runs.interval is not None
    assert runs.interval.most / runs.interval.least < 1.07
    assert runs.interval.ratio == pytest.approx(1.3, rel=0.03)
    assert len(runs.now) < LOOKS[-1]


def test_sides_are_started_anew_after_each_look_that_cannot_tell() -> None:
    starts: list[int] = []
    runs, *_ = compare(1.05, start_s=0.01, starts=starts)
    assert runs.decision == "cannot tell"
    looks = [look for look in LOOKS if look < len(runs.now)]
    assert len(looks) > 4
    warm_ups = starts[1] - LOOKS[0]
    # After each start there is one more run that does not count.
    assert starts == [0, *(warm_ups + look + number for number, look in enumerate(looks))]


def test_sides_that_start_slowly_are_started_once() -> None:
    starts: list[int] = []
    runs, *_ = compare(1.05, start_s=30, starts=starts)
    assert (runs.decision, starts) == ("cannot tell", [0])


def test_runs_take_long_enough_and_both_sides_run_the_same_items_in_either_order() -> None:
    runs, before, now, log = compare(1.0, item_s=0.0001, num_items=900, pairs=40)
    assert median(run.time_s for run in runs.now) > 0.8 * RUN_S
    assert before.runs == now.runs
    pairs = before.runs[-len(runs.now) :]
    assert {number for _, number in pairs} == {runs.items_a_run}
    assert [first for first, _ in pairs[:3]] == [
        place * runs.items_a_run % 900 for place in range(3)
    ]
    measured = log[-2 * len(runs.now) :]
    firsts = measured[::2]
    assert {frozenset(map(id, two)) for two in zip(firsts, measured[1::2], strict=True)} == {
        frozenset((id(before), id(now)))
    }
    assert 0.25 < firsts.count(before) / len(firsts) < 0.75


def test_a_few_quick_items_are_run_several_times_in_a_run() -> None:
    runs, before, *_ = compare(1.0, item_s=1e-4, num_items=3)
    assert pytest.approx(runs.items_a_run, rel=0.1) == RUN_S / 1e-4
    assert {first for first, _ in before.runs} <= {0, 1, 2}
