"""Excel: the rows of the first sheet, with the values that openpyxl reads."""

from __future__ import annotations

import datetime
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from batchmap.sources import open_source

from tests.source_inputs import failure_of

NOON = datetime.datetime(2020, 1, 2, 12)


def saved(path: Path, rows: list[list[Any]]) -> str:
    workbook = import_module("openpyxl").Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.create_sheet("second").append(["other"])
    workbook.save(path)
    return str(path)


def test_values_are_those_of_openpyxl(tmp_path: Path) -> None:
    day, time = datetime.datetime(2020, 1, 2), datetime.time(12, 30)
    rows: list[list[Any]] = [[], ["i", None, "f", 2020, "t"], [1, "Ä\nx", 1.5, NOON, time], []]
    rows += [[True, "#N/A", 1e300, day, datetime.timedelta(days=2)], [None, None, "007"]]
    records = list(open_source(saved(tmp_path / "a.xlsx", rows)).records())
    names = ["i", "column_2", "f", "2020", "t"]
    expected = [[*row, *[None] * (5 - len(row))] for row in (rows[2], rows[4], rows[5])]
    assert [item for item, _, _ in records] == [
        dict(zip(names, row, strict=True)) for row in expected
    ]
    assert [where for _, _, where in records] == [3, 5, 6]


def test_a_row_beyond_the_header_costs_itself(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", [["a"], [1, 2], [3]])
    first, second = open_source(path).records()
    assert failure_of(first) == ("ValueError", "2 cells found, 1 expected")
    assert second[0] == {"a": 3}


def test_a_name_twice_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = saved(tmp_path / "a.xlsx", [["a", "b", "a"], [1, 2, 3]])
    source = open_source(path)
    assert [item for item, _, _ in source.records()] == [{"a": 1, "b": 2, "a_2": 3}]
    assert len(list(source.records())) == 1
    [told] = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"{path} is read from its first sheet, Sheet; not read: second; ")
    assert told.endswith("has names twice in its header: a in column 3 is a_2")


def test_a_sheet_without_rows_has_no_items(tmp_path: Path) -> None:
    for rows in ([], [["a"]]):
        assert list(open_source(saved(tmp_path / "a.xlsx", rows)).records()) == []


@pytest.mark.parametrize("rows", [[], [["a"], [1]]])
def test_sheets_that_are_not_read_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rows: list[list[Any]]
) -> None:
    path = saved(tmp_path / "a.xlsx", rows)
    source = open_source(path)
    for _ in range(2):
        assert len(list(source.records())) == len(rows[1:])
    [told] = [record.getMessage() for record in caplog.records]
    assert told == f"{path} is read from its first sheet, Sheet; not read: second"


def test_a_hidden_sheet_is_told_and_one_sheet_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workbook = import_module("openpyxl").Workbook()
    workbook.active.append(["a"])
    path = tmp_path / "a.xlsx"
    workbook.save(path)
    assert list(open_source(str(path)).records()) == []
    assert caplog.records == []
    workbook.create_sheet("shown")
    workbook["Sheet"].sheet_state = "hidden"
    workbook.save(path)
    assert list(open_source(str(path)).records()) == []
    [told] = [record.getMessage() for record in caplog.records]
    assert told.endswith("first sheet, Sheet, which is hidden; not read: shown")


def test_a_size_that_a_program_wrote_wrong_hides_no_cells(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.xlsx", [["a", "b"], [1, 2], [3, 4]])
    wrong = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(wrong, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, archive.read(name).replace(b'ref="A1:B3"', b'ref="A1"'))
    items = [item for item, _, _ in open_source(str(wrong)).records()]
    assert items == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
