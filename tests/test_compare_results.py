"""Verdicts: results compared item by item, and the differences that are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from batchmap.records import ItemFailure
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.analysis.correctness.compare_results import (
    ONLY_NUMBERS_KEPT,
    compare_results,
)
from batchmap_workbook.utils.analysis.correctness.result_log import ResultLog
from batchmap_workbook.utils.analysis.records import Mismatch, Verdict
from tests.fakes import batch_record

BUDGETS = [0, 10**6]
SAME = Verdict(True, 0, (), None)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=8,
)


def log_of(
    results: Sequence[Any], *, budget_bytes: int = 10**6, failures: dict[int, str] | None = None
) -> ResultLog:
    errors = {
        index: ItemFailure("ValueError", text, "") for index, text in (failures or {}).items()
    }
    log = ResultLog(budget_bytes=budget_bytes)
    log.add(batch_record(results, failures=errors))
    return log


def compare(one: ResultLog, other: ResultLog, tolerance: float = 0.0) -> Verdict:
    return compare_results(one, other, tolerance=tolerance, place="line {}".format)


class Named:
    def __init__(self, name: str) -> None:
        self.name = name


def fresh(value: Any) -> Any:
    """Return a copy of plain values that shares none of their objects, NaN included."""
    if isinstance(value, float):
        return float(repr(value))
    if isinstance(value, list | tuple):
        return type(value)([fresh(part) for part in value])
    return {key: fresh(part) for key, part in value.items()} if isinstance(value, dict) else value


@given(st.lists(VALUES, max_size=5), st.sampled_from(BUDGETS), st.sampled_from(BUDGETS))
def test_a_log_always_matches_a_copy_however_both_are_kept(
    results: list[Any], one: int, other: int
) -> None:
    copied = ResultLog(budget_bytes=other)
    for index in reversed(range(len(results))):
        copied.add(batch_record([fresh(results[index])], first_item=index))
    assert compare(log_of(results, budget_bytes=one), copied) == SAME


@given(
    st.lists(VALUES, min_size=1, max_size=8),
    st.data(),
    st.sampled_from(BUDGETS),
    st.sampled_from(BUDGETS),
    st.sampled_from([0.0, 0.1]),
)
def test_one_perturbed_item_always_gives_exactly_its_index(
    results: list[Any], data: st.DataObject, one: int, other: int, tolerance: float
) -> None:
    index = data.draw(st.integers(0, len(results) - 1))
    perturbed = [*results[:index], [fresh(results[index]), "more"], *results[index + 1 :]]
    verdict = compare(
        log_of(results, budget_bytes=one), log_of(perturbed, budget_bytes=other), tolerance
    )
    assert (verdict.matches, verdict.different) == (False, 1)
    [difference] = verdict.differences
    assert (difference.index, difference.place) == (index, f"line {index}")
    assert max(len(difference.sequential), len(difference.parallel)) <= 200


@given(st.lists(VALUES, max_size=8), st.lists(VALUES, max_size=8), st.sampled_from(BUDGETS))
def test_which_run_is_which_changes_no_verdict(
    one: list[Any], other: list[Any], budget_bytes: int
) -> None:
    first, second = (log_of(results, budget_bytes=budget_bytes) for results in (one, other))
    forth, back = compare(first, second), compare(second, first)
    assert forth.different == back.different
    assert [each.index for each in back.differences] == [each.index for each in forth.differences]


@pytest.mark.parametrize("budget_bytes", BUDGETS)
@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 2), ("1", 1), ({"a": 1}, {"a": 2}), ([1, 2], [2, 1]), (math.nan, 0.0), (None, 0)],
)
def test_different_values_do_not_match(one: Any, other: Any, budget_bytes: int) -> None:
    first, second = (log_of([value], budget_bytes=budget_bytes) for value in (one, other))
    assert compare(first, second).different == 1


@pytest.mark.parametrize("budget_bytes", BUDGETS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: float("nan"),
        lambda: {"x": [float("nan")]},
        lambda: {3, 1, 2},
        lambda: frozenset("ab"),
        lambda: Named("x"),
        lambda: ValueError("x"),
    ],
)
def test_values_that_are_equal_by_value_match(make: Any, budget_bytes: int) -> None:
    assert compare(log_of([make()], budget_bytes=budget_bytes), log_of([make()])) == SAME


def test_the_first_three_of_all_differences_are_shown_in_input_order() -> None:
    verdict = compare(log_of([0, 1, 2, 3, 4, 5]), log_of([0, -1, -2, 3, -4, -5]))
    assert verdict == Verdict(
        False,
        4,
        (
            Mismatch(1, "line 1", "1", "-1"),
            Mismatch(2, "line 2", "2", "-2"),
            Mismatch(4, "line 4", "4", "-4"),
        ),
        None,
    )


@pytest.mark.parametrize(("budget_bytes", "text"), [(0, "(too large to keep)"), (10**6, "'x'")])
def test_an_item_that_did_not_run_differs_even_when_it_ran_in_neither(
    budget_bytes: int, text: str
) -> None:
    gap = ResultLog(budget_bytes=budget_bytes)
    for index in (0, 2):
        gap.add(batch_record(["x"], first_item=index))
    assert compare(log_of(["x", "x", "x"], budget_bytes=budget_bytes), gap).differences == (
        Mismatch(1, "line 1", text, "did not run"),
    )
    assert compare(gap, gap).differences == (Mismatch(1, "line 1", "did not run", "did not run"),)


@pytest.mark.parametrize("budget_bytes", BUDGETS)
def test_what_a_longer_log_has_more_differs(budget_bytes: int) -> None:
    short, long = (log_of([1] * length, budget_bytes=budget_bytes) for length in (1, 3))
    assert compare(short, long).differences == (
        Mismatch(1, "line 1", "did not run", "1"),
        Mismatch(2, "line 2", "did not run", "1"),
    )
    assert compare(long, short).different == 2


@pytest.mark.parametrize("budget_bytes", BUDGETS)
def test_errors_are_compared_by_type_and_text(budget_bytes: int) -> None:
    def failed(text: str) -> ResultLog:
        return log_of([None], failures={0: text}, budget_bytes=budget_bytes)

    assert compare(failed("a"), failed("a")) == SAME
    assert compare(failed("a"), failed("b")).different == 1
    assert compare(failed("a"), log_of([None], budget_bytes=budget_bytes)).different == 1


@pytest.mark.parametrize("budget_bytes", BUDGETS)
def test_an_error_that_differs_by_addresses_alone_matches(budget_bytes: int) -> None:
    one, other = (
        log_of([None], failures={0: f"<A at {address}> is odd"}, budget_bytes=budget_bytes)
        for address in ("0x7f0c1a2b3c4d", "0x7f0c1a2b3fff")
    )
    assert compare(one, other) == SAME


def test_errors_are_shown_with_their_type() -> None:
    verdict = compare(log_of([None, 2], failures={0: "no"}), log_of([1, None], failures={1: "ah"}))
    assert verdict.differences == (
        Mismatch(0, "line 0", "ValueError: no", "1"),
        Mismatch(1, "line 1", "2", "ValueError: ah"),
    )


def test_long_errors_are_shown_where_they_differ() -> None:
    verdict = compare(
        log_of([None], failures={0: "x" * 500 + "a"}),
        log_of([None], failures={0: "x" * 500 + "b"}),
    )
    assert verdict.differences == (
        Mismatch(
            0,
            "line 0",
            f"from character 492: '{'x' * 20}a'",
            f"from character 492: '{'x' * 20}b'",
        ),
    )


def test_long_results_are_shown_where_they_differ() -> None:
    rows = [{"n": number, "text": "word " * 100} for number in range(100)]
    other = [*rows[:70], {"n": 70, "text": "word " * 99 + "sword"}, *rows[71:]]
    assert compare(log_of([rows]), log_of([other])).differences == (
        Mismatch(
            0,
            "line 0",
            "at [70]['text'], from character 475: 'word word word word word '",
            "at [70]['text'], from character 475: 'word word word word sword'",
        ),
    )


@pytest.mark.parametrize("budget_bytes", BUDGETS)
def test_plain_numbers_match_within_the_tolerance_whether_kept_or_not(budget_bytes: int) -> None:
    one = log_of([1.0, 1000.0, 7, 0.5], budget_bytes=budget_bytes)
    other = log_of([1.01, 1009.0, 7, 0.6], budget_bytes=budget_bytes)
    assert compare(one, other, 0.011).differences == (Mismatch(3, "line 3", "0.5", "0.6"),)
    assert compare(one, other, 0.11) == SAME


def test_a_number_is_compared_within_the_tolerance_with_one_beyond_the_budget() -> None:
    assert compare(log_of([1.0]), log_of([1.01], budget_bytes=0), 0.1) == SAME


def test_beyond_the_budget_all_but_numbers_must_be_exactly_equal_and_that_is_said() -> None:
    one, other = log_of([[1.0]], budget_bytes=0), log_of([[1.01]], budget_bytes=0)
    too_large = Mismatch(0, "line 0", "(too large to keep)", "(too large to keep)")
    assert compare(one, other, 0.1) == Verdict(False, 1, (too_large,), ONLY_NUMBERS_KEPT)
    assert compare(one, other) == Verdict(False, 1, (too_large,), None)
    assert compare(log_of([[1.0]]), other).differences == (
        Mismatch(0, "line 0", "[1.0]", "(too large to keep)"),
    )


def test_beyond_the_budget_numbers_that_differ_are_no_matter_of_the_budget() -> None:
    one, other = log_of([1.0], budget_bytes=0), log_of([2.0], budget_bytes=0)
    assert compare(one, other, 0.1).why is None


@pytest.mark.parametrize("tolerance", [-1.0, math.nan])
def test_a_tolerance_below_zero_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance must be at least 0"):
        compare(log_of([]), log_of([]), tolerance)


class Unreadable:
    __slots__ = ()

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise SystemExit

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise SystemExit

    __hash__ = None  # type: ignore[assignment]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("budget_bytes", BUDGETS)
@pytest.mark.parametrize(
    "make",
    [lambda: [math.nan, math.factorial(3000)], lambda: nested(5000), Unreadable],
    ids=["a long number", "a deep list", "an unreadable object"],
)
def test_no_result_ends_the_comparison(make: Any, budget_bytes: int) -> None:
    logs = [log_of([make()], budget_bytes=budget_bytes) for _ in range(2)]
    assert compare(logs[0], logs[1]) == SAME
    assert compare(logs[0], log_of([1])).different == 1
