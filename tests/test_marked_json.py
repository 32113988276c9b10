"""Values as JSON with their types: the same value and type comes back, or an error says so."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy
import pytest
from batchmap.arrow import NanosecondDatetime, NanosecondTime, NanosecondTimedelta
from batchmap.lone_surrogates import unescape
from batchmap.marked_json import MARK, NotMarkableError, marked_json, unmarked
from hypothesis import given
from hypothesis import strategies as st

BERLIN = ZoneInfo("Europe/Berlin")


def back(value: Any) -> Any:
    text = marked_json(value)
    text.encode()
    assert "\n" not in text
    return unmarked(unescape(json.loads(text, parse_constant=pytest.fail)))


def same(value: Any, other: Any) -> bool:
    if isinstance(value, float | numpy.floating) and math.isnan(value):
        return type(value) is type(other) and math.isnan(other)
    if isinstance(value, numpy.ndarray):
        return bool(value.dtype == other.dtype and value.tolist() == other.tolist())
    return type(value) is type(other) and (value == other or repr(value) == repr(other))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        10**30,
        10**5000,
        "text",
        "ä\u2028",
        "\udcff",
        "\ud83d\ude00",
        "x" * 100_000,
        [1, [2, {"a": None}]],
        math.nan,
        -math.inf,
        -0.0,
        b"",
        b"\xff\x00",
        bytearray(b"x"),
        1j,
        complex(math.nan, -0.0),
        Decimal("1.10"),
        Decimal("NaN"),
        Decimal("1E+3"),
        Fraction(1, 3),
        UUID(int=1),
        date(2024, 5, 6),
        datetime(2024, 5, 6, 7, 8, 9, 10),
        datetime(2024, 5, 6, tzinfo=UTC),
        datetime(2024, 5, 6, tzinfo=timezone(timedelta(hours=-3, seconds=1))),
        datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
        time(7, 8, 9),
        time(7, 8, tzinfo=UTC),
        timedelta(days=-1, microseconds=1),
        range(1, 9, 2),
        Path("a/b"),
        PurePosixPath("a/b"),
        PureWindowsPath("a\\b"),
        ip_address("10.0.0.1"),
        ip_address("::1"),
        ip_network("10.0.0.0/8"),
        ip_interface("10.0.0.1/8"),
        (1, (b"x",)),
        {1, 2},
        frozenset({"a"}),
        {1: "a", "1": "b", None: 2, (1, 2): 3},
        {MARK: "bytes", "value": "not one of ours"},
        {"nested": [{MARK: 1}]},
        NanosecondDatetime.of(datetime(2024, 5, 6, tzinfo=BERLIN), 7),
        NanosecondTime.of(time(7, 8), 9),
        {"d": [NanosecondTimedelta.of(timedelta(days=-1), 999)]},
        {"row": math.nan, "b": b"\xff", "d": date(2024, 5, 6), "t": None},
        numpy.float64("nan"),
        numpy.int8(3),
        numpy.datetime64("2024-05-06T07", "ns"),
        numpy.timedelta64(5, "s"),
        numpy.str_("a"),
        numpy.array([[1, 2], [3, 4]], dtype="<i2"),
        numpy.array(["a", "bc"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_with_its_type(value: Any) -> None:
    assert same(value, back(value))


def test_a_row_of_arrow_comes_back() -> None:
    arrow = pytest.importorskip("pyarrow")
    value = {"interval": arrow.MonthDayNano([1, 2, 3]), "map": [("a", 1)]}
    assert back(value) == value
    assert same(back(value)["interval"], value["interval"])


def test_a_range_of_postgresql_comes_back() -> None:
    ranges = pytest.importorskip("psycopg.types.range")
    several = pytest.importorskip("psycopg.types.multirange")
    some = ranges.Range(1, None, "[)"), ranges.Range(empty=True)
    for value in (*some, several.Multirange(some)):
        assert same(back(value), value)


def test_json_is_itself() -> None:
    assert marked_json({"a": [1, 2.5, "ä", None, True]}) == '{"a": [1, 2.5, "ä", null, true]}'


def test_json_as_deep_as_it_can_be_read_comes_back() -> None:
    text = "[" * 700 + "]" * 700
    assert marked_json(json.loads(text)) == text


class Own:
    pass


def ring() -> Any:
    value: list[Any] = [b""]
    value.append(value)
    return value


@pytest.mark.parametrize("value", [Own(), [Own], object(), ring(), iter(())])
def test_what_no_text_can_make_again_is_an_error(value: Any) -> None:
    with pytest.raises(NotMarkableError):
        marked_json(value)


@pytest.mark.parametrize(
    "value",
    [
        {MARK: "os.system", "value": "true"},
        {MARK: ["bytes"]},
        {MARK: "bytes"},
        {MARK: "bytes", "value": "no base64"},
        {MARK: "nanoseconds", "value": 1, "beyond": 2},
        {MARK: "pandas", "value": "eval"},
        {MARK: "date", "value": "yesterday"},
        {MARK: "set", "value": [[1]]},
    ],
)
def test_a_mark_that_means_nothing_is_an_error(value: Any) -> None:
    with pytest.raises(NotMarkableError, match="cannot be read back"):
        unmarked(value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.datetimes() | st.dates() | st.decimals() | st.characters(codec=None),
    lambda inner: st.lists(inner, max_size=3)
    | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=3) | st.just(MARK) | st.integers(), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(VALUES)
def test_any_value_comes_back(value: Any) -> None:
    assert repr(back(value)) == repr(value)
