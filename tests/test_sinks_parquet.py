"""Parquet: columns grow without loss, parts become one file, also after a crash in between."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy
import pytest
from batchmap.errors import OutputError, UsageError
from batchmap.records import ItemFailure
from batchmap.sinks import open_sink
from batchmap.worker.failures import UnwritableFailure
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sink_results import encoded

pyarrow: Any = pytest.importorskip("pyarrow")
parquet: Any = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.parquet"


def parts(path: Path) -> list[str]:
    directory = path.with_name("out.parquet.parts")
    return sorted(part.name for part in directory.iterdir()) if directory.exists() else []


def write(
    path: Path, *batches: Sequence[Any], start: int = 0, finish: bool = True
) -> list[dict[int, ItemFailure]]:
    """Write each batch as a part; return the failures of each."""
    sink = open_sink(path, "parquet")
    assert sink.start(start) == start
    unwritable = []
    for batch in batches:
        pieces, failures = encoded(sink, range(len(batch)), batch, batch)
        sink.write(pieces)
        sink.sync()
        unwritable.append(failures)
    if finish:
        sink.finish()
    sink.close()
    return unwritable


def read(path: Path) -> list[Any]:
    return list(parquet.read_table(path).to_pylist())


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: tuple[int, ...]


class Stamp(datetime):
    pass


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (1, 1),
        (True, True),
        (None, None),
        ("é\x00", "é\x00"),
        (b"\xff", b"\xff"),
        (float("inf"), float("inf")),
        ([], []),
        ([[1], [], None], [[1], [], None]),
        ((1, 2.5), [1, 2.5]),
        ([{"a": 1}, {"b": "x"}], [{"a": 1, "b": None}, {"a": None, "b": "x"}]),
        (date(2024, 5, 6), date(2024, 5, 6)),
        (datetime(2024, 5, 6, 7, 8, 9, 10), datetime(2024, 5, 6, 7, 8, 9, 10)),
        (Stamp(2024, 5, 6), datetime(2024, 5, 6)),
        (time(7, 8, 9, 10), time(7, 8, 9, 10)),
        (timedelta(1, 2, 3), timedelta(1, 2, 3)),
        (Decimal("1.10"), Decimal("1.10")),
        (Decimal("1E+3"), Decimal(1000)),
        (Colour.RED, "red"),
        (numpy.float32(0.5), 0.5),
        (numpy.array([[1], [2]]), [[1], [2]]),
    ],
)
def test_a_result_is_one_value_of_the_column_result(path: Path, result: Any, expected: Any) -> None:
    assert write(path, [result]) == [{}]
    assert read(path) == [{"result": expected}]


def test_a_time_with_a_zone_is_the_same_moment(path: Path) -> None:
    moment = datetime(2024, 5, 6, 7, tzinfo=timezone(timedelta(hours=2)))
    assert write(path, [moment]) == [{}]
    assert read(path) == [{"result": moment.astimezone(UTC)}]


def test_an_object_is_spread_over_columns_and_more_may_come(path: Path) -> None:
    unwritable = write(path, [{"a": 1}], [{"b": "x"}, Point(1, (2,))], [{}])
    assert unwritable == [{}, {}, {}]
    assert read(path) == [
        {"a": 1, "b": None, "x": None, "y": None},
        {"a": None, "b": "x", "x": None, "y": None},
        {"a": None, "b": None, "x": 1, "y": [2]},
        {"a": None, "b": None, "x": None, "y": None},
    ]


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        (None, "x", [None, "x"]),
        (None, [{"a": b"x"}], [None, [{"a": b"x"}]]),
        (None, Decimal(f"1{'0' * 50}"), [None, Decimal(f"1{'0' * 50}")]),
        (1, 2.5, [1.0, 2.5]),
        (2.5, 1, [2.5, 1.0]),
        (2**53, 0.5, [2.0**53, 0.5]),
        ([], [1], [[], [1]]),
        ([[None]], [[0.5]], [[[None]], [[0.5]]]),
        ([1], [0.5], [[1.0], [0.5]]),
        (Decimal("1.5"), Decimal("100.25"), [Decimal("1.50"), Decimal("100.25")]),
        (Decimal("1.5"), Decimal(10**40), [Decimal("1.5"), Decimal(10**40)]),
        (
            [{"x": [None, None], "a": 1}],
            [{"x": [], "a": 0.5}],
            [[{"x": [None, None], "a": 1.0}], [{"x": [], "a": 0.5}]],
        ),
        (
            [{"a": 1}],
            [{"b": [None], "a": 0.5}],
            [[{"a": 1.0, "b": None}], [{"a": 0.5, "b": [None]}]],
        ),
    ],
)
def test_a_columns_type_grows_without_loss(
    path: Path, first: Any, then: Any, expected: list[Any]
) -> None:
    assert write(path, [first], [then]) == [{}, {}]
    assert [row["result"] for row in read(path)] == expected
    assert write(path, [first], finish=False) == [{}]
    assert write(path, [then], start=1) == [{}]
    assert [row["result"] for row in read(path)] == expected


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (1, "x"),
        ("x", 1),
        ("x", b"x"),
        (b"x", "x"),
        (1, True),
        (True, 1),
        (1, Decimal(1)),
        (1, date(2024, 5, 6)),
        (date(2024, 5, 6), datetime(2024, 5, 6)),
        (datetime(2024, 5, 6), date(2024, 5, 6)),
        (datetime(2024, 5, 6), datetime(2024, 5, 6, tzinfo=UTC)),
        (1, [1]),
        ([1], ["x"]),
        ([[0.5]], [["x"]]),
        (2**53 + 1, 0.5),
        (0.5, 2**53 + 1),
        ([{"a": 2**60}], [{"a": 0.5}]),
        (Decimal(10**50), Decimal("1E-50")),
    ],
)
def test_a_value_of_another_type_is_that_items_failure(path: Path, first: Any, then: Any) -> None:
    fine = first if isinstance(first, list) else None
    for start in (0, 1):
        if start:
            write(path, [first], finish=False)
            unwritable = write(path, [fine, then, fine], start=1)
        else:
            unwritable = write(path, [first, then, fine])
        assert list(unwritable[0]) == [1]
        kept = [first, fine, fine] if start else [first, fine]
        assert [row["result"] for row in read(path)] == kept


def test_a_conflict_names_the_column_and_both_types(path: Path) -> None:
    unwritable = write(path, [{"a": 1, "b": "x"}, {"a": 1, "b": 2}])
    assert unwritable[0][1] == UnwritableFailure(
        "TypeError",
        "the result is int64 in column 'b', which is string in earlier ones; JSON Lines takes any",
        "",
    )


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (object(), "returned an object, which Parquet has no form for"),
        ({(1,): 1}, "the result has the key (1,) (tuple); Parquet has text keys only"),
        ([1, "x"], "the result mixes int and str in one list"),
        (2**64, "a whole number of more than 64 bits"),
        ("\udcff", "surrogates not allowed"),
        ({"\udcff": 1}, "no text that UTF-8 has a form for"),
        ({"n": {"\udcff": 1}}, "surrogates not allowed"),
        ({}, "returned an empty object, which gives Parquet no columns"),
        ({"a": [{}]}, "holds an empty object in column 'a'"),
        (Decimal("NaN"), "a decimal that is no number"),
        (Decimal("1E-100"), "a decimal of 100 digits"),
        (time(1, tzinfo=UTC), "a time of day with a zone"),
        ([datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)], "with and without a zone"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))), "out of range"),
        (pytest, "returned a module"),
    ],
)
def test_what_parquet_has_no_form_for_is_a_failure_that_says_so(
    path: Path, result: Any, message: str
) -> None:
    failures = write(path, [result], [{"z": 1}])[0]
    assert list(failures) == [0]
    assert message in failures[0].error
    assert read(path) == [{"z": 1}]


def test_nesting_that_could_not_be_read_is_a_failure(path: Path) -> None:
    def nested(levels: int) -> Any:
        deep: Any = 1
        for _ in range(levels):
            deep = [deep]
        return deep

    failures = write(path, [nested(40), nested(41)])[0]
    assert {place: failure.error for place, failure in failures.items()} == {
        1: "the result is nested more than 40 levels deep"
    }
    assert read(path) == [{"result": nested(40)}]


def test_a_result_that_changes_after_it_was_returned_is_written_as_it_was(path: Path) -> None:
    flat: dict[str, Any] = {"a": 1}
    deep: dict[str, Any] = {"b": [1]}
    sink = open_sink(path, "parquet")
    sink.start(0)
    pieces, _ = encoded(sink, [0, 1], [0, 1], [flat, deep])
    flat["a"] = 2
    deep["b"][0] = 2
    sink.write(pieces)
    sink.sync()
    sink.finish()
    assert read(path) == [{"a": 1, "b": None}, {"a": None, "b": [1]}]


def test_rows_that_wait_while_their_columns_grow_are_written(path: Path) -> None:
    sink = open_sink(path, "parquet")
    sink.start(0)
    for result in (1, None, 0.5):
        assert sink.write(encoded(sink, [0], [0], [result])[0]) == 1
    assert sink.sync() == 1
    sink.finish()
    assert [row["result"] for row in read(path)] == [1.0, None, 0.5]


def test_the_merged_file_tells_of_how_many_parts(path: Path) -> None:
    write(path, [1], [2], [3])
    assert parquet.read_schema(path).metadata[b"parts"] == b"3"
    write(path, [4], start=3)
    assert parquet.read_schema(path).metadata[b"parts"] == b"4"
    assert [row["result"] for row in read(path)] == [1, 2, 3, 4]
    assert parquet.ParquetFile(path).num_row_groups == 1


def test_a_merged_file_cannot_be_cut(path: Path) -> None:
    write(path, [1], [2])
    before = path.read_bytes()
    assert open_sink(path, "parquet").start(1) == 0
    assert path.read_bytes() == before


def test_a_run_goes_on_after_a_crash_between_merging_and_removing_the_parts(path: Path) -> None:
    write(path, [1], [2], finish=False)
    directory = path.with_name("out.parquet.parts")
    kept = {part: part.read_bytes() for part in directory.iterdir()}
    write(path, start=2)
    directory.mkdir()
    for part, content in list(kept.items())[:1]:
        part.write_bytes(content)
    write(path, start=2)
    assert [row["result"] for row in read(path)] == [1, 2]
    assert not directory.exists()


def test_drafts_and_later_parts_are_removed_and_nothing_else(path: Path) -> None:
    write(path, [1], [2], [3], finish=False)
    directory = path.with_name("out.parquet.parts")
    (directory / ".draft-part-000002.parquet").write_bytes(b"half")
    (directory / "notes.txt").write_text("mine")
    (directory / "part-1.parquet").write_text("mine")
    assert open_sink(path, "parquet").start(1) == 1
    assert parts(path) == ["notes.txt", "part-000001.parquet", "part-1.parquet"]
    write(path, start=1)
    assert [row["result"] for row in read(path)] == [1]
    assert parts(path) == ["notes.txt", "part-1.parquet"]


def test_a_gap_or_a_broken_part_ends_the_output(path: Path) -> None:
    write(path, [1], [2], [3], finish=False)
    directory = path.with_name("out.parquet.parts")
    third = directory / "part-000003.parquet"
    content = third.read_bytes()
    third.write_bytes(content[:-5])
    assert open_sink(path, "parquet").start(3) == 2
    third.write_bytes(content)
    (directory / "part-000002.parquet").unlink()
    assert open_sink(path, "parquet").start(3) == 1
    assert third.exists()


def test_a_part_of_another_run_is_an_output_error(path: Path) -> None:
    write(path, [1], ["x"], finish=False)
    directory = path.with_name("out.parquet.parts")
    write(path, ["x"], finish=False)
    strange = (directory / "part-000001.parquet").read_bytes()
    write(path, [1], [2], finish=False)
    (directory / "part-000002.parquet").write_bytes(strange)
    with pytest.raises(OutputError, match="is not of this run"):
        open_sink(path, "parquet").start(2)


def test_a_foreign_file_of_that_name_is_replaced_at_the_end(path: Path) -> None:
    write(path, [1], finish=False)
    parquet.write_table(pyarrow.table({"z": [1]}), path)
    write(path, [2], start=1)
    assert [row["result"] for row in read(path)] == [1, 2]


def test_many_rows_are_merged_into_few_row_groups(path: Path) -> None:
    write(path, *[range(part * 30_000, (part + 1) * 30_000) for part in range(5)])
    file = parquet.ParquetFile(path)
    groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    assert groups == [120_000, 30_000]
    assert file.read().column("result").to_pylist() == list(range(150_000))


def test_a_missing_library_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    advice = r'pip install "batchmap\[formats\]", or name a \.jsonl file$'
    with pytest.raises(UsageError, match=advice):
        open_sink(Path("out.parquet"), "parquet")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()), max_size=3)
    | st.binary(max_size=2)
    | st.decimals(allow_nan=True, allow_infinity=True)
)
INNER = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from("xyz"), inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)
ROWS = st.dictionaries(st.sampled_from("ab"), INNER, min_size=1)


def same(read: Any, written: Any) -> bool:
    """Tell whether a value is what was written, fields that it had not being null."""
    if isinstance(written, dict):
        return all(same(read[key], written.get(key)) for key in read) and set(written) <= set(read)
    if isinstance(written, list):
        return len(read) == len(written) and all(map(same, read, written))
    return bool(read == written) and (isinstance(read, bool) == isinstance(written, bool))


@settings(max_examples=150, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=6))
def test_any_value_is_read_back_or_fails_however_it_is_batched(
    tmp_path_factory: pytest.TempPathFactory, results: list[dict[str, Any]]
) -> None:
    directory = tmp_path_factory.mktemp("any")
    path = directory / "whole.parquet"
    (failures,) = write(path, results)
    kept = [result for place, result in enumerate(results) if place not in failures]
    assert all(map(same, read(path), kept))
    assert len(read(path)) == len(kept)
    singly = directory / "singly.parquet"
    unwritable = write(singly, *[[result] for result in results])
    assert [place for place, failed in enumerate(unwritable) if failed] == sorted(failures)
    assert all(map(same, read(singly), kept))


def test_an_overwrite_that_was_killed_before_it_removed_the_old_output_goes_on(path: Path) -> None:
    write(path, [{"a": 1}])
    sink = open_sink(path, "parquet")
    sink.check([])  # the journal of the new run holds nothing yet
    assert sink.start(0) == 0
    assert not path.exists()
