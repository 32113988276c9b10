"""Texts that show where two values differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmap_workbook.utils.analysis.correctness.equality import same_value
from batchmap_workbook.utils.analysis.correctness.value_diff import show_difference, shown


def same(one: Any, other: Any) -> bool:
    return bool(same_value(one, other))


@dataclass
class Row:
    name: str
    numbers: list[int]


class Unreadable:
    __slots__ = ()

    def __repr__(self) -> str:
        raise SystemExit


@dataclass
class Alike:
    core: int

    def __repr__(self) -> str:
        return "an alike"


LONG = list(range(1000))
WORDS = "the same words again and " * 40

CASES: list[tuple[Any, Any, tuple[str, str]]] = [
    (1, 2, ("1", "2")),
    ("a", None, ("'a'", "None")),
    ([1, 2], [1, 3], ("[1, 2]", "[1, 3]")),
    (LONG, [*LONG[:900], -1, *LONG[901:]], ("at [900]: 900", "at [900]: -1")),
    (LONG, LONG[:900], ("at [900]: 900", "at [900]: nothing")),
    (LONG[:900], LONG, ("at [900]: nothing", "at [900]: 900")),
    (
        {"a": LONG, "b": {"c": 1}},
        {"a": LONG, "b": {"c": 2}},
        ("at ['b']: {'c': 1}", "at ['b']: {'c': 2}"),
    ),
    (
        {"a": 1, "long": LONG},
        {"b": 1, "long": LONG},
        ("at ['a']: 1", "at ['a']: nothing"),
    ),
    (Row("x", LONG), Row("y", LONG), ("at .name: 'x'", "at .name: 'y'")),
    (Row("x", LONG), Row("x", [0, *LONG]), ("at .numbers[1]: 1", "at .numbers[1]: 0")),
    (
        WORDS + "left",
        WORDS + "right",
        (
            "from character 980: 'ame words again and left'",
            "from character 980: 'ame words again and right'",
        ),
    ),
    (
        [WORDS + "x"],
        [WORDS + "y"],
        (
            "at [0], from character 980: 'ame words again and x'",
            "at [0], from character 980: 'ame words again and y'",
        ),
    ),
    (
        [None],
        dict.fromkeys(range(100)),
        ("[None]", "{" + "".join(f"{number}: None, " for number in range(20)) + "20: None…"),
    ),
    (
        numpy.arange(5000),
        numpy.arange(5000) + (numpy.arange(5000) == 2500),
        ("at [2500]: 2500", "at [2500]: 2501"),
    ),
    (Unreadable(), 1, ("<Unreadable whose text cannot be had>", "1")),
    (Alike(1), Alike(2), ("at .core: 1", "at .core: 2")),
    (numpy.array([0.1]), numpy.array([0.1 + 2e-16]), ("at [0]: 0.1", "at [0]: 0.1000000000000002")),
    (1 << 4000, 1, ("0x1" + "0" * 196 + "…", "1")),
]


@pytest.mark.parametrize(("one", "other", "expected"), CASES)
def test_texts_show_the_first_difference(one: Any, other: Any, expected: tuple[str, str]) -> None:
    assert show_difference(one, other, same=same) == expected


def test_control_characters_leave_room_for_the_difference() -> None:
    one, other = show_difference("\0" * 500 + "a", "\0" * 500 + "b", same=same)
    assert one == "from character 496: '\\x00\\x00\\x00\\x00a'"
    assert other == "from character 496: '\\x00\\x00\\x00\\x00b'"


def test_a_long_text_is_cut_and_says_so() -> None:
    assert shown("x" * 500, max_characters=10) == "'xxxxxxxx…"


VALUES = st.recursive(
    st.integers() | st.floats() | st.text(min_size=100) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES, VALUES, st.sampled_from([200, 150]))
def test_texts_are_short_and_unlike(one: Any, other: Any, most: int) -> None:
    texts = show_difference(one, other, same=same, max_characters=most)
    assert max(map(len, texts)) <= most
    assert same(one, other) or texts[0] != texts[1]
