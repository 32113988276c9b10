"""Parquet: there and back, each value is what it was, and each column has the type that it had."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import batchmap
import numpy
import pytest
from batchmap.arrow import NanosecondDatetime, NanosecondTime, NanosecondTimedelta
from batchmap.errors import InputError, UsageError
from batchmap.sinks import open_sink
from batchmap.sources import open_source

from tests.sink_results import encoded

pyarrow: Any = pytest.importorskip("pyarrow")
parquet: Any = pytest.importorskip("pyarrow.parquet")

FINE = NanosecondDatetime.of(datetime(2024, 5, 6, 7, 8, 9, 10), 11)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.parquet"


def write(path: Path, *batches: Sequence[Any], model: Any = None) -> list[str]:
    """Write each batch as a part; return the failures' messages."""
    sink = open_sink(path, "parquet", model=model)
    sink.start(0)
    errors = []
    for batch in batches:
        pieces, failures = encoded(sink, range(len(batch)), batch, batch)
        errors += [failure.error for failure in failures.values()]
        sink.write(pieces)
        sink.sync()
    sink.finish()
    return errors


def read(path: Path) -> list[Any]:
    return [item for item, _, _ in open_source(str(path)).records()]


def same(row: Any) -> Any:
    return row


def all_types() -> Any:
    moments = [1, None, 1_000_000_001]
    of = pyarrow.array
    return pyarrow.table(
        {
            "small": of([1, None, -3], pyarrow.int8()),
            "unsigned": of([2**64 - 1, 0, None], pyarrow.uint64()),
            "single": of([1.1, None, float("inf")], pyarrow.float32()),
            "half": of([0.5, None, 1.5], pyarrow.float16()),
            "money": of([Decimal("1.10"), None, Decimal("9.99")], pyarrow.decimal128(18, 2)),
            "long": of([Decimal(10**60), None, Decimal(1)], pyarrow.decimal256(70, 0)),
            "day": of([date.min, None, date.max]),
            "far": of([datetime.min, None, datetime.max.replace(microsecond=0)], "timestamp[ms]"),
            "fine": of(moments, pyarrow.timestamp("ns")),
            "zoned": of(moments, pyarrow.timestamp("ns", "Europe/Berlin")),
            "offset": of(moments, pyarrow.timestamp("us", "+02:00")),
            "time": of(moments, pyarrow.time64("ns")),
            "coarse": of([1, None, 2], pyarrow.time32("ms")),
            "for": of(moments, pyarrow.duration("ns")),
            "seconds": of([1, None, -1], pyarrow.duration("s")),
            "map": of([{"a": 1}, None, {"b": 2, "c": None}], pyarrow.map_("string", "int32")),
            "pairs": of([[("a", 1), ("a", 2)], None, []], pyarrow.map_("string", "int32")),
            "numbered": of([[(1, "a")], None, []], pyarrow.map_("int32", "string")),
            "maps": of([[[("k", 1)]], None, []], pyarrow.list_(pyarrow.map_("string", "int64"))),
            "word": of(["x", None, "x"]).dictionary_encode(),
            "bytes": of([b"abc", None, b"def"], pyarrow.binary(3)),
            "large": of([[1], None, []], pyarrow.large_list(pyarrow.int64())),
            "object": of([{"a": 1, "t": 5}, None, {"a": None, "t": None}], _object()),
            "empty": pyarrow.nulls(3, pyarrow.int16()),
        }
    )


def _object() -> Any:
    return pyarrow.struct([("a", pyarrow.uint8()), ("t", pyarrow.timestamp("ns"))])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_row_that_is_returned_as_it_is_keeps_values_and_types(path: Path, size: int) -> None:
    given = path.with_name("in.parquet")
    parquet.write_table(all_types(), given)
    rows = read(given)
    model = open_source(str(given)).schema  # type: ignore[attr-defined]
    batches = [rows[start : start + size] for start in range(0, 3, size)]
    assert write(path, *batches, model=model) == []
    assert repr(read(path)) == repr(rows)
    before, after = parquet.read_schema(given), parquet.read_schema(path)
    assert {field.name: str(field.type) for field in after} == {
        field.name: str(field.type) for field in before
    }


def test_a_run_that_is_resumed_and_synced_keeps_values_and_types(path: Path) -> None:
    given = path.with_name("in.parquet")
    table = all_types()
    parquet.write_table(table, given)
    batchmap.run(same, given, path, backend="sequential", limit=1)
    batchmap.run(same, given, path, backend="sequential", mode="resume")
    assert repr(read(path)) == repr(read(given))
    parquet.write_table(table.take([2, 0, 2, 1]), given)
    batchmap.run(same, given, path, backend="sequential", mode="sync")
    assert repr(read(path)) == repr(read(given))
    types = [str(field.type) for field in parquet.read_schema(path)]
    assert types == [str(field.type) for field in parquet.read_schema(given)]


@pytest.mark.parametrize(
    ("result", "kind", "expected"),
    [
        (2**64 - 1, "uint64", 2**64 - 1),
        (FINE, "timestamp[ns]", FINE),
        (FINE.replace(tzinfo=BERLIN), "timestamp[ns, tz=Europe/Berlin]", None),
        (datetime(2024, 5, 6, tzinfo=UTC), "timestamp[us, tz=UTC]", None),
        (
            datetime(2024, 5, 6, tzinfo=timezone(timedelta(hours=-3))),
            "timestamp[us, tz=-03:00]",
            None,
        ),
        (NanosecondTime.of(time(1, 2), 3), "time64[ns]", None),
        (NanosecondTimedelta.of(timedelta(-1), 3), "duration[ns]", None),
        (numpy.datetime64("2024-05-06"), "date32[day]", date(2024, 5, 6)),
        (numpy.datetime64("2024-05-06T07"), "timestamp[us]", datetime(2024, 5, 6, 7)),
        (numpy.datetime64("2024-05-06T07:08:09.000010011"), "timestamp[ns]", FINE),
        (numpy.timedelta64(5, "s"), "duration[us]", timedelta(seconds=5)),
        (numpy.timedelta64(1, "ns"), "duration[ns]", NanosecondTimedelta.of(timedelta(0), 1)),
        (numpy.array(["2024-05-06"], "M8[D]"), "list<element: date32[day]>", [date(2024, 5, 6)]),
        (numpy.uint64(2**63), "uint64", 2**63),
    ],
)
def test_a_result_has_the_type_that_holds_all_of_it(
    path: Path, result: Any, kind: str, expected: Any
) -> None:
    assert write(path, [result]) == []
    assert str(parquet.read_schema(path).field("result").type) == kind
    [row] = read(path)
    assert row["result"] == (result if expected is None else expected)


def test_no_time_of_numpy_is_null_and_a_number_without_a_unit_fails(path: Path) -> None:
    nothing = [numpy.datetime64("NaT"), numpy.timedelta64("NaT")]
    errors = write(path, [*nothing, numpy.timedelta64(3), numpy.datetime64("20000-01-01"), 1])
    assert read(path) == [{"result": None}, {"result": None}, {"result": 1}]
    assert len(errors) == 2
    assert all("Parquet has no form for" in error for error in errors)


@pytest.mark.parametrize(
    ("first", "then", "kind"),
    [
        (1, 2**63, "uint64"),
        (2**63, 1, "uint64"),
        (datetime(2024, 5, 6), FINE, "timestamp[ns]"),
        (FINE, datetime(2024, 5, 6), "timestamp[ns]"),
        (timedelta(1), NanosecondTimedelta.of(timedelta(1), 1), "duration[ns]"),
        (
            datetime(2024, 5, 6, tzinfo=BERLIN),
            datetime(2024, 5, 6, tzinfo=UTC),
            "timestamp[us, tz=UTC]",
        ),
    ],
)
def test_a_type_widens_without_loss(path: Path, first: Any, then: Any, kind: str) -> None:
    assert write(path, [first], [then]) == []
    assert [row["result"] for row in read(path)] == [first, then]
    assert str(parquet.read_schema(path).field("result").type) == kind


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (-1, 2**63),
        (2**63, -1),
        (2**63 + 1, 0.5),
        (datetime(9999, 1, 1), FINE),
        (FINE, datetime(9999, 1, 1)),
        ([timedelta(200_000)], [NanosecondTimedelta.of(timedelta(1), 1)]),
    ],
)
def test_what_no_type_holds_beside_the_values_before_is_a_failure(
    path: Path, first: Any, then: Any
) -> None:
    assert len(write(path, [first], [then])) == 1
    assert [row["result"] for row in read(path)] == [first]


@pytest.mark.parametrize(
    ("kind", "fits", "other", "wider"),
    [
        ("int8", 1, 300, "int64"),
        ("int8", 1, 0.5, "double"),
        ("float", 0.5, 1.1, "double"),
        ("timestamp[ms]", datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 1), "timestamp[us]"),
        ("timestamp[ms]", datetime(2024, 1, 1), FINE, "timestamp[ns]"),
        ("time32[ms]", time(1), time(1, 0, 0, 1), "time64[us]"),
        ("duration[s]", timedelta(1), timedelta(0, 0.5), "duration[us]"),
    ],
)
def test_a_type_of_the_input_gives_way_to_one_that_holds_the_results(
    path: Path, kind: str, fits: Any, other: Any, wider: str
) -> None:
    model = pyarrow.schema([("result", pyarrow.type_for_alias(kind))])
    assert write(path, [fits], [other], model=model) == []
    assert [row["result"] for row in read(path)] == [fits, other]
    assert str(parquet.read_schema(path).field("result").type) == wider


@pytest.mark.parametrize("result", ["text", b"x", 0.5, [1], {"a": 1}, True, Decimal(1), FINE])
def test_a_column_that_only_shares_its_name_with_the_input_has_a_type_of_its_own(
    path: Path, result: Any
) -> None:
    model = pyarrow.schema([("n", pyarrow.int32())])
    assert write(path, [{"n": None}], [{"n": result}], model=model) == []
    assert read(path) == [{"n": None}, {"n": result}]


def given_schema(path: Path) -> Path:
    file = path.with_name("schema.parquet")
    columns = {"id": pyarrow.int32(), "price": pyarrow.decimal128(9, 2), "at": None}
    columns["at"] = pyarrow.timestamp("ms", "UTC")
    columns["tags"] = pyarrow.map_("string", "int64")
    parquet.write_table(pyarrow.schema(list(columns.items())).empty_table(), file)
    return file


def priced(n: int) -> dict[str, Any]:
    moment = datetime(2024, 5, 6, tzinfo=BERLIN)
    odd: dict[int, dict[str, Any]] = {
        3: {"price": 0.5},
        4: {"id": 2**40},
        5: {"more": 1},
        6: {"at": moment.replace(tzinfo=None)},
    }
    return {"id": n, "price": n, "at": moment, "tags": {"a": n}} | odd.get(n, {})


def test_a_given_schema_is_that_of_the_output_and_what_does_not_fit_fails(path: Path) -> None:
    schema = given_schema(path)
    report = batchmap.run(priced, range(8), path, backend="sequential", schema=schema)
    assert report.failed == 4
    assert [row["id"] for row in read(path)] == [0, 1, 2, 7]
    assert read(path)[1] == {**priced(1), "price": Decimal("1.00")}
    expected = parquet.read_schema(schema)
    assert [str(field) for field in parquet.read_schema(path)] == [str(field) for field in expected]


def test_a_resume_with_another_schema_is_refused(path: Path) -> None:
    schema = given_schema(path)
    batchmap.run(priced, range(2), path, backend="sequential", schema=schema)
    with pytest.raises(InputError, match="schema was id int32, price"):
        batchmap.run(priced, range(3), path, backend="sequential", mode="resume")
    batchmap.run(priced, range(3), path, backend="sequential", mode="resume", schema=schema)
    assert len(read(path)) == 3
    batchmap.run(priced, [2, 0], path, backend="sequential", mode="sync", schema=schema)
    assert [row["id"] for row in read(path)] == [2, 0]


def test_a_schema_that_makes_no_sense_is_a_usage_error(path: Path) -> None:
    text = path.with_name("a.txt")
    text.write_text("no Parquet")
    with pytest.raises(UsageError, match=r"schema .*a\.txt: is not Parquet"):
        batchmap.run(priced, [1], path, schema=text)
    with pytest.raises(UsageError, match=r"schema only Parquet has one"):
        batchmap.run(priced, [1], path.with_name("o.jsonl"), schema=given_schema(path))
    assert not path.exists()
