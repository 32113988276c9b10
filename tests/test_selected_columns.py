"""`select`: some columns of a row reach the function, for every source with rows."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from importlib import import_module
from pathlib import Path
from typing import Any

import batchmap
import pytest
from batchmap.errors import InputError, UsageError
from batchmap.sources import ReadingOptions, Source, open_source

from tests.source_inputs import failure_of, feed

ROWS = [{"id": "1", "name": "Ä", "n": "x"}, {"id": "2", "name": "", "n": "y"}]


def _csv(folder: Path) -> str:
    (folder / "a.csv").write_text("id,name,n\n1,Ä,x\n2,,y\n")
    return str(folder / "a.csv")


def _jsonl(folder: Path) -> str:
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    return str(folder / "a.jsonl")


def _json(folder: Path) -> str:
    (folder / "a.json").write_text(json.dumps(ROWS))
    return str(folder / "a.json")


def _parquet(folder: Path) -> str:
    table = import_module("pyarrow").Table.from_pylist(ROWS)
    import_module("pyarrow.parquet").write_table(table, folder / "a.parquet")
    return str(folder / "a.parquet")


def _sqlite(folder: Path) -> str:
    with contextlib.closing(sqlite3.connect(folder / "a.db")) as database, database:
        database.execute("create table t (id, name, n)")
        database.executemany("insert into t values (:id, :name, :n)", ROWS)
    return f"sqlite:///{folder}/a.db?query=select * from t order by id"


BUILDERS = [_csv, _jsonl, _json, _parquet, _sqlite]


def opened(spec: str, *columns: str) -> Source:
    return open_source(spec, reading=ReadingOptions(select=columns))


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_columns_come_in_the_order_in_which_they_are_named(
    tmp_path: Path, builder: Any
) -> None:
    spec = builder(tmp_path)
    source, whole = opened(spec, "n", "id"), open_source(spec)
    items = [item for item, _, _ in source.records()]
    assert [list(item.items()) for item in items] == [
        [("n", "x"), ("id", "1")],
        [("n", "y"), ("id", "2")],
    ]
    assert list(filter(None, source.records_and_pauses())) == list(source.records())
    assert source.repeatable
    assert (source.name, source.total, source.paths) == (whole.name, whole.total, whole.paths)
    assert source.place(1) == whole.place(1)


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_name_that_is_missing_is_an_error_that_says_which_there_are(
    tmp_path: Path, builder: Any
) -> None:
    with pytest.raises(InputError, match=r"select 'nam': .*did you mean name\?; it has") as caught:
        opened(builder(tmp_path), "id", "nam")
    assert str(caught.value).endswith("it has id, name, n")


def test_an_object_that_lacks_a_column_fails_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a": 2, "b": 3}\n[1]\n{"b": 4, "a": 5}\n')
    records = list(opened(str(path), "a", "b").records())
    assert [records[1][0], records[3][0]] == [{"a": 2, "b": 3}, {"a": 5, "b": 4}]
    assert failure_of(records[0]) == ("KeyError", "--select: there is no 'b'; it has a")
    assert failure_of(records[2]) == ("KeyError", "--select: list has no columns")


def test_only_the_selected_columns_of_parquet_are_read(tmp_path: Path) -> None:
    spec = _parquet(tmp_path)
    raw = next(opened(spec, "n").records())[1]
    assert b"name" not in raw


def test_a_stream_without_a_column_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    feed(monkeypatch, io.BytesIO(b"a,b\n1,2\n"))  # type: ignore[arg-type]
    reading = ReadingOptions(select=("c",))
    source = open_source("-", input_format="csv", reading=reading)
    with pytest.raises(InputError, match="select 'c': standard input has no such column"):
        next(source.records())


@pytest.mark.parametrize("spec", ["{}/a.txt", "{}/*.txt"])
def test_what_has_no_rows_has_no_columns(tmp_path: Path, spec: str) -> None:
    (tmp_path / "a.txt").write_text("x\n")
    with pytest.raises(UsageError, match="select"):
        opened(spec.format(tmp_path), "a")


def test_items_that_are_there_already_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="select is for inputs that are read"):
        batchmap.run(len, [{"a": 1}], tmp_path / "out.jsonl", select=["a"])
