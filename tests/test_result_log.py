"""Result logs: in input order, within a budget; digests that are the same for equal values."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from batchmap.records import ItemFailure, ItemRecord
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.analysis.correctness.result_log import (
    ItemDigest,
    ItemNumber,
    ResultLog,
    entry_digest,
)
from batchmap_workbook.utils.analysis.correctness.value_digest import value_digest
from tests.fakes import batch_record


def log_of(results: list[Any], *, budget_bytes: int = 10**6, backwards: bool = False) -> ResultLog:
    log = ResultLog(budget_bytes=budget_bytes)
    indices = reversed(range(len(results))) if backwards else range(len(results))
    for index in indices:
        log.add(batch_record([results[index]], first_item=index))
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


@given(st.floats() | st.integers(-(2**63), 2**63 - 1))
def test_beyond_the_budget_a_plain_number_is_kept_as_it_is(number: float) -> None:
    [entry] = log_of([number], budget_bytes=0)
    assert isinstance(entry, ItemNumber)
    assert repr(entry.number) == repr(number)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, True, 1j, Decimal(1), None, "1"])
def test_beyond_the_budget_all_else_is_a_digest(value: Any) -> None:
    assert list(log_of([value], budget_bytes=0)) == [ItemDigest(0, value_digest(value))]


def test_an_item_that_did_not_run_has_no_digest_wherever_it_is() -> None:
    log = ResultLog(budget_bytes=0)
    log.add(batch_record(["x"], first_item=1))
    assert [log.entry(0), log.entry(2)] == [ItemDigest(0, 0), ItemDigest(2, 0)]
    with pytest.raises(IndexError):
        log[2]


@pytest.mark.parametrize("budgets", [(0, 0), (0, 10**6), (10**6, 0), (10**6, 10**6)])
def test_a_quick_look_leaves_no_difference_out(budgets: tuple[int, int]) -> None:
    values: list[Any] = [float(index) for index in range(10_000)]
    one = log_of(values, budget_bytes=budgets[0])
    values[5000] = -1.0
    other = log_of([*values, 0.0], budget_bytes=budgets[1])
    assert {5000, 10_000} <= set(one.possibly_different(other))


def test_a_quick_look_does_not_take_the_bytes_of_a_float_for_an_integer() -> None:
    integer, tiny = log_of([5], budget_bytes=0), log_of([5 * 5e-324], budget_bytes=0)
    assert list(integer.possibly_different(tiny)) == [0]


def test_a_quick_look_finds_equal_logs_equal() -> None:
    values = [1, 2.0, "x", [None], {"a": (3,)}] * 2000
    for budget_bytes in (0, 100_000):
        logs = [log_of(values, budget_bytes=budget_bytes) for _ in range(2)]
        assert list(logs[0].possibly_different(logs[1])) == []


EQUAL = [(1, 1.0), (1, True), (0.0, -0.0), (2, 2 + 0j), ({"a": 1, "b": 2}, {"b": 2, "a": 1.0})]


@pytest.mark.parametrize(("one", "other"), [*EQUAL, (math.nan, -math.nan), ({1, 2}, {2, 1})])
def test_equal_values_have_the_same_digest(one: Any, other: Any) -> None:
    assert value_digest(one) == value_digest(other)


class Point:
    def __init__(self, x: float) -> None:
        self.x = x


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x: float) -> None:
        self.x = x


@pytest.mark.parametrize("make", [Point, Slotted, ValueError, lambda x: {"a": [x]}])
def test_objects_have_the_value_digest_what_makes_them_up(make: Any) -> None:
    assert value_digest(make(1)) == value_digest(make(1))
    assert value_digest(make(1)) != value_digest(make(2))


def test_dicts_whose_texts_joined_are_equal_have_different_digests() -> None:
    assert value_digest({"a": "strb"}) != value_digest({"astr": "b"})


def test_an_error_has_the_same_digest_whatever_the_addresses_in_it() -> None:
    def digest(text: str) -> int:
        return entry_digest(ItemRecord(0, None, ItemFailure("TypeError", text, ""), 1, 0.0))

    assert digest("<A object at 0x7f0c1a2b3c4d>") == digest("<A object at 0x7f0c1a2b3fff>")
    assert digest("bad opcode 0x1f") != digest("bad opcode 0x2f")
