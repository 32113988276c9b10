"""Equality by value, whatever the values are and whatever their methods do."""

from __future__ import annotations

import math
import threading
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.analysis.correctness.equality import same_value, without_addresses

NAN, INF = math.nan, math.inf


@dataclass
class Point:
    x: float
    y: Any = None


@dataclass(frozen=True, slots=True)
class Slotted:
    x: float


class Plain:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class OwnList(list[Any]):
    pass


def other_nan() -> float:
    """Return a NaN that is another object, so that no identity helps."""
    return float("nan")


SAME: list[tuple[Any, Any]] = [
    (1, 1.0),
    (True, 1),
    (-0.0, 0.0),
    (INF, INF),
    (NAN, other_nan()),
    (complex(NAN, 1), complex(other_nan(), 1)),
    (complex(1, NAN), complex(1, other_nan())),
    ([NAN, [1, (NAN,)]], [other_nan(), [1, (other_nan(),)]]),
    ({"a": NAN}, {"a": other_nan()}),
    ({NAN: 1}, {other_nan(): 1}),
    ({NAN, 1}, {1, other_nan()}),
    ({(NAN, 1), (2, NAN)}, {(2, other_nan()), (other_nan(), 1)}),
    (frozenset([NAN]), {other_nan()}),
    (Point(NAN), Point(other_nan())),
    (Point(1, [NAN]), Point(1, [other_nan()])),
    (Slotted(NAN), Slotted(other_nan())),
    (Plain(a=1, b=NAN), Plain(a=1, b=other_nan())),
    (OwnList([NAN]), OwnList([other_nan()])),
    (deque([NAN]), deque([other_nan()])),
    (ValueError("a", NAN), ValueError("a", other_nan())),
    (Decimal("NaN"), Decimal("NaN")),
    (len, len),
    (threading.Lock(), threading.Lock()),
    (object(), object()),
    (array("d", [NAN]), array("d", [other_nan()])),
    (numpy.array([1.0, NAN]), numpy.array([1.0, NAN])),
    (numpy.array([]), numpy.array([])),
    ([numpy.array([1, 2])], [numpy.array([1, 2])]),
    ({"a": numpy.zeros((2, 3))}, {"a": numpy.zeros((2, 3))}),
    (numpy.float64(NAN), NAN),
    (numpy.float32(0.5), 0.5),
    (numpy.array([1, 2]), numpy.array([1.0, 2.0])),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_values_are_the_same(one: Any, other: Any) -> None:
    assert same_value(one, other) is True
    assert same_value(other, one) is True


UNLIKE: list[tuple[Any, Any]] = [
    (1, 2),
    (1, "1"),
    (b"a", "a"),
    (None, 0),
    (NAN, 0.0),
    (INF, -INF),
    (INF, 1e308),
    (complex(NAN, 1), complex(NAN, 2)),
    (complex(1, NAN), NAN),
    ([1, 2], [2, 1]),
    ([1, 2], [1, 2, 3]),
    ([1], (1,)),
    ([NAN, 1], [NAN, 2]),
    ({"a": NAN}, {"b": NAN}),
    ({"a": NAN}, {"a": NAN, "b": 1}),
    ({NAN: 1}, {other_nan(): 2}),
    ({NAN}, {1}),
    ({NAN, 1}, {NAN, 2}),
    ({(1, NAN)}, {(2, NAN)}),
    (Point(NAN, 1), Point(NAN, 2)),
    (Point(1), Slotted(1)),
    (Plain(a=1), Plain(a=1, b=1)),
    (Slotted(1), Slotted(2)),
    (ValueError("a"), ValueError("b")),
    (len, max),
    (numpy.array([1.0, NAN]), numpy.array([1.0, 2.0])),
    (numpy.array([1]), numpy.array([[1]])),
    (numpy.zeros((0, 3)), numpy.zeros((3, 0))),
    (numpy.array([1, 2]), [1, 2]),
]


@pytest.mark.parametrize("tolerance", [0.0, 1e-9])
@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_different_values_are_not_the_same(one: Any, other: Any, tolerance: float) -> None:
    assert same_value(one, other, tolerance=tolerance) is False
    assert same_value(other, one, tolerance=tolerance) is False


WITHIN: list[tuple[Any, Any]] = [
    (0.0, 0.01),
    (1000.0, 1010.0),
    (-1000.0, -1010.0),
    (1000, 1010.0),
    (100 + 100j, 101 + 100j),
    ([{"a": (1.0, "x")}], [{"a": (1.01, "x")}]),
    ({1.0, 2.0, "x"}, {1.01, 2.01, "x"}),
    ({1.0: "a"}, {1.01: "a"}),
    (Point(1.0, [NAN]), Point(1.01, [NAN])),
    (Slotted(1.0), Slotted(1.01)),
    (numpy.array([1.0, NAN]), numpy.array([1.01, NAN])),
]


@pytest.mark.parametrize(("one", "other"), WITHIN)
def test_floats_are_the_same_within_the_tolerance_at_any_depth(one: Any, other: Any) -> None:
    assert same_value(one, other, tolerance=0.0101) is True
    assert same_value(one, other, tolerance=0.0049) is False


BEYOND = [(0.0, 0.02), (1000, 1010), (10**400, 1.0), (10**400, INF), (INF, 1.0), (NAN, 1.0)]


@pytest.mark.parametrize(("one", "other"), BEYOND)
def test_no_tolerance_makes_these_the_same(one: Any, other: Any) -> None:
    assert same_value(one, other, tolerance=0.0101) is False
    assert same_value(other, one, tolerance=0.0101) is False


def nested(depth: int, core: Any) -> list[Any]:
    value = [core]
    for _ in range(depth):
        value = [value]
    return value


def test_however_deep_a_value_is_the_difference_is_found() -> None:
    assert same_value(nested(5000, NAN), nested(5000, other_nan())) is True
    assert same_value(nested(5000, NAN), nested(5000, 1)) is False


def cyclic(core: Any) -> list[Any]:
    value = [core]
    value.append({"again": value})
    return value


def test_cyclic_values_are_compared_to_their_end() -> None:
    assert same_value(cyclic(NAN), cyclic(other_nan())) is True
    assert same_value(cyclic(1), cyclic(2)) is False


class Hostile:
    """A value whose `==` raises; it is made up of `core`."""

    def __init__(self, core: Any) -> None:
        self.core = core

    def __eq__(self, other: object) -> bool:
        raise SystemExit

    __hash__ = None  # type: ignore[assignment]


class Evasive(Hostile):
    def __eq__(self, other: object) -> Any:
        return ["neither", "nor"]


@pytest.mark.parametrize("kind", [Hostile, Evasive])
def test_where_eq_misbehaves_what_the_values_are_made_up_of_counts(kind: type[Hostile]) -> None:
    assert same_value(kind(NAN), kind(other_nan())) is True
    assert same_value(kind(1), kind(2)) is False


class Unending:
    @property
    def shape(self) -> Iterator[int]:
        return iter(())

    def tolist(self) -> Unending:
        return Unending()


class Unreadable(Hostile):
    def __reduce_ex__(self, protocol: Any) -> Any:
        raise SystemExit


@pytest.mark.parametrize("make", [Unending, lambda: Unreadable(1)])
def test_values_whose_methods_raise_are_neither_equal_nor_different(make: Any) -> None:
    assert same_value(make(), make()) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_it_agrees_with_the_text_of_plain_values(one: Any, other: Any) -> None:
    if repr(one) == repr(other):
        assert same_value(one, other) is True
    if one == other:
        assert same_value(one, other) is True


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("<A object at 0x7f0c1a2b3c4d>", "<A object at 0x…>"),
        ("<A object at 0x000001F2A3B4C5D6>", "<A object at 0x…>"),
        ("freed 0x55d0c1a2b3c4 twice", "freed 0x… twice"),
        ("checksum 0xdeadbeef, offset 0x10", "checksum 0xdeadbeef, offset 0x10"),
    ],
)
def test_addresses_are_masked_and_no_other_numbers(text: str, masked: str) -> None:
    assert without_addresses(text) == masked
