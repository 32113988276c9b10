"""Parquet: a row is a dict, and what is damaged is an error."""

from __future__ import annotations

import sys
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
