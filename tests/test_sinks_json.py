"""JSON Lines: strict, and read back as it was, or a failure that says why."""

from __future__ import annotations

import json
import math
import re
import sys
import threading
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID

import numpy
import pytest
from batchmap.arrow.durations import timedelta_of
from batchmap.lone_surrogates import unescape
from batchmap.marked_json import marked_json, unmarked
from batchmap.records import ItemFailure
from batchmap.sinks import open_sink
from batchmap.sinks.values.json_encoding import json_text
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sink_results import encoded

HUGE = 10**5000


def encode(
    results: Sequence[Any],
    items: Sequence[Any] | None = None,
    record: str = "full",
    *,
    strict: bool = False,
) -> tuple[list[str], dict[int, ItemFailure]]:
    sink = open_sink(Path("unused.jsonl"), "jsonl", record=record, strict=strict)
    return encoded(sink, range(len(results)), items or [None] * len(results), results)


def loaded(line: str) -> Any:
    line.encode()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    return json.loads(line, parse_constant=pytest.fail)


def refusal(result: Any, *, strict: bool = False) -> str:
    lines, failures = encode(["before", result, "after"], record="result", strict=strict)
    assert lines == ['"before"\n', "", '"after"\n']
    assert list(failures) == [1]
    assert failures[1].traceback == "" or failures[1].error_type == "KeyError"
    return f"{failures[1].error_type}: {failures[1].error}"


class Colour(Enum):
    RED = "red"
    PAIR = (1, 2)


class Size(IntEnum):
    BIG = 3


class Word(StrEnum):
    A = "a"


class Loud(str):
    def __str__(self) -> str:
        return "never"


@dataclass
class Point:
    x: int
    y: Any


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC), "2024-05-06T07:08:09+00:00"),
        (date(2024, 5, 6), "2024-05-06"),
        (time(7, 8), "07:08:00"),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Colour.PAIR, [1, 2]),
        (Size.BIG, 3),
        ({Word.A: Word.A}, {"a": "a"}),
        (Loud("text"), "text"),
        ((1, (2,)), [1, [2]]),
        (Pair(1, Pair(2, 3)), {"a": 1, "b": {"a": 2, "b": 3}}),
        (Point(1, Point(2, None)), {"x": 1, "y": {"x": 2, "y": None}}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(list, a=[1]), {"a": [1]}),
        (numpy.int64(5), 5),
        (numpy.float32(0.5), 0.5),
        (numpy.float64(0.1), 0.1),
        (numpy.bool_(True), True),
        (numpy.str_("a"), "a"),
        (numpy.datetime64("2024-05-06T07:08:09", "ns"), "2024-05-06T07:08:09.000000000"),
        (numpy.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (numpy.array(1.5), 1.5),
        (numpy.array(["2024-05-06"], dtype="M8[ns]"), ["2024-05-06T00:00:00.000000000"]),
        ({"a": numpy.arange(2)}, {"a": [0, 1]}),
        (math.nan, None),
        ({"score": -math.inf, "a": [1, math.nan]}, {"score": None, "a": [1, None]}),
        (numpy.float32("nan"), None),
        (numpy.array([1.5, math.nan]), [1.5, None]),
        (numpy.datetime64("NaT", "s"), None),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("a"), ["a"]),
        (deque([1]), [1]),
        (range(2), [0, 1]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (SimpleNamespace(a=1), {"a": 1}),
        ({1: "a", None: "b", 0.5: "d"}, {"1": "a", "null": "b", "0.5": "d"}),
        ({date(2024, 5, 6): 1, Colour.RED: 2}, {"2024-05-06": 1, "red": 2}),
        (timedelta(days=1, seconds=2, microseconds=30), "P1DT2.00003S"),
        (timedelta(seconds=-5), "-PT5S"),
        (ip_address("::1"), "::1"),
    ],
)
def test_types_beyond_json_are_converted(result: Any, expected: Any) -> None:
    lines, failures = encode([result])
    assert failures == {}
    assert loaded(lines[0]) == {"index": 0, "item": None, "result": expected}


def circular() -> list[Any]:
    ring: list[Any] = [1]
    ring.append({"ring": ring})
    return ring


def nested(levels: int) -> Any:
    deep: Any = 0
    for _ in range(levels):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "PT0S"),
        (1, "PT0.000000001S"),
        (-1500, "-PT0.0000015S"),
        (10**14 + 7, "P1DT13600.000000007S"),
    ],
)
def test_a_duration_keeps_its_nanoseconds(nanoseconds: int, text: str) -> None:
    assert json_text(timedelta_of(nanoseconds)) == f'"{text}"'
    assert json_text(numpy.timedelta64(nanoseconds, "ns")) == f'"{text}"'


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (object(), "TypeError: returned an object, which JSON has no form for"),
        ([b"x"], "TypeError: the result holds a bytes, which JSON has no form for"),
        (1j, "TypeError: returned a complex, which JSON has no form for"),
        (iter(()), "TypeError: returned a tuple_iterator, which JSON has no form for"),
        (threading.Lock(), "TypeError: returned a lock, which JSON has no form for"),
        (Point, "TypeError: returned a type, which JSON has no form for"),
        (numpy.timedelta64(1), "TypeError: returned a timedelta64, which JSON has no form for"),
        (
            numpy.zeros(1, "m8"),
            "TypeError: the result holds a timedelta64, which JSON has no form for",
        ),
        ([{(1,): 1}], "TypeError: the result has the key (1,) (tuple); JSON has text keys only"),
        ({1: 1, "1": 2}, "ValueError: the result has two keys with the same text"),
        (circular(), "ValueError: the result holds itself"),
        (nested(501), "ValueError: the result is nested more than 500 levels deep"),
        (nested(200_000), "ValueError: the result is nested more than 500 levels deep"),
        (
            [HUGE],
            "ValueError: the result holds a whole number of more than 4300 digits, "
            "which Python does not read back",
        ),
    ],
)
def test_what_json_has_no_form_for_is_a_failure_that_says_so(result: Any, message: str) -> None:
    assert refusal(result) == message


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (math.nan, "nan"),
        ([{"a": -math.inf}], "-inf"),
        (numpy.float32("nan"), "nan"),
        ({"t": numpy.datetime64("NaT", "s")}, "nan"),
    ],
)
def test_nan_is_a_failure_when_strict(result: Any, word: str) -> None:
    message = f"ValueError: the result holds {word}, which JSON has no word for"
    assert refusal(result, strict=True) == message
    assert encode([{"a": 1.5, "b": "nan"}], strict=True)[1] == {}


def test_a_huge_integer_alone_is_a_failure_not_a_crash() -> None:
    assert "more than 4300 digits" in refusal(HUGE)
    assert encode([HUGE, 1], record="result")[0] == ["", "1\n"]
    assert loaded(encode([10**4299], record="result")[0][0]) == 10**4299


def test_an_error_in_the_results_own_class_is_that_items_failure() -> None:
    class Broken(Enum):
        A = 1

        @property
        def value(self) -> int:
            raise KeyError("mine")

    class Endless(Enum):
        A = 1

        @property
        def value(self) -> Any:
            return self

    assert refusal(Broken.A) == "KeyError: 'mine'"
    assert refusal(Endless.A) == "TypeError: returned an Endless, which JSON has no form for"


def test_two_keys_with_one_text_are_a_failure() -> None:
    class Sly(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return self is other

        __hash__ = str.__hash__

    assert "two keys with the same text" in refusal({"a": 1, Sly("a"): 2})


def test_a_shared_value_is_no_circular_reference() -> None:
    shared = Point(1, [2])
    lines, failures = encode([[shared, shared, [shared]]], record="result")
    assert failures == {}
    assert loaded(lines[0]) == [{"x": 1, "y": [2]}, {"x": 1, "y": [2]}, [{"x": 1, "y": [2]}]]


def test_a_deep_result_can_be_read_by_the_standard_reader() -> None:
    lines, failures = encode([nested(500)])
    assert failures == {}
    assert loaded(lines[0])["result"] == nested(500)


def test_an_item_without_a_form_is_marked_and_does_not_fail() -> None:
    items = [b"\xff", "\ud83d\ude00", "x"]
    lines, failures = encode([1, 2, 3], items)
    assert failures == {}
    assert [unmarked(unescape(loaded(line)["item"])) for line in lines] == items


def test_a_line_is_text_as_it_is_and_only_surrogates_are_escaped() -> None:
    lines, _ = encode(["ä\u2028\x00\x7f", "é\udcff\ud800", "�{ff}"], record="result")
    assert lines == ['"ä\u2028\\u0000\x7f"\n', '"é�{ff}�{d800}"\n', '"��{ff}"\n']


def test_lines_of_mixed_kinds_have_their_own_forms() -> None:
    lines, _ = encode(["a", 1, 1.0, True, None, {}, [], 1e300], record="result")
    expected = ['"a"', "1", "1.0", "true", "null", "{}", "[]", "1e+300"]
    assert lines == [f"{text}\n" for text in expected]


def test_the_slow_encoder_stands_in_for_a_fast_one_that_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from batchmap.sinks.values import json_encoding

    value = {"é\n": [1, 1.5, None, True, {"a": ()}]}
    text = '{"é\\n": [1, 1.5, null, true, {"a": []}]}'
    fast = json_encoding._container_encoder()
    monkeypatch.setattr("json.encoder.c_make_encoder", None)
    slow = json_encoding._container_encoder()
    for encode_one in (fast, slow):
        assert encode_one(value) == text
        with pytest.raises(ValueError, match="Out of range"):
            encode_one([math.nan])


# Hypothesis shows the values that it chooses from, and these have no text.
BIG = {"huge": HUGE, "-huge": -HUGE, "long": 10**4299, "wide": 2**64}
TEXTS = st.text(st.characters(exclude_categories=()), max_size=6)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(sorted(BIG)).map(lambda name: BIG[name])
    | st.floats()
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return list(map(as_json, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def fault(value: Any) -> str | None:
    """Return what of a failure's words tells why `value` cannot be written, `None` if it can."""
    if isinstance(value, dict):
        return next(filter(None, map(fault, [*value, *value.values()])), None)
    if isinstance(value, list):
        return next(filter(None, map(fault, value)), None)
    if isinstance(value, int) and value in (HUGE, -HUGE):
        return "digits"
    return None


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), max_size=5), st.sampled_from(["full", "result"]))
def test_any_value_is_read_back_or_its_failure_says_why(
    pairs: list[tuple[Any, Any]], record: str
) -> None:
    items = [item for item, _ in pairs]
    results = [result for _, result in pairs]
    lines, failures = encode(results, items, record)
    for place, (item, result) in enumerate(pairs):
        if fault(result):
            assert lines[place] == ""
            assert re.search("digits", failures[place].error)
            continue
        assert place not in failures
        read = unescape(loaded(lines[place]))
        if record == "full":
            assert list(read) == ["index", "item", "result"]
            assert read["index"] == place
            if not fault(item):
                assert repr(read["item"]) == repr(as_json(item))
            else:
                assert marked_json(unmarked(read["item"])) == marked_json(item)
            read = read["result"]
        assert repr(read) == repr(as_json(result))


def test_the_limit_on_digits_is_pythons_own() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        lines, failures = encode([HUGE], record="result")
        assert failures == {}
        assert loaded(lines[0]) == HUGE
    finally:
        sys.set_int_max_str_digits(before)
