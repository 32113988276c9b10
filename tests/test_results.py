"""Result logs: in input order, within a budget, compared by value."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import batch_record
from utils.records import ItemFailure, ItemRecord
from utils.results import ItemDigest, ResultLog, results_match

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=8,
)


def log_of(results: list[Any], *, budget_bytes: int = 10**6, backwards: bool = False) -> ResultLog:
    log = ResultLog(budget_bytes=budget_bytes)
    places = reversed(range(len(results))) if backwards else range(len(results))
    for place in places:
        log.add(batch_record([results[place]], first_item=place))
    return log


def test_entries_stand_in_input_order_however_they_came() -> None:
    log = log_of(["a", "b", "c"], backwards=True)
    entries = list(log)
    assert all(isinstance(entry, ItemRecord) for entry in entries)
    assert [entry.result for entry in entries if isinstance(entry, ItemRecord)] == ["a", "b", "c"]
    assert log[-1] == entries[2]
    assert len(log) == 3


def test_beyond_the_budget_an_entry_is_a_digest() -> None:
    log = log_of(["a" * 100, "b", "c"], budget_bytes=300)
    assert [type(entry) for entry in log] == [ItemRecord, ItemDigest, ItemDigest]


def test_the_records_of_a_million_items_stay_within_the_budget() -> None:
    log = ResultLog(budget_bytes=10_000)
    log.add(batch_record(list(range(100_000)), durations_s=[0.0] * 100_000))
    assert sum(isinstance(entry, ItemRecord) for entry in log) < 100


@given(st.lists(VALUES, max_size=5), st.sampled_from([0, 10**6]), st.sampled_from([0, 10**6]))
def test_equal_values_match_however_they_are_kept(results: list[Any], one: int, two: int) -> None:
    assert results_match(
        log_of(results, budget_bytes=one), log_of(results, budget_bytes=two, backwards=True)
    )


@pytest.mark.parametrize("budget_bytes", [0, 10**6])
@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 2), ("1", 1), ({"a": 1}, {"a": 2}), ([1, 2], [2, 1]), (math.nan, 0.0), (None, 0)],
)
def test_different_values_do_not_match(one: Any, other: Any, budget_bytes: int) -> None:
    logs = [log_of([value], budget_bytes=budget_bytes) for value in (one, other)]
    assert not results_match(*logs)


@pytest.mark.parametrize("budget_bytes", [0, 10**6])
@pytest.mark.parametrize("value", [math.nan, {"x": [math.nan]}, {3, 1, 2}, frozenset("ab")])
def test_nan_equals_nan_and_sets_have_no_order(value: Any, budget_bytes: int) -> None:
    assert results_match(log_of([value], budget_bytes=budget_bytes), log_of([value]))


def test_a_missing_item_does_not_match() -> None:
    whole, gap = ResultLog(), ResultLog()
    for place in (0, 1, 2):
        whole.add(batch_record(["x"], first_item=place))
        if place != 1:
            gap.add(batch_record(["x"], first_item=place))
    assert not results_match(whole, gap)
    assert not results_match(gap, gap)


@pytest.mark.parametrize("budget_bytes", [0, 10**6])
def test_errors_are_compared_by_type_and_message(budget_bytes: int) -> None:
    def failed(message: str) -> ResultLog:
        log = ResultLog(budget_bytes=budget_bytes)
        log.add(batch_record([None], failures={0: ItemFailure("ValueError", message, "")}))
        return log

    assert results_match(failed("a"), failed("a"))
    assert not results_match(failed("a"), failed("b"))
    assert not results_match(failed("a"), log_of([None]))


class Unspeakable:
    __slots__ = ()

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise SystemExit

    __hash__ = None  # type: ignore[assignment]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("budget_bytes", [0, 10**6])
@pytest.mark.parametrize(
    "value", [[math.nan, math.factorial(3000)], nested(5000), Unspeakable()], ids=type
)
def test_no_result_ends_the_comparison(value: Any, budget_bytes: int) -> None:
    logs = [log_of([value], budget_bytes=budget_bytes) for _ in range(2)]
    assert results_match(*logs)
