"""CSV: any reader gets the cells back, and no column is lost without a word."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy
import pytest
from batchmap.errors import OutputError
from batchmap.records import ItemFailure
from batchmap.sinks import Sink, open_sink
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sink_results import encoded


@dataclass
class Point:
    x: int
    y: float


def write(
    path: Path, results: Sequence[Any], *, end: int = 0, defuse: bool = False
) -> tuple[int, dict[int, ItemFailure]]:
    sink: Sink = open_sink(path, "csv", defuse=defuse)
    assert sink.start(end) == end
    pieces, failures = encoded(sink, range(len(results)), range(len(results)), results)
    sink.write(pieces)
    end = sink.sync()
    sink.finish()
    sink.close()
    return end, failures


def text_of(path: Path) -> str:
    return path.read_bytes().decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"


@pytest.mark.parametrize(
    ("result", "cell"),
    [
        (None, '""'),
        ("", '""'),
        ("plain text", "plain text"),
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
        ("a\rb", '"a\rb"'),
        ("a\nb", '"a\nb"'),
        ("\u2028", "\u2028"),
        (True, "true"),
        (7, "7"),
        (10**30, "1" + "0" * 30),
        (0.1, "0.1"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ([1, "a", None], '"[1, ""a"", null]"'),
        (date(2024, 5, 6), "2024-05-06"),
        (Decimal("-1.10"), "-1.10"),
        (numpy.int8(3), "3"),
        (numpy.array([1, 2]), '"[1, 2]"'),
    ],
)
def test_a_result_is_one_cell(path: Path, result: Any, cell: str) -> None:
    assert write(path, [result])[1] == {}
    assert text_of(path) == f"result\n{cell}\n"


def test_an_object_is_spread_over_columns(path: Path) -> None:
    results = [{"a": 1, "b,c": None}, {"b,c": {"x": [1]}}, {"b,c": True, "a": "x"}]
    assert write(path, results)[1] == {}
    assert text_of(path) == 'a,"b,c"\n1,\n,"{""x"": [1]}"\nx,true\n'


def test_a_dataclass_is_an_object(path: Path) -> None:
    assert write(path, [Point(1, 2.5), {"y": 3}])[1] == {}
    assert text_of(path) == "x,y\n1,2.5\n,3\n"


def test_the_first_result_makes_the_columns(path: Path) -> None:
    _, failures = write(path, [{"a": 1}, {"a": 1, "b": 2}, 5, {"a": 3}])
    assert {place: failure.error for place, failure in failures.items()} == {
        1: "the result has the column 'b', which the first one did not have; JSON Lines takes any",
        2: "the first result was an object and this one is none; JSON Lines takes both",
    }
    assert text_of(path) == "a\n1\n3\n"


def test_an_object_after_a_bare_result_is_a_failure(path: Path) -> None:
    _, failures = write(path, [5, {"result": 1}])
    assert [failure.error for failure in failures.values()] == [
        "the first result was none and this one is an object; JSON Lines takes both"
    ]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"a": b""}, "the result holds a bytes, which CSV has no form for"),
        ({(1,): 2}, "the result has the key (1,) (tuple); CSV has text keys only"),
        ({}, "the first result is an empty object, which gives CSV no columns"),
        ([10**5000], "more than 4300 digits"),
        ("\udcff", "lone surrogate"),
        ({"\udcff": 1}, "lone surrogate"),
        ({"a": ["\udcff"]}, "lone surrogate"),
    ],
)
def test_what_csv_has_no_form_for_is_a_failure_that_says_so(
    path: Path, result: Any, message: str
) -> None:
    _, failures = write(path, [result, {"a": 1}])
    assert list(failures) == [0]
    assert message in failures[0].error
    assert text_of(path) == "a\n1\n"


@pytest.mark.parametrize("first", [1, "x"])
def test_a_huge_integer_is_a_failure_not_a_crash(path: Path, first: Any) -> None:
    _, failures = write(path, [first, 10**5000])
    assert list(failures) == [1]
    assert "more than 4300 digits" in failures[1].error
    assert text_of(path) == f"result\n{first}\n"


def test_an_error_in_the_results_own_class_is_that_items_failure(path: Path) -> None:
    class Broken(Enum):
        A = 1

        @property
        def value(self) -> int:
            raise KeyError("mine")

    _, failures = write(path, [Broken.A, 1])
    assert failures[0].error_type == "KeyError"
    assert text_of(path) == "result\n1\n"


def test_a_resumed_output_keeps_its_columns(path: Path) -> None:
    end, _ = write(path, [{"b\n,c": 1, "a": 2}])
    end, failures = write(path, [{"a": 3}, {"d": 4}, 5], end=end)
    assert list(failures) == [1, 2]
    assert text_of(path) == '"b\n,c",a\n1,2\n,3\n'


def test_a_resumed_column_named_result_may_be_either(path: Path) -> None:
    end, _ = write(path, [1])
    end, failures = write(path, [2], end=end)
    assert failures == {}
    end, failures = write(path, [{"result": 3}, 4], end=end)
    assert list(failures) == [1]
    assert text_of(path) == "result\n1\n2\n3\n"


def test_a_resumed_output_without_a_readable_header_is_an_output_error(path: Path) -> None:
    path.write_bytes(b"\xff\n1\n")
    with pytest.raises(OutputError, match="its header cannot be read"):
        open_sink(path, "csv").start(2)


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_is_defused_when_asked(path: Path, lead: str) -> None:
    result = {f"{lead}name": f"{lead}1", "n": -1, "d": Decimal(-1), "f": -math.inf, "t": "a="}
    end, failures = write(path, [result], defuse=True)
    assert failures == {}
    end, failures = write(path, [{f"{lead}name": 5}], end=end, defuse=True)
    assert failures == {}
    assert list(csv.reader(io.StringIO(text_of(path), newline=""))) == [
        [f"'{lead}name", "n", "d", "f", "t"],
        [f"'{lead}1", "-1", "-1", "-inf", "a="],
        ["5", "", "", "", ""],
    ]


def test_text_is_left_as_it_is_when_not_asked(path: Path) -> None:
    write(path, ["=1+1"])
    assert text_of(path) == "result\n=1+1\n"


def test_keys_that_are_the_same_when_defused_are_a_failure(path: Path) -> None:
    _, failures = write(path, [{"=a": 1, "'=a": 2}], defuse=True)
    assert "the same when defused" in failures[0].error


CELLS = st.text(max_size=5) | st.text(' ,"\r\n\x00=', max_size=4)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(CELLS, min_size=1, max_size=4, unique=True).flatmap(
        lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELLS)), min_size=1)
    )
)
def test_any_text_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, results: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "out.csv"
    end, failures = write(path, results)
    assert failures == {}
    assert write(path, results, end=end)[1] == {}
    read = list(csv.reader(io.StringIO(text_of(path), newline=""), strict=True))
    assert read == [
        list(results[0]),
        *([[row[name] for name in results[0]] for row in results] * 2),
    ]
