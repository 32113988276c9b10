"""Parquet: a row is a dict, and what is damaged is an error."""

from __future__ import annotations

import random
import sys
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from batchmap.errors import InputError, UsageError
from batchmap.sources import open_source

from tests.source_inputs import failure_of, until_fault


def write_parquet(path: Path, columns: dict[str, Any], **more: Any) -> None:
    table = import_module("pyarrow").table(columns)
    import_module("pyarrow.parquet").write_table(table, path, **more)


def test_rows_of_parquet_come_in_order_over_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "rows.pq"
    write_parquet(path, {"n": list(range(5000)), "s": ["x"] * 5000}, row_group_size=700)
    records = list(open_source(str(path)).records())
    assert [item for item, _, _ in records] == [{"n": n, "s": "x"} for n in range(5000)]
    assert [where for _, _, where in records] == list(range(1, 5001))
    assert open_source(str(path)).total == 5000


def test_parquet_without_rows_has_no_items(tmp_path: Path) -> None:
    write_parquet(tmp_path / "rows.parquet", {"n": []})
    source = open_source(str(tmp_path / "rows.parquet"))
    assert (list(source.records()), source.total, source.fraction()) == ([], 0, 1.0)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_parquet_that_is_cut_off_is_an_input_error(tmp_path: Path, share: float) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, {"n": list(range(5000))})
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(InputError, match="is not Parquet, or damaged") as caught:
        open_source(str(path))
    assert "\n" not in str(caught.value)


def test_a_damaged_row_group_is_an_input_error_after_the_rows_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = {"s": [f"{n:06d}" * 10 for n in range(6000)]}
    write_parquet(path, rows, row_group_size=2000, compression="zstd", use_dictionary=False)
    metadata = import_module("pyarrow.parquet").ParquetFile(path).metadata
    start = metadata.row_group(2).column(0).data_page_offset
    raw = bytearray(path.read_bytes())
    raw[start : start + 2000] = b"\xa5" * 2000
    items, message = until_fault(path, bytes(raw))
    assert 2000 <= len(items) <= 4000
    assert f"rows.parquet row {len(items) + 1}: cannot be read on" in message


def test_a_value_that_python_cannot_hold_makes_a_bad_record_of_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow = import_module("pyarrow")
    days = pyarrow.array([0, 2**30, 1], pyarrow.int32()).cast(pyarrow.date32())
    write_parquet(path, {"day": days, "n": [1, 2, 3]})
    first, bad, last = open_source(str(path)).records()
    assert (first[0]["n"], last[0]["n"], bad[2]) == (1, 3, 2)
    assert failure_of(bad)[0] in ("OverflowError", "ValueError")
    assert [raw for _, raw, _ in open_source(str(path)).records()][1] == bad[1]


def test_columns_of_the_same_name_are_an_input_error(tmp_path: Path) -> None:
    pyarrow = import_module("pyarrow")
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["a", "a"])
    import_module("pyarrow.parquet").write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="two columns are named 'a'"):
        open_source(str(tmp_path / "rows.parquet"))


def test_a_missing_pyarrow_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").touch()
    with pytest.raises(UsageError, match=r'pip install "batchmap\[formats\]"$'):
        open_source(str(tmp_path / "a.parquet"))


def values_of(path: Path) -> list[Any]:
    return [item for item, _, _ in open_source(str(path)).records()]


def test_times_of_96_bits_are_read_to_the_end_of_python_and_to_the_nanosecond(
    tmp_path: Path,
) -> None:
    pyarrow = import_module("pyarrow")
    far, near = datetime(9999, 12, 31, 1, 2, 3, 4), datetime(2000, 1, 1)
    columns = {
        "at": pyarrow.array([far, near, None], pyarrow.timestamp("us")),
        "all": pyarrow.array([[far, None], [], None], pyarrow.list_(pyarrow.timestamp("us"))),
        "n": [1, 2, 3],
    }
    path = tmp_path / "rows.parquet"
    write_parquet(path, columns, use_deprecated_int96_timestamps=True)
    assert values_of(path) == [
        {"at": far, "all": [far, None], "n": 1},
        {"at": near, "all": [], "n": 2},
        {"at": None, "all": None, "n": 3},
    ]
    fine = pyarrow.array([946_684_800_000_000_123], pyarrow.int64()).cast(pyarrow.timestamp("ns"))
    write_parquet(path, {"at": fine}, use_deprecated_int96_timestamps=True)
    [row] = values_of(path)
    assert (row["at"].nanosecond, row["at"].isoformat()) == (123, "2000-01-01T00:00:00.000000123")


def test_nanoseconds_are_kept_where_there_are_some(tmp_path: Path) -> None:
    pyarrow = import_module("pyarrow")
    numbers = pyarrow.array([1_000_000_001, 2_000_000_000, None], pyarrow.int64())
    kinds = {
        "at": pyarrow.timestamp("ns"),
        "zoned": pyarrow.timestamp("ns", "Europe/Berlin"),
        "time": pyarrow.time64("ns"),
        "for": pyarrow.duration("ns"),
    }
    path = tmp_path / "rows.parquet"
    write_parquet(path, {name: numbers.view(kind) for name, kind in kinds.items()})
    fine, plain, empty = values_of(path)
    assert {name: str(value) for name, value in fine.items()} == {
        "at": "1970-01-01 00:00:01.000000001",
        "zoned": "1970-01-01 01:00:01.000000001+01:00",
        "time": "00:00:01.000000001",
        "for": "0:00:01.000000001",
    }
    assert [type(value) for value in plain.values()] == [datetime, datetime, time, timedelta]
    assert set(empty.values()) == {None}


@pytest.mark.parametrize("zone", ["tzutc()", "+25:00", "Z"])
def test_times_in_a_zone_that_nobody_knows_are_those_of_utc_and_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, zone: str
) -> None:
    pyarrow = import_module("pyarrow")
    path = tmp_path / "rows.parquet"
    write_parquet(path, {"at": pyarrow.array([0], pyarrow.timestamp("us", zone))})
    assert values_of(path) == [{"at": datetime(1970, 1, 1, tzinfo=UTC)}]
    [message] = {record.getMessage() for record in caplog.records}
    assert "column 'at' are in a zone that nobody knows" in message
    assert repr(zone) in message


def test_a_map_with_text_keys_is_a_dict_and_pairs_where_a_key_comes_twice(tmp_path: Path) -> None:
    pyarrow = import_module("pyarrow")
    kind = pyarrow.map_(pyarrow.string(), pyarrow.int64())
    pairs = [[("a", 1), ("b", None)], None, [], [("a", 1), ("a", 2)]]
    path = tmp_path / "rows.parquet"
    numbered = pyarrow.array([[(1, 2)]] * 4, pyarrow.map_(pyarrow.int8(), pyarrow.int8()))
    write_parquet(path, {"m": pyarrow.array(pairs, kind), "n": numbered})
    rows = values_of(path)
    assert [row["m"] for row in rows] == [{"a": 1, "b": None}, None, {}, [("a", 1), ("a", 2)]]
    assert rows[0]["n"] == [(1, 2)]


def test_a_page_whose_checksum_is_wrong_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    more: dict[str, Any] = {"compression": "none", "use_dictionary": False}
    write_parquet(path, {"n": list(range(100))}, write_page_checksum=True, **more)
    raw = bytearray(path.read_bytes())
    at = raw.index((50).to_bytes(8, "little") + (51).to_bytes(8, "little"))
    raw[at] = 7
    items, message = until_fault(path, bytes(raw))
    assert items == []
    assert "checksum" in message


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_flipped_bits_end_with_rows_or_an_input_error(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "rows.parquet"
    columns = {"n": list(range(40)), "s": [f"é{n}" for n in range(40)], "m": [[1, None]] * 40}
    write_parquet(path, columns, compression=codec)
    raw = path.read_bytes()
    chosen = random.Random(codec)
    for _ in range(20):
        flipped = bytearray(raw)
        flipped[chosen.randrange(len(raw))] ^= 1 << chosen.randrange(8)
        path.write_bytes(flipped)
        with suppress(InputError):
            values_of(path)


def parquet_directory(folder: Path) -> Path:
    directory = folder / "data.parquet"
    for number, (below, name) in enumerate([("year=2023", "b"), ("year=2024", "a")]):
        (directory / below).mkdir(parents=True)
        file = directory / below / f"{name}.parquet"
        write_parquet(file, {"n": [2 * number, 2 * number + 1]})
        (directory / below / "_SUCCESS").touch()
    return directory


def test_a_directory_gives_the_rows_of_all_files_and_what_its_names_say(tmp_path: Path) -> None:
    directory = parquet_directory(tmp_path)
    write_parquet(directory / "z.parquet", {"n": [4], "more": ["x"]})
    source = open_source(str(directory))
    rows = [(row["n"], row["more"], row["year"]) for row in values_of(directory)]
    years = [2023, 2023, 2024, 2024]
    assert rows == [*((n, None, year) for n, year in enumerate(years)), (4, "x", None)]
    assert source.total == 5
    assert source.place(3) == f"{directory}/year=2024/a.parquet row 1"


def test_a_directory_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    directory = parquet_directory(tmp_path)
    (directory / "notes.txt").touch()
    with pytest.raises(InputError, match=r"notes\.txt: is not Parquet.*move it away"):
        open_source(str(directory))


def test_files_whose_columns_do_not_go_together_are_refused(tmp_path: Path) -> None:
    directory = parquet_directory(tmp_path)
    write_parquet(directory / "z.parquet", {"n": ["x"]})
    with pytest.raises(InputError, match=r"z\.parquet: column 'n' is string and is int64"):
        open_source(str(directory))
