"""Any number of results an item: a row each, and those of an item together, whatever happens."""

from __future__ import annotations

import csv
import inspect
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batchmap import (
    InputError,
    ItemRecord,
    ItemsFailedError,
    UsageError,
    api,
    parallel_map,
    run,
    stream_map,
)
from batchmap.checkpoint.verification import verify_output
from batchmap.command.task import load_task
from batchmap.worker.call_shape import CallShape

from tests.run_command import Place, ended, place
from tests.shaped_functions import breaks_at_two, counted, counted_from, counted_later, listed_later

__all__ = ["place"]

BACKENDS = ("auto", "sequential", "thread", "process")
FORMATS = ("out.jsonl", "out.csv", "out.parquet")

NUMBERS = [3, 0, 1, 5, 0, 0, 2, 7, 1, 1, 0, 4]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def commits_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchmap.checkpoint.recorder.SLOW_BATCH_S", 0.0)


def rows_for(number: int) -> Iterator[dict[str, str]]:
    """Give as many rows as the number says; one with a line break in it."""
    for row in range(number):
        yield {"of": f"{number}\n" if row == 1 else f"{number}", "row": f"{row}"}


def expected(numbers: list[int]) -> list[dict[str, str]]:
    return [row for number in numbers for row in rows_for(number)]


def rows_in(path: str) -> list[Any]:
    if path.endswith(".jsonl"):
        lines = [json.loads(line) for line in Path(path).read_text().split("\n")[:-1]]
        assert [line["index"] for line in lines] == sorted(line["index"] for line in lines)
        return [line["result"] for line in lines]
    if path.endswith(".csv"):
        with Path(path).open(newline="") as file:
            return list(csv.DictReader(file))
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]


def check(path: str, numbers: list[int]) -> None:
    """Check that an output holds the rows of all items, in order, and agrees with its journal."""
    assert rows_in(path) == expected(numbers)
    assert verify_output(Path(path), Path(f"{path}.errors.jsonl")).differences == []


# From Python ----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("function", [counted, lambda n: tuple(range(n))])
def test_the_results_of_all_items_are_one_list(backend: str, function: Any) -> None:
    assert parallel_map(function, [3, 0, 2], expand=True, backend=backend) == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("backend", ["auto", "sequential", "thread", "async"])
@pytest.mark.parametrize(
    "function", [counted_later, listed_later, lambda number: listed_later(number)]
)
def test_coroutines_and_asynchronous_generators_expand_too(backend: str, function: Any) -> None:
    assert parallel_map(function, [3, 0, 2], expand=True, backend=backend) == [0, 1, 2, 0, 1]


@pytest.mark.parametrize("backend", ["auto", "thread"])
def test_an_item_whose_generator_raises_has_failed_as_a_whole(backend: str) -> None:
    found = parallel_map(breaks_at_two, [1, 4, 2], expand=True, on_error="record", backend=backend)
    assert [one if isinstance(one, int) else one.index for one in found] == [0, 1, 0, 1]
    assert isinstance(found[1], ItemRecord)
    with pytest.raises(ItemsFailedError, match="1 of 3 items failed; the first is item 1") as error:
        parallel_map(breaks_at_two, [1, 4, 2], expand=True, backend=backend)
    assert [one if isinstance(one, int) else one.index for one in error.value.results] == [
        0,
        1,
        0,
        1,
    ]


def test_a_record_of_a_stream_holds_the_list_of_its_item() -> None:
    found = [one.result for one in stream_map(counted, [2, 0], expand=True, keep_order=True)]
    assert found == [[0, 1], []]


@pytest.mark.parametrize(
    ("returned", "kind"),
    [("ab", "str"), (b"", "bytes"), ({"a": 1}, "dict"), (3, "int"), (None, "NoneType")],
)
def test_what_is_one_value_is_no_list_of_results(returned: Any, kind: str) -> None:
    [found] = parallel_map(lambda _: returned, [1], expand=True, on_error="record")
    assert isinstance(found, ItemRecord)
    assert found.failure is not None
    assert found.failure.error.endswith(f"the function returned a value of type {kind}")


def test_results_of_none_are_left_out() -> None:
    def maybe(number: int) -> int | None:
        if number == 9:
            raise ValueError
        return None if number % 2 else number

    def some(number: int) -> list[int | None] | None:
        return None if number == 1 else [number, None]

    assert parallel_map(maybe, [0, 1, 2, 3], skip_none=True) == [0, 2]
    assert parallel_map(some, [0, 1, 2], expand=True, skip_none=True) == [0, 2]
    records = list(stream_map(maybe, [0, 1, 9], skip_none=True, keep_order=True))
    assert [(one.index, one.result) for one in records] == [(0, 0), (2, None)]
    assert records[1].failure is not None


def test_the_options_of_the_types_are_those_of_the_functions() -> None:
    source = inspect.getsource(__import__("batchmap.call_types", fromlist=["x"]))
    for function in (api.parallel_map, api.stream_map):
        for name in list(inspect.signature(function).parameters)[2:]:
            assert f" {name}: " in source, name


# Outputs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "backend"), [(path, "thread") for path in FORMATS] + [("out.jsonl", "process")]
)
def test_each_result_is_a_row_and_those_of_an_item_are_together(
    here: Path, path: str, backend: str
) -> None:
    done = run(rows_for, NUMBERS, path, expand=True, backend=backend, batch_size=2)
    assert (done.written, done.rows, done.failed) == (len(NUMBERS), sum(NUMBERS), 0)
    check(path, NUMBERS)


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.usefixtures("commits_often")
def test_a_run_goes_on_after_any_number_of_items(here: Path, path: str) -> None:
    for number in range(1, len(NUMBERS) + 1, 3):
        mode: Any = "resume" if number > 1 else "new"
        done = run(rows_for, NUMBERS[:number], path, expand=True, mode=mode, batch_size=1)
        assert (done.written, done.written_before) == (3 if number > 1 else 1, max(0, number - 3))
        check(path, NUMBERS[:number])


@pytest.mark.parametrize("path", ["out.jsonl", "out.csv"])
@pytest.mark.usefixtures("commits_often")
def test_an_output_that_was_cut_anywhere_is_completed(here: Path, path: str) -> None:
    numbers = [2, 0, 1, 0, 3]
    run(rows_for, numbers, path, expand=True, batch_size=1, backend="sequential")
    whole, journal = Path(path).read_bytes(), Path(f"{path}.journal").read_bytes()
    for size in (*range(0, len(whole), 7), len(whole), None):
        Path(path).write_bytes(whole + b"more" if size is None else whole[:size])
        Path(f"{path}.journal").write_bytes(journal)
        run(rows_for, numbers, path, expand=True, mode="resume", backend="sequential")
        assert Path(path).read_bytes() == whole
        check(path, numbers)


@pytest.mark.parametrize("path", FORMATS)
def test_only_zero_results_leave_an_empty_output_that_can_be_resumed(here: Path, path: str) -> None:
    assert run(rows_for, [0, 0], path, expand=True).rows == 0
    assert run(rows_for, [0, 0, 2], path, expand=True, mode="resume").written_before == 2
    check(path, [0, 0, 2])


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.usefixtures("commits_often")
def test_a_sync_makes_what_a_new_run_would_write(here: Path, path: str) -> None:
    calls: list[int] = []

    def noted(number: int) -> Iterator[dict[str, str]]:
        calls.append(number)
        return rows_for(number)

    def sync(numbers: list[int]) -> tuple[int, int]:
        calls.clear()
        options: Any = {"mode": "sync", "backend": "sequential", "batch_size": 2}
        counts = run(noted, numbers, path, expand=True, **options).sync
        check(path, numbers)
        return 0 if counts is None else counts.kept, len(calls)

    assert sync(NUMBERS) == (0, len(NUMBERS))
    assert sync(NUMBERS[::-1]) == (len(NUMBERS), 0)
    assert sync([6, *NUMBERS[5:], 8, 0, 0]) == (len(NUMBERS[5:]) + 2, 2)
    assert sync([0, 6]) == (2, 0)
    assert sync([0]) == (1, 0)
    assert sync([0, 9]) == (1, 1)


@pytest.mark.parametrize("path", FORMATS)
def test_a_failed_item_writes_nothing_and_is_tried_again(here: Path, path: str) -> None:
    def breaks(number: int) -> Iterator[dict[str, str]]:
        for at, row in enumerate(rows_for(number)):
            if at == 2 and not Path("mended").exists():
                raise ValueError("broken")
            yield row

    done = run(breaks, NUMBERS, path, expand=True, keep_order=True)
    good = [number for number in NUMBERS if number < 3]
    assert (done.written, done.failed) == (len(good), len(NUMBERS) - len(good))
    check(path, good)
    Path("mended").touch()
    done = run(breaks, NUMBERS, path, expand=True, mode="sync", retry_failed=True)
    check(path, NUMBERS)


@pytest.mark.parametrize("path", FORMATS)
def test_an_item_one_of_whose_results_cannot_be_written_fails_with_all_of_them(
    here: Path, path: str
) -> None:
    def give(number: int) -> list[Any]:
        return [{"v": number}, {"v": 1j if number == 1 else 9}]

    done = run(give, [0, 1, 2], path, expand=True)
    assert (done.written, done.failed, done.rows) == (2, 1, 4)
    [failure] = Path(f"{path}.errors.jsonl").read_text().splitlines()
    first, second = json.loads(failure)["result"]
    assert (first, second["v"]["value"]) == ({"v": 1}, ["0.0", "1.0"])


def test_columns_are_those_of_all_rows_of_the_first_items(here: Path) -> None:
    def give(number: int) -> list[Any]:
        return [{"a": number}, {"b": number, "a": 7}, number] if number else []

    run(give, [0, 1, 2], "out.csv", expand=True)
    assert Path("out.csv").read_text() == "a,b,result\n1,,\n7,1,\n,,1\n2,,\n7,2,\n,,2\n"


def test_a_part_file_ends_between_two_items(here: Path) -> None:
    Path("in.txt").write_text("".join(f"{number}\n" for number in NUMBERS))
    options: Any = {"expand": True, "split_size_bytes": 100, "output_format": "jsonl"}
    for mode, limit in (("new", 4), ("resume", None), ("sync", None)):
        run(lambda line: list(rows_for(int(line))), "in.txt", "out", mode=mode,  # type: ignore[arg-type]
            limit=limit, **options)  # fmt: skip
    parts = [
        {json.loads(line)["index"] for line in path.read_text().splitlines()}
        for path in sorted(Path("out").iterdir())
    ]
    assert len(parts) > 3
    assert sum(map(len, parts)) == len(set.union(*parts)) == sum(1 for one in NUMBERS if one)
    with pytest.raises(UsageError, match="part files of Parquet may end between two results"):
        run(counted, [1], "out2", **{**options, "output_format": "parquet"})


def test_a_table_holds_a_row_for_each_result(here: Path) -> None:
    import sqlite3

    for mode, numbers in (("new", NUMBERS[:5]), ("resume", NUMBERS)):
        done = run(rows_for, numbers, "sqlite:///out.db?table=t", expand=True, mode=mode)  # type: ignore[arg-type]
    assert (done.written, done.written_before) == (len(NUMBERS) - 5, 5)
    with sqlite3.connect("out.db") as connection:
        found = connection.execute("SELECT * FROM t ORDER BY rowid").fetchall()
    connection.close()
    assert found == [tuple(row.values()) for row in expected(NUMBERS)]


def test_an_output_in_a_store_is_resumed(memory: Any) -> None:
    for mode, numbers in (("new", NUMBERS[:5]), ("resume", NUMBERS)):
        run(rows_for, numbers, "memory://bucket/out.jsonl", expand=True, mode=mode)  # type: ignore[arg-type]
    lines = memory.cat("/bucket/out.jsonl").decode().splitlines()
    assert [json.loads(line)["result"] for line in lines] == expected(NUMBERS)


def test_the_columns_of_the_item_stand_before_each_of_its_results(here: Path) -> None:
    items = [{"id": 1, "n": 2}, {"id": 2, "n": 0}, {"id": 3, "n": 1}]
    run(lambda item: [{"x": one} for one in range(item["n"])], items, "out.csv",
        expand=True, with_item=True)  # fmt: skip
    assert Path("out.csv").read_text() == "id,n,x\n1,2,0\n1,2,1\n3,1,0\n"


@pytest.mark.parametrize("path", FORMATS)
def test_a_result_of_none_writes_nothing_and_its_item_is_done(here: Path, path: str) -> None:
    def maybe(number: int) -> Any:
        return None if number % 2 else {"n": f"{number}"}

    done = run(maybe, [0, 1, 2, 3], path, skip_none=True)
    assert (done.written, done.rows) == (4, 2)
    done = run(maybe, [0, 1, 2, 3, 4], path, skip_none=True, mode="resume")
    assert (done.written, done.written_before) == (1, 4)
    assert rows_in(path) == [{"n": "0"}, {"n": "2"}, {"n": "4"}]


def test_a_run_goes_on_in_the_same_way_only(here: Path) -> None:
    run(counted, [1], "out.jsonl", expand=True)
    with pytest.raises(InputError, match="expand was True when the run began and is not given now"):
        run(counted, [1, 2], "out.jsonl", mode="resume")


def test_a_verification_tells_a_row_that_is_missing(here: Path) -> None:
    run(rows_for, NUMBERS, "out.parquet", expand=True)
    import pyarrow.parquet as pq

    pq.write_table(pq.read_table("out.parquet").slice(1), "other.parquet")
    shutil.copy("other.parquet", "out.parquet")
    found = verify_output(Path("out.parquet"), Path("out.parquet.errors.jsonl")).differences
    assert found != []


@pytest.mark.parametrize("kind", [list, iter])
def test_many_rows_of_lines_in_blocks_are_the_same(here: Path, kind: Callable[..., Any]) -> None:
    Path("in.txt").write_text("".join(f"{number % 4}\n" for number in range(5000)))
    done = run(lambda line: kind(range(int(line))), "in.txt", "out.jsonl", expand=True)
    numbers = [number % 4 for number in range(5000)]
    assert (done.written, done.rows) == (5000, sum(numbers))
    assert rows_in("out.jsonl") == [one for number in numbers for one in range(number)]


# The command ----------------------------------------------------------------------------------

TASKS = """
def several(item):
    for number in range(int(item)):
        yield number
"""


def test_the_command_writes_a_line_for_each_result(place: Place) -> None:
    place.write("calls.py", TASKS)
    done = place.run("calls.py:several", "in.txt", "--expand", "--limit", "4")
    lines = [
        (one["index"], one["item"], one["result"])
        for one in map(json.loads, done.stdout.splitlines())
    ]
    assert sorted(lines) == [
        (1, "1", 0),
        (2, "2", 0),
        (2, "2", 1),
        (3, "3", 0),
        (3, "3", 1),
        (3, "3", 2),
    ]
    words = ["calls.py:several", "in.txt", "--expand", "-o", "out.jsonl"]
    code, lines_ = ended(place.run(*words, "--dry-run"))
    assert (code, lines_) == (0, [])
    done = place.run(*words, "--limit", "4")
    assert "- Results: 6 from 4 items in out.jsonl\n" in done.stdout
    done = place.run(*words, "--resume")
    assert "- Results: 39 from 6 items in out.jsonl, and those of 4 items before\n" in done.stdout
    assert ended(place.run(*words, "--sync"))[0] == 0


@pytest.mark.parametrize("backend", ["auto", "thread", "process"])
@pytest.mark.parametrize("kind", ["", "async "])
def test_what_is_no_list_of_results_is_kept_and_the_run_stops(
    place: Place, backend: str, kind: str
) -> None:
    """A thousand calls may have been paid for."""
    place.numbers(3000)
    place.write("calls.py", f"{kind}def one(item): return {{'a': item}}")
    words = ["calls.py:one", "in.txt", "--expand", "-o", "out.jsonl", "--backend", backend]
    assert ended(place.run(*words, "--retries", "2"))[0] == 4
    failures = place.failures()
    assert 100 <= len(failures) < 3000
    for one in failures:
        assert one["result"] == {"a": one["item"]}
        assert (one["attempts"], one["error_type"]) == (1, "TypeError")


def test_a_generator_is_a_task_only_where_its_results_are_rows(place: Place) -> None:
    path = place.write("calls.py", TASKS)
    with pytest.raises(UsageError, match=r"several in .*calls\.py is a generator; add --expand"):
        load_task(f"{path}:several")
    assert list(load_task(f"{path}:several", shape=CallShape(expand=True)).function("2")) == [0, 1]


# With what else a call may have ---------------------------------------------------------------


def offset() -> int:
    return 100


@pytest.mark.parametrize("backend", ["auto", "thread", "sequential"])
def test_what_a_set_up_gives_comes_after_the_item(backend: str) -> None:
    def some(number: int, first: int) -> range:
        return range(first, first + number)

    for function in (some, counted_from):
        found = parallel_map(
            function,
            [2, 0, 1],
            expand=True,
            setup=offset,
            backend=backend,
        )
        assert found == [100, 101, 100]


def test_the_random_streams_of_a_seed_are_those_of_a_whole_generator() -> None:
    import random

    def some(number: int) -> Iterator[float]:
        for _ in range(number):
            yield random.random()

    options: Any = {"expand": True, "seed": 1, "backend": "sequential"}
    whole = parallel_map(some, [3, 1], **options)
    assert parallel_map(some, [3, 1], **options) == whole
    assert len(set(whole)) == 4
