"""`--sync`: the output becomes what a new run would write, and only new items are called for."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from batchmap import InputError, UsageError, run

from benchmarks import edit_scripts
from tests.syncing import (
    calls,
    counted_file,
    lines,
    results,
    sync,
    work,
)
from tests.syncing import sync_directory as sync_directory  # a fixture of every test here

SCRIPTS, KILLS = 80, 8
"""How many random scripts and kills there are in CI; `benchmarks/edit_scripts.py` runs more."""


@pytest.mark.parametrize("number", range(8))
def test_a_synced_output_is_that_of_a_new_run_after_any_edits(number: int) -> None:
    for script in range(SCRIPTS // 8):
        edit_scripts.run_in_directory(edit_scripts.check_script, f"ci-{number}-{script}")


@pytest.mark.parametrize("number", range(4))
def test_a_sync_that_is_killed_leaves_the_old_output_or_the_new(number: int) -> None:
    for script in range(KILLS // 4):
        edit_scripts.run_in_directory(edit_scripts.check_kill, f"ci-{number}-{script}")


def test_it_calls_for_what_is_new_and_says_what_it_found() -> None:
    assert sync(lines(*"abcdef")) is None, "a new run"
    assert (sync(lines(*"abXcfd")), calls) == ((5, 1, 1, 0, 1), ["X"])
    assert results() == [*"ABXCFD"]
    indexes = [json.loads(line)["index"] for line in Path("out.jsonl").read_text().splitlines()]
    assert indexes == [0, 1, 2, 3, 4, 5]


def test_an_item_in_the_place_of_another_has_changed() -> None:
    sync(lines(*"abcdef"))
    assert (sync(lines(*"abXdeY")), calls) == ((4, 0, 0, 2, 0), ["X", "Y"])


def test_equal_items_are_called_once_each() -> None:
    sync(lines("a", "b", "a"))
    assert calls == ["a", "b", "a"]
    assert (sync(lines("a", "a", "b", "a", "b")), calls) == ((3, 1, 2, 0, 0), ["a", "b"])
    assert (sync(lines("a", "b")), calls) == ((2, 0, 0, 0, 3), [])


def test_a_sync_without_differences_writes_nothing() -> None:
    sync(lines(*"abc"))
    before = {path: path.stat() for path in Path().iterdir()}
    assert (sync("in.txt"), calls) == ((3, 0, 0, 0, 0), [])
    assert {path: path.stat()[:7] for path in Path().iterdir()} == {
        path: stat[:7] for path, stat in before.items()
    }
    assert {path: path.stat().st_mtime_ns for path in Path().glob("out*")} == {
        path: stat.st_mtime_ns for path, stat in before.items() if path.name.startswith("out")
    }


def test_failed_items_are_done_and_keep_their_place_in_the_errors_file() -> None:
    sync(lines("a", "bad", "b"))
    assert (sync(lines("X", "a", "bad", "b")), calls) == ((3, 0, 1, 0, 0), ["X"])
    [failure] = map(json.loads, Path("out.jsonl.errors.jsonl").read_text().splitlines())
    assert (failure["index"], failure["place"]) == (2, "in.txt line 3")
    sync("in.txt", retry_failed=True)
    assert calls == ["bad"]
    assert (sync(lines("a", "b")), calls) == ((2, 0, 0, 0, 2), [])
    assert not Path("out.jsonl.errors.jsonl").exists()


def test_with_a_key_a_record_that_says_something_else_has_changed() -> None:
    rows = [{"id": number, "text": "a"} for number in range(4)]
    sync(rows, key="id")
    rows[1] = {"id": 1, "text": "b"}
    assert (sync(rows[::-1], key="id"), calls) == ((3, 2, 0, 1, 0), [rows[1]])
    with pytest.raises(InputError, match="key 'idd': item 0 has no such field; did you mean id"):
        sync(rows, "other.jsonl", key="idd")
    with pytest.raises(InputError, match="which item it is was key id when the run began"):
        sync(rows)
    Path("a.txt").write_text("a")
    with pytest.raises(UsageError, match="names of files, which have no fields"):
        sync("*.txt", "other.jsonl", key="id")


def test_a_file_is_its_path_and_content() -> None:
    for name in "abc":
        Path(f"{name}.x").write_text(name)
    sync("*.x", function=counted_file)
    os.utime("a.x", (1, 1))
    Path("b.x").write_text("new")
    Path("c.x").rename("d.x")
    counts = sync("*.x", function=counted_file)
    assert (counts, calls) == ((1, 0, 1, 1, 1), ["b.x", "d.x"])
    assert results() == ["A", "NEW", "C"]
    calls.clear()
    run(counted_file, "*.x", "out.jsonl", mode="resume", backend="sequential", keep_order=True)
    assert calls == []
    Path("d.x").write_text("other")
    with pytest.raises(InputError, match=r"d\.x is not what it was when the run began; mode="):
        run(counted_file, "*.x", "out.jsonl", mode="resume")


def test_a_file_that_is_changed_twice_within_a_tick_of_the_clock_is_noticed() -> None:
    Path("a.x").write_text("one")
    os.utime("a.x", ns=(1, 1))
    stat = Path("a.x").stat()
    sync("*.x", function=counted_file)
    Path("a.x").write_text("two")
    assert Path("a.x").stat().st_mtime_ns != stat.st_mtime_ns
    sync("*.x", function=counted_file)  # changed just now, so its time proves nothing
    now = Path("a.x").stat()
    Path("a.x").write_text("six")
    os.utime("a.x", ns=(now.st_atime_ns, now.st_mtime_ns))
    assert (sync("*.x", function=counted_file), results()) == ((0, 0, 0, 1, 0), ["SIX"])


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_what_an_unordered_run_wrote_is_put_in_order(output: str) -> None:
    rows = [{"id": number} for number in range(50)]
    run(work, rows, output, backend="thread", workers=4, batch_size=1)
    assert sync(rows, output) == (50, 0, 0, 0, 0)
    fresh = output.replace("out", "fresh")
    run(work, rows, fresh, keep_order=True)
    if output.endswith("parquet"):
        parquet: Any = pytest.importorskip("pyarrow.parquet")
        assert parquet.read_table(output).equals(parquet.read_table(fresh))
    else:
        assert Path(output).read_bytes() == Path(fresh).read_bytes()


def test_journals_of_many_rows_are_replaced() -> None:
    numbers = [*range(400)]
    sync(numbers, batch_size=1, retries=0, workers=1, function=str)
    with closing(sqlite3.connect("out.jsonl.journal")) as sql:
        assert sql.execute("SELECT count(*) FROM done").fetchone()[0] > 300
    numbers[350:360] = []
    assert sync(numbers, function=str) == (390, 0, 0, 0, 10)
    numbers.insert(100, 1000)
    assert sync(numbers, function=str) == (390, 0, 1, 0, 0)
    assert results() == [*map(str, numbers)]


def test_a_row_says_what_its_header_says() -> None:
    Path("in.csv").write_text("a,b\n1,2\n")
    sync("in.csv")
    Path("in.csv").write_text("b,a\n1,2\n")
    assert (sync("in.csv"), results()) == ((0, 0, 0, 1, 0), [{"b": "1", "a": "2"}])


def test_the_columns_are_those_of_the_first_item_where_none_is_kept() -> None:
    sync(["z"], "out.csv")
    gate = threading.Event()

    def columns(number: int) -> dict[str, int]:
        if number:
            gate.set()
            return {"a": number}
        gate.wait(20)
        return {"a": number, "b": 1}

    sync([0, 1], "out.csv", columns, accept_task=True, backend="thread", workers=2, batch_size=1)
    assert Path("out.csv").read_text() == "a,b\n0,1\n1,\n"


def test_a_failure_that_stands_elsewhere_now_has_its_place() -> None:
    Path("in.jsonl").write_text('"ok"\n"bad"\n')
    sync("in.jsonl")
    Path("in.jsonl").write_text('\n\n"ok"\n"bad"\n')
    assert (sync("in.jsonl"), calls) == ((2, 0, 0, 0, 0), [])
    assert "in.jsonl line 4" in Path("out.jsonl.errors.jsonl").read_text()
