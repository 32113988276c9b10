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
from batchmap.sinks.csv.cells import CsvCells
from batchmap.sinks.csv.columns import EXTRA, cells_in, cells_of_row, named_cells
from batchmap.worker.failures import Unwritable
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


def test_the_results_that_come_first_make_the_columns(path: Path) -> None:
    _, failures = write(path, [{"a": 1}, {"a": 1, "b": 2}, 5, None, {}, {"c": "x", "a": 3}])
    assert failures == {}
    assert text_of(path) == "a,b,result,c\n1,,,\n1,2,,\n,,5,\n,,,\n,,,\n3,,,x\n"


def test_none_and_no_columns_alone_are_empty_rows(path: Path) -> None:
    assert write(path, [None, {}])[1] == {}
    assert text_of(path) == 'result\n""\n""\n'


def test_columns_that_are_asked_for_come_first(path: Path) -> None:
    sink = open_sink(path, "csv", columns=("z", "b", "_extra"), defuse=True)
    sink.start(0)
    for results in ([{"a": 1, "b": 2}], [{"b": 3, "d": [1, "x"], "e": None, "f": True}]):
        pieces, failures = encoded(sink, range(1), range(1), results)
        assert failures == {}
        sink.write(pieces)
    sink.sync()
    assert text_of(path) == ('z,b,a,_extra\n,2,1,\n,3,,"{""d"": [1, ""x""], ""f"": true}"\n')


def test_an_unknown_column_without_a_place_is_a_failure_that_keeps_the_result(path: Path) -> None:
    end, _ = write(path, [{"a": 1}])
    _, failures = write(path, [{"a": 2}, {"b": "x", "c": 1}, 5], end=end)
    kept = {place: getattr(failure, "kept", "") for place, failure in failures.items()}
    assert kept == {1: '"result": {"b": "x", "c": 1}', 2: '"result": 5'}
    assert "has the column 'b', which the output has not" in failures[1].error


CELL_VALUES = st.text(max_size=4) | st.integers() | st.floats() | st.booleans() | st.sampled_from(
    ["1e5", "007", "[1]", "nan", "null", "{}", "=1", "a,b"]
)  # fmt: skip


@given(
    st.dictionaries(st.text(max_size=3), CELL_VALUES | st.lists(CELL_VALUES), min_size=1),
    st.sampled_from(",;\t|: ^"),
)
def test_what_was_in_the_extra_column_comes_back_as_its_own_cell(
    result: dict[str, Any], delimiter: str
) -> None:
    form = CsvCells(defuse=False, delimiter=delimiter)
    named = named_cells(form.texts(form(result)))
    row, unknown = cells_in(["other", EXTRA], named, form)
    assert unknown is None
    again = cells_of_row(["other", EXTRA], delimiter.join(row) + "\n", form)
    assert again == {name: cell for name, cell in named.items() if cell}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"a": b""}, "the result holds a bytes, which CSV has no form for"),
        ({(1,): 2}, "the result has the key (1,) (tuple); CSV has text keys only"),
        ([10**5000], "more than 4300 digits"),
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
    end, failures = write(path, [{"a": 3}, None, {"d": 4}], end=end)
    assert list(failures) == [2]
    assert text_of(path) == '"b\n,c",a\n1,2\n,3\n,\n'


@pytest.mark.parametrize("bom", [False, True])
def test_a_first_column_that_begins_as_a_mark_is_no_mark(path: Path, bom: bool) -> None:
    row = {"\ufeffid": 1, "\ufeffb": 2}
    end = 0
    for _ in range(2):
        sink = open_sink(path, "csv", bom=bom)
        assert sink.start(end) == end
        pieces, failures = encoded(sink, [0], [0], [row])
        assert not failures
        sink.write(pieces)
        end = sink.sync()
        sink.close()
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.DictReader(file)) == [{"\ufeffid": "1", "\ufeffb": "2"}] * 2


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


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("strict", [False, True])
@given(
    row=st.dictionaries(
        st.sampled_from(["a", "b", "é", "x,y", "\udce9", ""]),
        st.one_of(
            st.text(alphabet='ab"\n\r,;\té\udce9=', max_size=4),
            st.integers(-9, 10**5),
            st.just(10**5000),
            st.floats(),
            st.booleans(),
            st.none(),
        ),
    )
)
def test_rows_of_plain_values_are_as_the_slow_way_makes_them(
    delimiter: str, strict: bool, row: dict[str, Any]
) -> None:
    def made(*, quickly: bool) -> Any:
        cells = CsvCells(defuse=False, delimiter=delimiter, strict=strict)
        try:
            if quickly:
                cells(row)  # by which its columns are known
            return cells.texts(cells(row))
        except Unwritable as error:
            return error.failure

    assert made(quickly=True) == made(quickly=False)
