"""Workloads: cost and failure follow from seed and item alone."""

from __future__ import annotations

import math

import pytest
from batchmap.worker.back_off import current_attempt
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.workloads.built_in import (
    WORKLOADS,
    NumberAnalysis,
    SimulatedFailure,
    SimulatedIO,
    TextAnalysis,
)
from batchmap_workbook.utils.workloads.generated_items import GeneratedItems
from batchmap_workbook.utils.workloads.item_analysis import (
    analyse_number,
    analyse_text,
    parse_number,
)
from tests.fakes import FakeClock


@pytest.mark.parametrize("data_type", ["numbers", "text", "mixed"])
def test_items_follow_from_seed_and_index_alone(data_type: str) -> None:
    items = GeneratedItems(data_type, 20, seed=3)
    assert list(items) == list(items) == list(GeneratedItems(data_type, 30, seed=3))[:20]
    assert list(items) != list(GeneratedItems(data_type, 20, seed=4))


def test_mixed_data_holds_numbers_and_text() -> None:
    kinds = {type(item) for item in GeneratedItems("mixed", 10)}
    assert kinds == {int, str}


def test_an_io_item_waits_half_a_second_give_or_take_a_tenth_and_returns_a_digest() -> None:
    clock = FakeClock()
    function = SimulatedIO(failure_rate=0, clock=clock)
    results = {function(item) for item in range(500)}
    assert len(results) == 500
    assert all(len(result) == 16 for result in results)
    assert 0.4 <= min(clock.sleeps) < 0.42
    assert 0.58 < max(clock.sleeps) <= 0.6
    assert math.fsum(clock.sleeps) / 500 == pytest.approx(0.5, rel=0.02)


def test_latency_scales_every_wait_and_zero_means_none() -> None:
    full, tenth, none = FakeClock(), FakeClock(), FakeClock()
    for workload in (SimulatedIO, TextAnalysis):
        workload(failure_rate=0, clock=full)("a text")
        workload(failure_rate=0, latency_s=0.05, clock=tenth)("a text")
        workload(failure_rate=0, latency_s=0, clock=none)("a text")
    assert tenth.sleeps == pytest.approx([seconds / 10 for seconds in full.sleeps])
    assert none.sleeps == []


def test_a_text_waits_by_its_length_and_at_most_a_second() -> None:
    function = TextAnalysis()
    assert function.wait_s("x" * 1000) == pytest.approx(0.2)
    assert function.wait_s("x" * 1_000_000) == 1.0


def failures(seed: int, rate: float = 0.05) -> list[int]:
    function = SimulatedIO(seed=seed, latency_s=0, failure_rate=rate)
    failed = []
    for item in range(2000):
        try:
            function(item)
        except SimulatedFailure:
            failed.append(item)
    return failed


def test_failures_follow_from_the_seed_and_are_as_many_as_asked() -> None:
    assert failures(1) == failures(1) != failures(2)
    assert 70 <= len(failures(1)) <= 130
    assert failures(1, rate=0) == []
    assert len(failures(1, rate=1)) == 2000


def test_a_retry_may_succeed_where_the_first_attempt_failed() -> None:
    function = SimulatedIO(seed=1, latency_s=0)
    failed = failures(1)
    token = current_attempt.set(2)
    try:
        recovered = 0
        for item in failed:
            try:
                function(item)
                recovered += 1
            except SimulatedFailure:
                pass
    finally:
        current_attempt.reset(token)
    assert recovered > 0.8 * len(failed)


def test_a_text_is_analysed() -> None:
    assert analyse_text("The river, the bridge.\nA ferry!") == {
        "word_count": 6,
        "unique_words": 5,
        "characters": 31,
        "average_word_length": 23 / 6,
        "most_frequent_words": [("the", 2), ("a", 1), ("bridge", 1), ("ferry", 1), ("river", 1)],
    }
    assert analyse_text("")["average_word_length"] == 0.0


def test_a_number_is_analysed() -> None:
    assert analyse_number(36) == {
        "number": 36,
        "square": 1296,
        "root": 6.0,
        "is_prime": False,
        "factors": [1, 2, 3, 4, 6, 9, 12, 18, 36],
    }
    assert [number for number in range(-3, 20) if analyse_number(number)["is_prime"]] == [
        2, 3, 5, 7, 11, 13, 17, 19,
    ]  # fmt: skip


@given(st.integers(1, 20_000))
def test_factors_are_all_that_divide(number: int) -> None:
    factors = analyse_number(number)["factors"]
    assert factors == [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def test_numbers_off_the_path_have_a_stated_answer() -> None:
    assert analyse_number(-4)["root"] is None
    assert analyse_number(-4)["factors"] == [1, 2, 4]
    assert analyse_number(2.5)["factors"] == analyse_number(0)["factors"] == []


@pytest.mark.parametrize("number", [10**14 + 1, 1e300, math.inf, math.nan])
def test_a_number_that_cannot_be_factored_in_time_is_an_error(number: float) -> None:
    with pytest.raises(ValueError, match=r"too large|not a finite"):
        analyse_number(number)


@pytest.mark.parametrize("text", ["", "abc", "1,5", "0x10", "9" * 5000 + "x"])
def test_a_line_that_is_no_number_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_number(text)


def test_the_number_workload_reads_lines() -> None:
    function = NumberAnalysis(failure_rate=0)
    assert function(" 12 ") == function(12)


def test_expected_times_scale_with_the_latency() -> None:
    io = WORKLOADS["io"]
    assert io.expected_item_s(0.5) == pytest.approx(0.5, abs=1e-4)
    assert io.expected_item_s(0.05) == pytest.approx(0.05, abs=1e-4)
