"""A result is never thrown away: it is in the output, or in the failure of its item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from batchmap import run
from batchmap.errors import InputError, UsageError
from batchmap.marked_json import unmarked

BACKENDS = ("sequential", "thread", "process", "async")


class Answer:
    def __init__(self, score: float) -> None:
        self.score = score


def picture(number: int) -> Any:
    return {"n": number, "png": b"\x89\xff"} if number % 2 else {"n": number}


async def picture_later(number: int) -> Any:
    return picture(number)


def answer(number: int) -> Any:
    return [Answer(number / 2)]


def mixed(number: int) -> Any:
    return "text" if number == 7 else number


def raising(item: Any) -> Any:
    raise ValueError(item)


def same(item: Any) -> str:
    return repr(item)


def failures(path: Path) -> list[dict[str, Any]]:
    lines = Path(f"{path}.errors.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_result_without_a_form_is_in_its_failure(
    tmp_path: Path, backend: str, suffix: str
) -> None:
    path = tmp_path / f"out.{suffix}"
    function = picture_later if backend == "async" else picture
    done = run(function, range(20), path, backend=backend, workers=2, retries=2)
    assert (done.written, done.failed) == (10, 10)
    lines = failures(path)
    assert [unmarked(line["result"]) for line in lines] == [picture(n) for n in range(1, 20, 2)]
    assert {line["attempts"] for line in lines} == {1}
    assert list(lines[0])[-2:] == ["result", "place"]


def huge_at_last(number: int) -> Any:
    return {"n": number, "power": 10**5000 if number == 19 else 1}


@pytest.mark.parametrize("backend", ["sequential", "process"])
def test_a_row_with_a_number_of_too_many_digits_is_in_its_failure(
    tmp_path: Path, backend: str
) -> None:
    path = tmp_path / "out.csv"
    assert run(huge_at_last, range(20), path, backend=backend, workers=2).failed == 1
    [line] = failures(path)
    assert (line["index"], unmarked(line["result"])) == (19, huge_at_last(19))


@pytest.mark.parametrize("backend", ["sequential", "process"])
def test_a_result_that_does_not_fit_into_parquet_is_in_its_failure(
    tmp_path: Path, backend: str
) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "out.parquet"
    assert run(mixed, range(20), path, backend=backend, keep_order=True).failed == 1
    [line] = failures(path)
    assert (line["index"], line["result"]) == (7, "text")


def test_what_not_even_json_can_hold_is_kept_as_text(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    run(answer, range(2), path, backend="sequential")
    assert [line["result_repr"] for line in failures(path)] == [
        "[Answer(score=0.0)]",
        "[Answer(score=0.5)]",
    ]


def test_a_run_without_any_result_stops_after_a_hundred_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out.jsonl"
    done = run(answer, range(1000), path, backend="sequential", batch_size=10)
    assert (done.failed, done.halted, done.in_vain, done.finished) == (100, True, True, False)
    [told] = [one.getMessage() for one in caplog.records if "cannot be written" in one.msg]
    assert told.startswith("item 0: the result cannot be written, and is kept in ")
    again = run(answer, range(1000), path, mode="resume", backend="sequential", batch_size=10)
    assert (again.failed, again.failed_before) == (100, 100)


def test_one_result_that_can_be_written_lets_the_run_go_on(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"

    def one(number: int) -> Any:
        return number if number == 50 else object()

    done = run(one, range(300), path, backend="sequential", batch_size=10)
    assert (done.written, done.failed, done.finished) == (1, 299, True)


# Failed items as the next run's input -----------------------------------------------------------


def test_the_failed_rows_of_parquet_are_the_same_rows_again(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    import datetime
    import decimal

    now = datetime.datetime(2024, 5, 6, 7, 8, 9, 123456)
    rows: list[dict[str, Any]] = [
        {"n": 1, "x": float("nan"), "b": b"\xff\x00", "t": "x" * 50_000, "d": now.date()},
        {"n": 2, "x": None, "b": None, "t": "\u2028", "d": None},
    ]
    more: dict[str, Any] = {
        "at": [now.replace(tzinfo=datetime.UTC), None],
        "price": [decimal.Decimal("1.10"), decimal.Decimal("-3.00")],
        "tags": [[b"a"], []],
        "s": [{"f": float("inf")}, None],
    }
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]} | more
    parquet.write_table(arrow.table(columns), tmp_path / "in.parquet")
    check_again(tmp_path, tmp_path / "in.parquet", 2)


def test_the_failed_items_of_text_and_csv_are_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"one\n\xff\xfe\n" + b"y" * 30_000 + b"\n\n")
    check_again(tmp_path, tmp_path / "in.txt", 4)
    (tmp_path / "in.csv").write_bytes('a,$batchmap\n1,bytes\n"x\ny",é\n'.encode())
    check_again(tmp_path, tmp_path / "in.csv", 2)


def test_the_failed_rows_of_a_database_are_the_same_again(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "in.db")) as base:
        base.execute("create table t (a, b)")
        base.executemany("insert into t values (?, ?)", [(b"\x00\xff", 1.5), (None, float("inf"))])
        base.commit()
    check_again(tmp_path, f"sqlite:///{tmp_path / 'in.db'}?query=SELECT a, b FROM t", 2)


def check_again(tmp_path: Path, source: Any, number: int) -> None:
    """Check that the items of a run that all failed are those of a run over its errors file."""
    failed, first, second = (tmp_path / f"{name}.jsonl" for name in ("failed", "first", "second"))
    options: Any = {"mode": "overwrite", "record": "result", "keep_order": True}
    options |= {"backend": "sequential"}
    assert run(raising, source, failed, **options).failed == number
    run(same, source, first, **options)
    run(same, f"{failed}.errors.jsonl", second, input_format="errors", **options)
    assert len(first.read_text().splitlines()) == number
    assert second.read_text() == first.read_text()


def test_a_bad_line_is_a_bad_line_again(tmp_path: Path) -> None:
    bad = '{"a": ' + "1" * 20_000
    (tmp_path / "in.jsonl").write_text(f"1\n{bad}\nNaN\n")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert run(raising, tmp_path / "in.jsonl", first).failed == 3
    assert failures(first)[1]["item"] == bad
    done = run(same, f"{first}.errors.jsonl", second, input_format="errors")
    assert (done.written, done.failed) == (1, 2)
    for line, again in zip(failures(first)[1:], failures(second), strict=True):
        for name in ("item", "error_type", "error", "unreadable"):
            assert again[name] == line[name]
    assert [json.loads(line)["item"] for line in second.read_text().splitlines()] == [1]


# Options ----------------------------------------------------------------------------------------


def test_columns_of_an_output_that_takes_any_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"columns_out.*jsonl takes any columns"):
        run(same, [1], tmp_path / "out.jsonl", columns_out="a,b")
    for wrong in ("", "a,,b", "a,a", 5):
        with pytest.raises(UsageError, match="columns_out"):
            run(same, [1], tmp_path / "out.csv", columns_out=wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_on_with_the_same_columns_and_strictness_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    run(same, [1], path, columns_out="a")
    assert path.read_text() == "a,result\n,1\n"
    with pytest.raises(InputError, match="columns_out"):
        run(same, [1, 2], path, mode="resume", columns_out="b")
    with pytest.raises(InputError, match="strict"):
        run(same, [1, 2], path, mode="resume", columns_out="a", strict=True)
    assert run(same, [1, 2], path, mode="resume", columns_out="a").finished


def test_a_dry_run_tells_of_results_that_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from batchmap.command.dry_run import find_plan
    from batchmap.job import Job
    from batchmap.options import JobOptions
    from batchmap.sources.python_items import PythonItems

    options = JobOptions(output=tmp_path / "out.csv")
    with Job(answer, options, source=PythonItems(range(50))) as job:
        find_plan(job)
    [told] = [one.getMessage() for one in caplog.records]
    assert "results cannot be written as csv: TypeError: " in told
    assert list(tmp_path.iterdir()) == []
