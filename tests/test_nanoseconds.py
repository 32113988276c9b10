"""Times with nanoseconds behave as Python's own, and lose no digit."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from batchmap.arrow import NanosecondDatetime, NanosecondTime, NanosecondTimedelta
from batchmap.arrow.durations import timedelta_of
from batchmap.arrow.nanoseconds import datetime_of, nanoseconds_of, time_of
from hypothesis import given
from hypothesis import strategies as st

FINE = [
    NanosecondDatetime.of(datetime(2024, 5, 6, 7, 8, 9, 10), 11),
    NanosecondDatetime.of(datetime(2024, 5, 6, tzinfo=UTC), 11),
    NanosecondTime.of(time(7, 8, 9), 11),
    NanosecondTimedelta.of(timedelta(-1, 2, 3), 11),
]


@pytest.mark.parametrize("value", FINE, ids=str)
def test_copies_are_equal_and_what_differs_in_nanoseconds_is_not(value: Any) -> None:
    for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert again == value
        assert (type(again), repr(again), hash(again)) == (type(value), repr(value), hash(value))
    number = nanoseconds_of(value)
    plain = type(value).__mro__[2]
    assert issubclass(type(value), plain)
    assert number % 1000 == 11
    assert "011" in str(value)


_moments = st.integers(-(10**18), 10**18)


@given(_moments, _moments)
def test_comparisons_and_sums_are_those_of_whole_nanoseconds(one: int, other: int) -> None:
    for of in (datetime_of, timedelta_of):
        first: Any = of(one)
        second: Any = of(other)
        assert [first < second, first <= second, first == second] == [
            one < other,
            one <= other,
            one == other,
        ]
        assert [first > second, first >= second] == [one > other, one >= other]
        assert nanoseconds_of(first) == one
        assert nanoseconds_of(first - second) == one - other
    plain = datetime_of(one - one % 1000)
    moment = NanosecondDatetime.of(plain, one % 1000)
    assert nanoseconds_of(moment + timedelta_of(other)) == one + other
    assert nanoseconds_of(moment - timedelta_of(other)) == one - other
    assert nanoseconds_of(-timedelta_of(one)) == -one
    assert nanoseconds_of(timedelta_of(one) * 3) == 3 * one


def test_parts_and_text_keep_the_digits() -> None:
    moment = NanosecondDatetime.of(datetime(2024, 5, 6, 7, 8, 9), 11)
    assert moment.isoformat() == f"{moment}".replace(" ", "T") == "2024-05-06T07:08:09.000000011"
    assert str(moment.time()) == "07:08:09.000000011"
    assert moment.replace(year=2000).nanosecond == 11
    assert str(moment.replace(tzinfo=UTC)) == "2024-05-06 07:08:09.000000011+00:00"
    assert time_of(86_399_999_999_999).isoformat() == "23:59:59.999999999"
    with pytest.raises(ValueError, match="0 to 999"):
        NanosecondTime.of(time(1), 1000)
